"""How tensors compare with those that were recorded, or that another version has answered.

Floats agree within a tolerance, all else is equal; NaN and infinity, which JSON does not know, agree with
each other only.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from paddlemodel_server.engine.difference import difference
from paddlemodel_server.verification import v2_client

MOST_AXES: Final = 4
"""Of an output whose axes may be looked for in another order; of more there are too many orders."""
_TINY = float(np.finfo(np.float32).tiny)
NO_TEXT = "it is a tensor, which has no texts: compare it by Values or TopK, or record requests to the task"


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far a float may be from the recorded one: `atol + rtol * |recorded|`; others must be equal.

    With `top_k` not values count, but where the largest ones of each row, along the last dimension, are. With
    `text` only texts do; `rtol` is the part of their characters that may be others.
    """

    rtol: float
    atol: float
    top_k: int = 0
    text: bool = False


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """The tolerance of every output, and those of some by a name that they had or have."""

    default: Tolerance
    of: Mapping[str, Tolerance] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Value:
    """The value of an output that is farthest off; of a task's answer perhaps no number."""

    index: str  # as [0][5], or lines[0].text
    expected: str
    actual: str
    absolute: float | None = None  # infinite where only one of the two is a number
    relative: float | None = None  # to the recorded one

    def __str__(self) -> str:
        return f"; value {self.index} is {self.actual}, recorded is {self.expected}"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How one output of one request compares."""

    output: str
    fault: str  # "" where it agrees
    largest: float = 0.0  # absolute
    largest_relative: float = 0.0
    beyond: int = 0  # values beyond the tolerance
    size: int = 0
    worst: Value | None = None
    places: str = ""  # of the largest values of a row, in words

    @property
    def example(self) -> str:
        """What is off, by its worst value; empty where it cannot be compared."""
        return str(self.worst or self.places)

    @property
    def agrees(self) -> bool:
        """Whether everything is within the tolerance."""
        return not self.fault

    @property
    def weight(self) -> tuple[bool, float, float]:
        """How bad it is: what cannot be compared is worst, then the part of the values that is off."""
        return not self.size, self.beyond / max(1, self.size), self.largest


def compare(expected: v2_client.Arrays, found: v2_client.Arrays, tolerances: Tolerances) -> list[Difference]:
    """Compare an answer with the recorded one, output by output.

    Who exports a model does not choose its outputs' names: if they are others now, but as many, order counts.
    A tolerance of a name that is no output's may be one of a field, or of another answer.
    """
    renamed = set(expected) != set(found) and len(expected) == len(found)
    now = dict(zip(expected, found, strict=True)) if renamed else {name: name for name in expected}
    differences = []
    for name, array in expected.items():
        if now[name] in found:
            tolerance = tolerances.of.get(name) or tolerances.of.get(now[name]) or tolerances.default
            differences.append(_compare(name, array, found[now[name]], tolerance))
        else:
            differences.append(Difference(output=name, fault="it is missing in the answer"))
    more = [name for name in found if name not in now.values()]
    return differences + [Difference(output=name, fault="it is not in the recording") for name in more]


def _compare(
    name: str, expected: v2_client.Array, found: v2_client.Array, tolerance: Tolerance
) -> Difference:
    if near := _near(name, expected, found, tolerance):
        return near
    expected, found = _as_json(expected), _as_json(found)
    distance = difference(expected, found)
    if distance.fault:
        return Difference(output=name, fault=distance.fault + _turned(expected, found, tolerance))
    if tolerance.text:
        return Difference(output=name, fault=NO_TEXT)
    if tolerance.top_k:
        return _compare_places(name, expected, found, tolerance.top_k)
    off = distance.off(rtol=tolerance.rtol, atol=tolerance.atol)
    count = int(off.sum())
    return Difference(
        output=name,
        fault=_fault(expected, found, count) + (_turned(expected, found, tolerance) if count else ""),
        largest=distance.largest,
        largest_relative=distance.largest_relative,
        beyond=count,
        size=expected.size,
        worst=_worst(expected, found, np.where(off, distance.absolute, -1)) if count else None,
    )


def _near(
    name: str, expected: v2_client.Array, found: v2_client.Array, tolerance: Tolerance
) -> Difference | None:
    """How floats compare that clearly agree, in a few passes; None where `difference` has to say.

    Nearly all mirrored answers are such ones, and for a small one `difference` takes 0.2 ms.
    """
    if tolerance.text or tolerance.top_k or not expected.size or expected.dtype.kind != "f":
        return None
    if expected.dtype != found.dtype or expected.shape != found.shape:
        return None
    one, other = expected.astype(np.float64), found.astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart, scale = np.abs(other - one), np.abs(one)
        largest = float(apart.max())
        # An infinite number makes `largest` infinite or NaN, and NaN is no more than anything.
        if not math.isfinite(largest) or not (apart <= tolerance.atol + tolerance.rtol * scale).all():
            return None
    relative = float((apart / np.maximum(scale, _TINY)).max())
    return Difference(output=name, fault="", largest=largest, largest_relative=relative, size=expected.size)


def _fault(expected: v2_client.Array, found: v2_client.Array, count: int) -> str:
    if not count:
        return ""
    lost = int((_is_nan(found) & ~_is_nan(expected)).sum())
    if lost:
        return f"{lost} of {expected.size} values are NaN or infinite, where numbers are recorded"
    return f"{count} of {expected.size} values are beyond the tolerance"


def _turned(expected: v2_client.Array, found: v2_client.Array, tolerance: Tolerance) -> str:
    """Whether only the order of its axes is another, as after a transpose, in words; else nothing.

    Shapes tell that only where the sides of an array are of different lengths.
    """
    axes = expected.ndim
    if found.ndim != axes or not 2 <= axes <= MOST_AXES or not expected.size or tolerance.top_k:
        return ""
    line = (0,) * (axes - 1)  # looked at first: it is quick, and most orders end there
    for order in itertools.islice(itertools.permutations(range(axes)), 1, None):
        turned = found.transpose(order)
        if turned.shape != expected.shape or not _agree(expected[line], turned[line], tolerance):
            continue
        if _agree(expected, turned, tolerance):
            return f", and all agree with its axes in the order {list(order)}: it is transposed"
    return ""


def _agree(expected: v2_client.Array, found: v2_client.Array, tolerance: Tolerance) -> bool:
    distance = difference(expected, found)
    return not distance.fault and not distance.beyond(rtol=tolerance.rtol, atol=tolerance.atol)


def _is_nan(array: v2_client.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.isnan(array) if np.issubdtype(array.dtype, np.floating) else np.zeros(array.shape, bool)


def _worst(expected: v2_client.Array, found: v2_client.Array, distance: v2_client.Array) -> Value:
    """The value that is farthest off: where, what it is and what was recorded."""
    at = np.unravel_index(int(distance.argmax()), distance.shape)
    return value(at, expected, found, float(distance[at]))


def value(
    at: Sequence[Any], expected: v2_client.Array, found: v2_client.Array, absolute: float, path: str = ""
) -> Value:
    """The value of two arrays at one place, of which `absolute` is the difference; `path` is the array's."""
    where, scale = tuple(at), abs(float(expected[tuple(at)]))
    return Value(
        index=path + index(at),
        expected=f"{expected[where]:.6g}",
        actual=f"{found[where]:.6g}",
        absolute=absolute,
        relative=absolute / scale if scale > 0 else math.inf,
    )


def index(at: Sequence[Any]) -> str:
    """A place as people write it, such as [0][5]."""
    return "".join(f"[{int(one)}]" for one in at)


def _compare_places(name: str, expected: v2_client.Array, found: v2_client.Array, k: int) -> Difference:
    """Whether the k largest values of each row are where they were; equal values may change places."""
    width = expected.shape[-1] if expected.ndim else 1
    if not expected.size:
        return Difference(output=name, fault="")
    recorded, now = (np.nan_to_num(one.reshape(-1, width), nan=-np.inf) for one in (expected, found))
    k = min(k, width)
    largest = np.argpartition(recorded, width - k, axis=1)[:, width - k :]
    bound = np.partition(now, width - k, axis=1)[:, width - k]
    off = np.any(np.take_along_axis(now, largest, axis=1) < bound[:, None], axis=1)
    count = int(off.sum())
    places = ""
    if count:
        row = int(off.argmax())
        places = (
            f"; row {row} has its largest value at {int(now[row].argmax())}, recorded is "
            f"{int(recorded[row].argmax())}"
        )
    fault = f"in {count} of {len(recorded)} rows the {k} largest values are at other places" if count else ""
    return Difference(output=name, fault=fault, beyond=count, size=len(recorded), places=places)


def _as_json(array: v2_client.Array) -> v2_client.Array:
    """JSON has null for NaN and for infinity: here all are NaN."""
    if not np.issubdtype(array.dtype, np.floating):
        return array
    return np.where(np.isfinite(array), array, np.array(np.nan, array.dtype))
