"""The vocabulary of the readers: a tensor, and what a program's file says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

# Names of the Open Inference Protocol V2; Paddle calls dtypes as numpy does, which has no bfloat16.
# Each was run with the installed Paddle, in both formats, as input and output: docs/engine.md has the table.
DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "bfloat16": "BF16",
}


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One input, output or parameter; -1 stands for a dimension that the request decides."""

    name: str
    dtype: str  # as numpy names it
    shape: tuple[int, ...]
    id_limit: int | None = None  # of an input that is an embedding's ids: they are from 0, and below this

    @property
    def datatype(self) -> str:
        """The dtype's name in the V2 protocol."""
        return DATATYPES.get(self.dtype, self.dtype.upper())

    @cached_property
    def numpy(self) -> "np.dtype[Any]":
        """The dtype for numpy, which neither the fetcher nor `inspect` has to load.

        Of bfloat16 the bits, as uint16: so Paddle does it, which has no uint16 of its own (see bfloat16.py).
        """
        import numpy as np  # noqa: PLC0415

        return np.dtype("uint16" if self.dtype == "bfloat16" else self.dtype)


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program; its parameters are in the order in which their file holds them."""

    format: str
    writer: str  # the Paddle that exported it, as far as the file tells
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    parameters: tuple[Tensor, ...]
    operators: Mapping[str, int]  # how often each is used; feed, fetch and parameters are none
    training: frozenset[str] = frozenset()  # operators in training mode: their `is_test` is false

    @property
    def quantised(self) -> bool:
        """Whether it computes with, or imitates, whole numbers of 8 bits."""
        return any("quantize" in name for name in self.operators)


def as_saved(parameters: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """Paddle sorts parameters by name, byte by byte, before it writes or reads their file."""
    return tuple(sorted(parameters, key=lambda tensor: tensor.name.encode()))
