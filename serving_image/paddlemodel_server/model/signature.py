"""What a model takes and gives: names, dtypes and shapes, read from its files without Paddle.

The supervisor reads it at the start (a task that does not fit the model fails before Paddle is loaded), the
HTTP workers validate every request against it, the workers warm up with it.
"""

from dataclasses import dataclass
from functools import cached_property

from paddlemodel_server.model import formats
from paddlemodel_server.model.files import ModelFiles
from paddlemodel_server.model.formats.program import DATATYPES, Program, Tensor

__all__ = ["DATATYPES", "Model", "Tensor", "read"]


@dataclass(frozen=True, kw_only=True)
class Model:
    """All inputs and outputs, in the order in which Paddle knows them."""

    format: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @cached_property
    def batched(self) -> bool:
        """Whether requests may share a run: every tensor leaves its first dimension open."""
        return all(tensor.shape[:1] == (-1,) for tensor in (*self.inputs, *self.outputs))


def of(program: Program) -> Model:
    """What a program that has been read takes and gives."""
    return Model(format=program.format, inputs=program.inputs, outputs=program.outputs)


def read(files: ModelFiles) -> Model:
    """Read the inputs and outputs of a model, and check that its parameters are those of its program.

    Raises:
        StartError: as formats.checked().
    """
    return of(formats.checked(files))
