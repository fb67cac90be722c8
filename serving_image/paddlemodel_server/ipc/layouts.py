"""Where the tensors of a signature lie in a slot, and the short names of such layouts; pure.

signature = per tensor: dtype, rank, dimensions; then REDUCED, where a request wants the task's reduction
of the outputs; then FURTHER - model, where it is for another model of the worker than the first (all int32)
"""

import struct
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np

CONTROL = struct.Struct("<QIIQ65p7x")  # what a slot begins with; `slots` says what it means
_REDUCED, _FURTHER = -1, -1  # no dtype has such a number; models further on have -2, -3, …
_DTYPES = [np.dtype(name) for name in (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64",
    "uint16", "uint32", "uint64", "complex64", "complex128",
)]  # fmt: skip
_CODES = {dtype: code for code, dtype in enumerate(_DTYPES)}


Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)  # compared by identity, since equal ones are the same object: see layout_of
class Layout:
    """Where the tensors of one signature lie in a slot."""

    signature: bytes
    tensors: tuple[tuple[np.dtype[Any], Shape, int, int], ...]  # dtype, shape, offset, elements
    end: int
    reduced: bool = False  # of a request: whether it wants the task's reduction of the outputs
    model: int = 0  # of a request: the number of the worker's model that it is for

    @cached_property
    def rows(self) -> int:
        """The number of rows; 0 where the tensors disagree about it, so that they are no batch."""
        counts = {shape[0] if shape else 0 for _, shape, _, _ in self.tensors}
        return counts.pop() if len(counts) == 1 else 0

    @cached_property
    def kind(self) -> tuple[int, bool, *tuple[Shape, ...]]:
        """What requests must share to run together: everything but the number of rows."""
        return (self.model, self.reduced, *(shape[1:] for _, shape, _, _ in self.tensors))


@lru_cache(maxsize=4096)
def layout_of(
    tensors: tuple[tuple[np.dtype[Any], Shape], ...], *, reduced: bool = False, model: int = 0
) -> Layout:
    """Lay tensors out in a slot."""
    numbers: list[int] = []
    for dtype, shape in tensors:
        numbers += (_CODES[dtype], len(shape), *shape)
    if reduced:
        numbers.append(_REDUCED)
    if model:
        numbers.append(_FURTHER - model)
    signature = struct.pack(f"<{len(numbers)}i", *numbers)
    placed, offset = [], aligned(CONTROL.size + len(signature))
    for dtype, shape in tensors:
        elements = int(np.prod(shape, dtype=np.int64))
        placed.append((dtype, shape, offset, elements))
        offset = aligned(offset + elements * dtype.itemsize)
    return Layout(signature, tuple(placed), offset, reduced, model)


@lru_cache(maxsize=4096)
def parse(signature: bytes) -> Layout:
    """Read a signature back into a layout."""
    numbers = list(struct.unpack(f"<{len(signature) // 4}i", signature))
    tensors, position = [], 0
    model = _FURTHER - numbers.pop() if numbers and numbers[-1] < _FURTHER else 0
    reduced = numbers[-1:] == [_REDUCED]
    while position < len(numbers) - reduced:
        code, rank = numbers[position : position + 2]
        tensors.append((_DTYPES[code], tuple(numbers[position + 2 : position + 2 + rank])))
        position += 2 + rank
    return layout_of(tuple(tensors), reduced=reduced, model=model)


class Numbers:
    """The sender's short names for the layouts of one connection, so that nobody parses a signature twice."""

    MOST: Final = 4096  # then the number is 0, which says nothing, and the receiver reads the signature

    def __init__(self) -> None:
        self._numbers: dict[Layout, int] = {}

    def of(self, layout: Layout) -> int:
        """The number of a layout."""
        number = self._numbers.get(layout)
        if number is None:
            number = len(self._numbers) + 1 if len(self._numbers) < self.MOST else 0
            if number:
                self._numbers[layout] = number
        return number


def aligned(number: int, boundary: int = 64) -> int:
    """The number itself, or the next one that the boundary divides."""
    return -(-number // boundary) * boundary
