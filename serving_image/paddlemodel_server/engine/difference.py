"""How far one answer is from another: the one measure of the warm-up, of `export` and of `verify`. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paddlemodel_server.engine.interface import Array

SMALLEST_SCALE = 1e-6  # numbers below this are rounding, and no scale to measure others by


@dataclass(frozen=True, kw_only=True)
class Distance:
    """How far an array is from the exact one, value by value, both of the same shape."""

    fault: str  # why the two cannot be compared; "" where they can, and only then are there values
    exact: Array  # float64
    absolute: Array  # float64: 0 where the two agree; infinite where only one is a finite number
    whole: bool  # whether these are whole numbers or booleans, which either agree or not

    def part(self, smallest_scale: float = SMALLEST_SCALE) -> float:
        """The largest difference as a part of the largest exact number; of whole numbers how many differ.

        Args:
            smallest_scale: what the largest exact number counts as at least.
        """
        if self.fault:
            return float("inf")
        if self.whole:
            return float(np.mean(self.absolute > 0)) if self.absolute.size else 0.0
        scale = float(np.abs(self.exact[np.isfinite(self.exact)]).max(initial=smallest_scale))
        return float(self.absolute.max(initial=0)) / scale

    def beyond(self, *, rtol: float, atol: float) -> int:
        """How many values are farther away than `atol + rtol * |exact|`; of whole numbers all that differ."""
        return int(self.off(rtol=rtol, atol=atol).sum())

    def off(self, *, rtol: float, atol: float) -> Array:
        """Which values these are, as booleans."""
        allowed = 0.0 if self.whole else atol + rtol * np.abs(np.nan_to_num(self.exact, posinf=0, neginf=0))
        return self.absolute > allowed

    @property
    def largest(self) -> float:
        """The largest finite difference."""
        return float(self.absolute[np.isfinite(self.absolute)].max(initial=0))

    @property
    def largest_relative(self) -> float:
        """The largest finite difference as a part of the exact number in its place."""
        differs = np.isfinite(self.absolute) & (self.absolute > 0)
        scale = np.maximum(np.abs(self.exact[differs]), np.finfo(np.float32).tiny)
        return float((self.absolute[differs] / scale).max(initial=0))


def difference(exact: Array, found: Array) -> Distance:
    """Compare two arrays of any shape and dtype.

    NaN agrees with NaN, and infinity with infinity of the same sign.
    """
    fault = ""
    if exact.shape != found.shape:
        fault = f"its shape is {list(found.shape)}, expected was {list(exact.shape)}"
    elif exact.dtype != found.dtype:
        fault = f"it is {found.dtype}, expected was {exact.dtype}"
    if fault:
        return Distance(fault=fault, exact=np.empty(0), absolute=np.empty(0), whole=False)
    whole = not np.issubdtype(exact.dtype, np.floating)
    one, other = exact.astype(np.float64), found.astype(np.float64)
    with np.errstate(invalid="ignore"):
        absolute = np.asarray(np.abs(other - one))  # of an array without dimensions numpy makes a number
    absolute[~(np.isfinite(one) & np.isfinite(other))] = np.inf
    if whole:
        absolute = np.maximum(absolute, 1)  # float64 does not hold every whole number of 64 bits
    agree = (exact == found) | (np.isnan(one) & np.isnan(other))
    return Distance(fault="", exact=one, absolute=np.where(agree, 0.0, absolute), whole=whole)


def alike(one: Array, other: Array, allowed: float) -> bool:
    """Whether arrays of float32 clearly are the same: no number is farther off than `allowed`.

    A few passes in float32, where `difference` takes ten in float64: an output may have millions of numbers.
    False says nothing: what has other dtypes, or holds anything but finite numbers, is left to `difference`.
    """
    if one.dtype != np.float32 or other.dtype != np.float32 or one.shape != other.shape:
        return False
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(np.abs(other - one).max(initial=0) <= allowed)


def largest_part(
    exact: Sequence[Array], found: Sequence[Array], smallest_scale: float = SMALLEST_SCALE
) -> float:
    """The largest `Distance.part` of all outputs; infinite where their numbers, shapes or dtypes differ."""
    if len(exact) != len(found):
        return float("inf")
    parts = (difference(a, b).part(smallest_scale) for a, b in zip(exact, found, strict=True))
    return max(parts, default=0.0)
