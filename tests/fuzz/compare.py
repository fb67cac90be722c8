"""When two answers are the same: the fuzzer's tolerance. Pure.

Whole numbers, booleans and shapes must be equal. So must floating-point numbers that no engine may round
(see blocks.py), but nobody here can tell them apart, so all may differ by 2e-5 of the largest number of the
output (of 1, where that is smaller). float32 holds 6e-8 of a number; oneDNN and a run of many rows add
products up in another order, which moves small networks by some 1e-6 of the largest number. A wrong row, a
neighbour's branch or a stale tensor moves them by a thousand times more.

Some programs magnify rounding: a group norm of nearly equal numbers divides what rounding left of them by
next to nothing. So where an answer differs, the bare predictor is asked once more, with the request's last
bits changed, and what that moves an output by is allowed for that output, at most MOST.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
TOLERANCE = 2e-5
MOST = 1e-3


def apart(expected: Array, found: Array) -> float:
    """How far an output is from the expected one, as a part of its largest number; inf: not comparable."""
    if expected.shape != found.shape or expected.dtype != found.dtype:
        return float("inf")
    if not np.issubdtype(expected.dtype, np.floating):
        return 0.0 if np.array_equal(expected, found) else float("inf")
    one, other = expected.astype(np.float64), found.astype(np.float64)
    finite = np.isfinite(one)
    if not np.array_equal(one[~finite], other[~finite], equal_nan=True):
        return float("inf")
    largest = max(1.0, float(np.abs(one[finite]).max(initial=0)))
    return float(np.abs(one[finite] - other[finite]).max(initial=0)) / largest


def allowed(expected: Sequence[Array], nudged: Sequence[Array]) -> list[float]:
    """How far each output may be off, by what rounding alone moves it."""
    moved = [apart(one, other) for one, other in zip(expected, nudged, strict=True)]
    return [min(MOST, max(TOLERANCE, part)) if np.isfinite(part) else TOLERANCE for part in moved]


def fault(expected: Sequence[Array], found: Sequence[Array], most: Sequence[float] = ()) -> str:
    """Why an answer is wrong; empty where it is right: each output within `most`, or TOLERANCE."""
    if len(expected) != len(found):
        return f"{len(found)} outputs instead of {len(expected)}"
    limits = most or [TOLERANCE] * len(expected)
    for at, (one, other, limit) in enumerate(zip(expected, found, limits, strict=True)):
        if not apart(one, other) <= limit:
            return f"output {at} {_shown(one, other)}"
    return ""


def _shown(expected: Array, found: Array) -> str:
    kinds = [f"{array.dtype}{list(array.shape)}" for array in (expected, found)]
    if kinds[0] != kinds[1]:
        return f"is {kinds[1]}, expected was {kinds[0]}"
    one, other = expected.ravel(), found.ravel()
    differ = np.flatnonzero(~np.isclose(one.astype(np.float64), other.astype(np.float64), equal_nan=True))
    first = int(differ[0]) if differ.size else 0
    place = [int(index) for index in np.unravel_index(first, expected.shape)]
    return (
        f"{kinds[0]} has {other[first]} at {place}, expected was {one[first]}; {differ.size} numbers differ"
    )
