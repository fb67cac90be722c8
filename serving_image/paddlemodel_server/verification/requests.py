"""What a recording asks of the model that is to be verified."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from paddlemodel_server.engine.interface import Array
from paddlemodel_server.errors import StartError
from paddlemodel_server.model import bfloat16
from paddlemodel_server.model.signature import Model
from paddlemodel_server.verification import recording, v2_client
from paddlemodel_server.verification.recording import Exchange, TaskExchange
from paddlemodel_server.verification.rules import Rules


@dataclass(frozen=True, kw_only=True)
class Request:
    """One of tensors; numbers count from 1.

    Attributes:
        arrays: in the order of the model's inputs, of its dtypes.
        expected: the recorded outputs.
    """

    number: int
    arrays: list[Array]
    expected: v2_client.Arrays

    @property
    def rows(self) -> int:
        """Of each input."""
        return len(self.arrays[0]) if self.arrays and self.arrays[0].ndim else 1

    def fits(self, other: "Request") -> bool:
        """Whether both can share a run: all but the rows is equal."""
        return all(
            a.ndim and b.ndim and a.shape[1:] == b.shape[1:]
            for a, b in zip(self.arrays, other.arrays, strict=True)
        )


@dataclass(frozen=True, kw_only=True)
class Question:
    """One to the task."""

    number: int
    exchange: TaskExchange


def read(model: Model, rules: Rules) -> Iterator[Request | Question]:
    """The requests of a recording, in their order.

    Raises:
        StartError: `RecordingMissing`, `RecordingInvalid`.
    """
    if not rules.recording.is_file():
        raise StartError(
            "RecordingMissing",
            f"There is no {rules.where}: put the recording of spec.verification there (paddlemodel-server "
            "verify --record writes one), or remove spec.verification.",
        )
    try:
        for number, exchange in enumerate(recording.read(rules.recording), start=1):
            if isinstance(exchange, TaskExchange):
                yield Question(number=number, exchange=exchange)
            else:
                arrays = _arrays(model, exchange, number)
                yield Request(number=number, arrays=arrays, expected=exchange.outputs)
    except StartError as error:
        if error.reason != "UnreadableRecording":
            raise
        said = error.message.replace(str(rules.recording), rules.where)
        raise StartError("RecordingInvalid", said) from error


def _arrays(model: Model, exchange: Exchange, number: int) -> list[Array]:
    names = [tensor.name for tensor in model.inputs]
    if set(exchange.inputs) != set(names):
        raise StartError(
            "RecordingInvalid",
            f"Recorded request {number} has the inputs {', '.join(sorted(exchange.inputs))}, the model wants "
            f"{', '.join(sorted(names))}: the recording is of another model.",
        )
    arrays = []
    for tensor in model.inputs:
        array = exchange.inputs[tensor.name]
        fits = len(array.shape) == len(tensor.shape) and all(
            wanted in (-1, size) for size, wanted in zip(array.shape, tensor.shape, strict=True)
        )
        if not fits or array.dtype != v2_client.NUMPY.get(tensor.datatype):
            raise StartError(
                "RecordingInvalid",
                f"Recorded request {number} has {tensor.name} of {array.dtype} {list(array.shape)}, the "
                f"model wants {tensor.dtype} {list(tensor.shape)}: the recording is of another model.",
            )
        arrays.append(bfloat16.bits(array) if tensor.datatype == "BF16" else np.ascontiguousarray(array))
    return arrays
