"""One tensor: from JSON numbers or from bytes into the model's dtype and shape, and back.

Nothing is changed silently: every number is checked here, so that Paddle never sees a request that it
would refuse, crash on or misread.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from math import prod
from typing import Any

import numpy as np
import orjson

from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.model import bfloat16
from paddlemodel_server.protocol.json.numbers import Numbers
from paddlemodel_server.protocol.json.text import shown
from paddlemodel_server.protocol.request import Array, Expected
from paddlemodel_server.protocol.served import Served

Shape = tuple[int, ...]
_MOST = 1 << 31  # of one dimension: Paddle's are signed 32-bit numbers
_NUMBERS = frozenset({int, float})
_LARGEST_BFLOAT16 = float(bfloat16.numbers(np.array([0x7F7F], np.uint16))[0])


class UnevenError(Exception):
    """Lists of different lengths, or numbers beside lists."""


def shape_of(found: Any, expected: Expected) -> Shape:
    """Check a shape that the client states."""
    wanted = expected.shape
    if type(found) is list and len(found) == len(wanted):
        for size, want in zip(found, wanted, strict=True):
            if type(size) is not int or (size != want and not (want == -1 and 0 < size < _MOST)):
                break
        else:
            return tuple(found)
    raise BadRequestError(f"Input {expected.name} has shape {shown(found)}; expected {expected.shown_shape}.")


def unnested(data: list[Any]) -> tuple[list[Any], Shape, frozenset[type]]:
    """The values of nested lists in one list, the lists' shape, and the types of the values."""
    shape = [len(data)]
    kinds = frozenset(map(type, data))
    while list in kinds:
        lengths = set(map(len, data)) if len(kinds) == 1 else set[int]()
        if len(lengths) != 1:
            raise UnevenError
        shape.append(lengths.pop())
        data = list(chain.from_iterable(data))
        kinds = frozenset(map(type, data))
    return data, tuple(shape), kinds


def uneven(expected: Expected) -> BadRequestError:
    """What to tell about an UnevenError."""
    return BadRequestError(
        f"The data of input {expected.name} is a list of uneven lists; "
        f"send it flat, or nested as its shape {expected.shown_shape} says."
    )


def from_values(data: Any, shape: Shape, expected: Expected) -> Array:
    """The tensor of a JSON list, flat or nested as the shape says."""
    if type(data) is Numbers and (len(data.shape) == 1 or data.shape == shape):
        return data.tensor(expected, shape)
    if type(data) is not list:
        raise BadRequestError(f"Input {expected.name} needs data, a list of numbers; found {shown(data)}.")
    try:
        values, nested, kinds = unnested(data)
    except UnevenError:
        raise uneven(expected) from None
    if len(values) != prod(shape):
        raise BadRequestError(
            f"Input {expected.name} has {len(values)} values; its shape {list(shape)} needs {prod(shape)}."
        )
    if len(nested) > 1 and nested != shape:
        raise BadRequestError(
            f"The data of input {expected.name} is nested as {list(nested)}; its shape is {list(shape)}."
        )
    return numbers(values, kinds, expected).reshape(shape)


def numbers(values: list[Any], kinds: frozenset[type], expected: Expected) -> Array:
    """A flat list of JSON values in the model's dtype."""
    wanted = expected.kind
    try:
        if wanted == "f":
            if kinds <= _NUMBERS:
                if expected.bits:
                    return _bfloat16(values)
                with np.errstate(over="raise"):
                    return np.array(values, expected.dtype)
        elif kinds == {int}:
            if wanted != "b" or {0, 1}.issuperset(values):
                return np.array(values, expected.dtype)
        elif wanted == "b" and kinds == {bool}:
            return np.array(values, np.bool_)
    except (OverflowError, FloatingPointError):
        pass
    raise _misfit(values, expected)


def _bfloat16(values: list[Any]) -> Array:
    wide = np.array(values, np.float64)
    if wide.size and np.abs(wide).max() > _LARGEST_BFLOAT16:
        raise OverflowError
    return bfloat16.bits(wide)


def _misfit(values: list[Any], expected: Expected) -> BadRequestError:
    """Name the first value that does not fit."""
    at, found = next(((i, v) for i, v in enumerate(values) if not _fits(v, expected)), (0, values[0]))
    limits = ""
    if expected.kind in "iu":
        info = np.iinfo(expected.dtype)
        limits = f", a whole number from {info.min} to {info.max}"
    elif expected.kind == "b":
        limits = ", true or false"
    return BadRequestError(
        f"Input {expected.name} has the value {shown(found)} at position {at}; "
        f"expected {expected.datatype}{limits}."
    )


def _fits(value: Any, expected: Expected) -> bool:
    if expected.kind == "f":
        most = _LARGEST_BFLOAT16 if expected.bits else float(np.finfo(expected.dtype).max)
        return type(value) in _NUMBERS and abs(value) <= most
    if expected.kind == "b":
        return type(value) is bool or (type(value) is int and value in {0, 1})
    info = np.iinfo(expected.dtype)
    return type(value) is int and info.min <= value <= info.max


def from_bytes(data: Any, shape: Shape, expected: Expected) -> Array:
    """The tensor of little-endian bytes, which are not copied.

    Raises:
        BadRequestError: there are more or fewer bytes than the shape needs, or a BOOL is neither 0 nor 1.
    """
    dtype = expected.dtype
    size = prod(shape) * dtype.itemsize
    if len(data) != size:
        raise BadRequestError(
            f"Input {expected.name} has {len(data)} bytes; its shape {list(shape)} in {expected.datatype} "
            f"needs {size}."
        )
    if expected.kind == "b":
        found = np.frombuffer(data, np.uint8)
        if found.size and found.max() > 1:
            at = int(np.argmax(found > 1))
            raise BadRequestError(
                f"Input {expected.name} has the byte {found[at]} at position {at}; expected BOOL, 0 or 1."
            )
    return np.ndarray(shape, dtype, data)


def to_bytes(array: Array) -> bytes:
    """The little-endian bytes of a tensor, row by row."""
    return array.tobytes()


def meant(array: Array, expected: Expected) -> Array:
    """The numbers of an output; of bfloat16 what its bits mean, unless Paddle answered in another dtype."""
    return bfloat16.numbers(array) if expected.bits and array.dtype == expected.dtype else array


def to_json(array: Array) -> bytes:
    """Numbers as a flat JSON list; NaN and infinity become null."""
    return orjson.dumps(array.ravel(), option=orjson.OPT_SERIALIZE_NUMPY)


def non_finite(array: Array) -> int:
    """How many numbers are NaN or infinite."""
    return array.size - int(np.isfinite(array).sum()) if array.dtype.kind == "f" else 0


@lru_cache(maxsize=1024)
def shape_json(shape: Shape) -> bytes:
    """A shape as JSON."""
    return orjson.dumps(shape)


@lru_cache(maxsize=1024)
def implied_shape(size: int, expected: Expected) -> Shape | None:
    """The shape of so many bytes, where the model leaves at most one dimension open; else None."""
    shape, at = expected.shape, expected.open_at
    if at is None:
        return None if -1 in shape else shape
    return (*shape[:at], max(1, size // expected.step) if expected.step else 1, *shape[at + 1 :])


def check_ids(served: Served, arrays: Sequence[Array]) -> None:
    """Refuse ids of an embedding that are not in its table, for Paddle reads past it.

    Args:
        served: the model; `served.ids` says which of its inputs are ids.
        arrays: the inputs of a request, in the model's order.

    Raises:
        BadRequestError: it names the input, the first wrong id, where it stands, and the ids that exist.
    """
    for at, name, limit in served.ids:
        array = arrays[at]
        if not array.size or (array.min() >= 0 and array.max() < limit):
            continue
        values = array.reshape(-1)
        place = int(np.argmax((values < 0) | (values >= limit)))
        raise BadRequestError(
            f"Input {name} has the id {int(values[place])} at position {place}; the model's table has the "
            f"ids 0 to {limit - 1}."
        )
