"""Large JSON requests, read without a Python object for each of their numbers.

simdjson hands whole lists over as the numbers' bytes, in a third of the time that orjson, lists and numpy
take (docs/benchmarks.md). It is an optimisation and no second opinion: what is read here is what the exact
reader (`text`, `tensors`) makes of it. Whatever is not plainly regular is `UnsuitedError`, and then the
exact reader decides, and finds the words.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from math import prod
from typing import Any, Literal, TypeVar

import numpy as np
import simdjson

from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.protocol.json import text
from paddlemodel_server.protocol.request import Array, Expected

Understood = TypeVar("Understood")
LARGE = 4096  # bytes: below, an object for each number is quicker than a parser of one's own
_EACH = 256  # bytes of text for each value beside numbers: many small rows are quicker read by orjson
_LEAST = 64  # such values, which are worth it in any text that is large
_FEW = 8  # numbers of a list, likewise
_MOST_KEYS = 64  # of an object, which is searched from its begin for each of them
_DEEPEST = 8  # objects and lists in one another, but for those of numbers
_NUMBERS = frozenset({int, float})
_Word = Literal["d", "i", "u"]
_WIDEST: dict[str, tuple[_Word, str]] = {"f": ("d", "f8"), "i": ("i", "i8"), "u": ("u", "u8")}
_BYTE_ORDER_MARK, _BACKSLASH, _BRACKET = b"\xef\xbb\xbf", b"\\", ord("[")


class UnsuitedError(Exception):
    """The exact reader has to look: at a fault, or at what gains nothing here."""


class Numbers:
    """A list of JSON numbers, regularly nested: its shape, and its numbers in any dtype."""

    def __init__(self, found: simdjson.Array, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._found = found

    def tensor(self, expected: Expected, shape: tuple[int, ...]) -> Array:
        """The numbers in the dtype and shape that are expected, row by row.

        Raises:
            UnsuitedError: a number does not fit, or there are more or fewer than the shape needs.
        """
        wide = self._wide(expected)
        if wide.size != prod(shape):
            raise UnsuitedError
        if wide.dtype.kind == "f":
            try:
                with np.errstate(over="raise"):
                    return wide.astype(expected.dtype).reshape(shape)
            except FloatingPointError:
                raise UnsuitedError from None
        limits = np.iinfo(expected.dtype)
        if wide.min() < limits.min or wide.max() > limits.max:
            raise UnsuitedError
        return wide.astype(expected.dtype).reshape(shape)

    @staticmethod
    def stacked(rows: Sequence["Numbers"], expected: Expected, shape: tuple[int, ...]) -> Array:
        """The tensor of a list of rows, each of which is such a list."""
        if any(type(row) is not Numbers or row.shape != rows[0].shape for row in rows):
            raise UnsuitedError
        return np.stack([row.tensor(expected, shape[1:]) for row in rows])

    def _wide(self, expected: Expected) -> Array:
        if expected.bits or expected.kind not in _WIDEST:  # bfloat16, BOOL: the exact reader has their rules
            raise UnsuitedError
        word, dtype = _WIDEST[expected.kind]
        try:
            return np.frombuffer(self._found.as_buffer(of_type=word), dtype)
        except (TypeError, ValueError):  # something that is no number, no whole one, or too large
            raise UnsuitedError from None


def understood(body: bytes, understand: Callable[[dict[str, Any]], Understood]) -> Understood:
    """What a JSON object means, read quickly where that is possible, else exactly.

    Args:
        body: the text.
        understand: makes something of the object; in it a list may be `Numbers`.

    Raises:
        BadRequestError: as the exact reader or `understand` says.
    """
    if len(body) >= LARGE:
        with suppress(UnsuitedError, BadRequestError):
            return understand(read(body))
    return understand(text.read(body))


def read(body: bytes) -> dict[str, Any]:
    """Read a JSON object; of its lists, those that hold numbers become `Numbers`.

    Raises:
        UnsuitedError: it is not plainly a JSON object, with each key once, of regular lists.
    """
    if _BACKSLASH in body or body.startswith(_BYTE_ORDER_MARK):
        raise UnsuitedError
    try:
        found = simdjson.Parser().parse(body)
    except (ValueError, RuntimeError):
        raise UnsuitedError from None
    reader = _Reader(_LEAST + len(body) // _EACH)
    content = reader.read(found, _DEEPEST)
    # A list among numbers would be taken for its own numbers: then there are more brackets than were seen.
    brackets = np.count_nonzero(np.frombuffer(body, np.uint8) == _BRACKET)
    if type(content) is not dict or brackets != reader.brackets:
        raise UnsuitedError
    return content


class _Reader:
    def __init__(self, most: int) -> None:
        self.brackets = 0  # of the lists that were read, and in strings
        self._left = most  # values, but for lists of numbers, that it still reads

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise UnsuitedError

    def read(self, found: Any, depth: int) -> Any:
        """What Python has for a value; lists of numbers are left as they are."""
        if not depth:
            raise UnsuitedError
        if isinstance(found, simdjson.Array):
            return self._list(found, depth)
        if isinstance(found, simdjson.Object):
            self._take(len(found))
            if len(found) > _MOST_KEYS:
                raise UnsuitedError
            content = {self.read(key, 1): self.read(found[key], depth - 1) for key in found}
            if len(content) != len(found):
                raise UnsuitedError
            return content
        if type(found) is str:
            self.brackets += found.count("[")
        return found

    def _list(self, found: simdjson.Array, depth: int) -> Any:
        size = len(found)
        nested = size > 0 and isinstance(found[0], simdjson.Array)
        if nested or (size > _FEW and type(found[0]) in _NUMBERS):
            return self._numbers(found)
        self._take(size)
        self.brackets += 1
        return [self.read(value, depth - 1) for value in found]

    def _numbers(self, found: simdjson.Array) -> Numbers:
        """Every list but the innermost is looked into; of those the lengths are enough."""
        shape = _shape(found)
        if shape[-1] < _FEW < prod(shape[:-1]):
            raise UnsuitedError
        self.brackets += 1
        level: list[Any] = [found]
        for size in shape[1:]:
            level = [_of_size(inner, size) for one in level for inner in one]
            self.brackets += len(level)
        return Numbers(found, shape)


def _shape(found: Any) -> tuple[int, ...]:
    """That of the first numbers; a million short lists are not looked into to find that they are short."""
    shape: list[int] = []
    while isinstance(found, simdjson.Array):
        shape.append(len(found))
        if not shape[-1]:
            raise UnsuitedError
        found = found[0]
    return tuple(shape)


def _of_size(found: Any, size: int) -> simdjson.Array:
    if not isinstance(found, simdjson.Array) or len(found) != size:
        raise UnsuitedError
    return found
