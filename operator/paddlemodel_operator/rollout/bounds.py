"""What is sure about a version after so many requests: Wilson's bounds, and p95 from a histogram; pure.

A rollout is looked at every few seconds while its counts grow, and each look is one more chance of an
accident. A deviation of `Z` is then passed about ln(last count / first count) / 2 * Z * density(Z) times: at
the usual 2 or 3 in 5 to 40 % of all rollouts, at 4 in 0.2 % for each rule, even of a version that sits on its
limit. So the bounds are wide, and hold at every look.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, sqrt
from typing import Final

Z: Final = 4.0
SHARED: Final = 2
"""Requests that ran together, or in the same bad second, are no independent witnesses of latency: so many
count as one."""
P95: Final = 0.95
_OPEN: Final = 2.0
"""The last bucket has no end; it is taken to end at this multiple of where it begins."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """Between which values a part of all requests surely is, from 0 to 1."""

    low: float
    high: float


def wilson(count: float, of: float, z: float = Z) -> Bounds:
    """Wilson's score interval; where nothing was counted, anything is possible.

    Args:
        count: of requests with some quality.
        of: all of them.
        z: how many standard deviations.
    """
    if of <= 0:
        return Bounds(low=0.0, high=1.0)
    part = min(1.0, max(0.0, count / of))
    middle = part + z * z / (2 * of)
    spread = z * sqrt(part * (1 - part) / of + z * z / (4 * of * of))
    whole = 1 + z * z / of
    return Bounds(low=max(0.0, (middle - spread) / whole), high=min(1.0, (middle + spread) / whole))


def difference(ours: tuple[float, float], theirs: tuple[float, float], z: float = Z) -> float:
    """By how much the first part surely is the larger one (Newcombe's method 10); below 0: by nothing.

    Args:
        ours: the count, and of how many.
        theirs: the same of the others.
        z: how many standard deviations.
    """
    if ours[1] <= 0 or theirs[1] <= 0:
        return -1.0
    part, other = ours[0] / ours[1], theirs[0] / theirs[1]
    down, up = part - wilson(*ours, z).low, wilson(*theirs, z).high - other
    return part - other - sqrt(down * down + up * up)


@dataclass(frozen=True, slots=True)
class Latencies:
    """A histogram of one window.

    Attributes:
        buckets: how many requests took at most so many seconds, the last infinite: cumulative, in order.
        seconds: all latencies together; 0 where nobody knows.
    """

    buckets: Sequence[tuple[float, float]]
    seconds: float = 0.0

    @property
    def requests(self) -> float:
        """How many there are."""
        return self.buckets[-1][1] if self.buckets else 0.0

    def quantile(self, part: float) -> float:
        """Below which latency this part of the requests is, as well as the buckets tell."""
        before, wanted, slope = 0.0, part * self.requests, self._slope
        for begin, end, count in self._parts:
            if count and before + count >= wanted:
                return begin + (end - begin) * math.pow(max(0.0, (wanted - before) / count), slope)
            before += count
        return 0.0

    @property
    def _parts(self) -> list[tuple[float, float, float]]:
        """Each bucket by itself: where it begins, where it ends, and its requests."""
        edges = [(0.0, 0.0), *self.buckets]
        return [
            (begin, end if end < inf else begin * _OPEN, count - before)
            for (begin, before), (end, count) in pairwise(edges)
        ]

    @property
    def _slope(self) -> float:
        """Where within the buckets the requests lie, by their exact mean: 1 evenly, above 1 near lower ends.

        Buckets double from one to the next. Without it a version that is a hundredth slower and crosses an
        edge would look twice as slow, and one that is twice as slow within a bucket would not be seen.
        """
        least = sum(begin * count for begin, _, count in self._parts)
        room = sum((end - begin) * count for begin, end, count in self._parts)
        if not room or not self.seconds:
            return 1.0
        place = min(0.98, max(0.02, (self.seconds - least) / room))
        return (1 - place) / place


def slower(canary: Latencies, stable: Latencies) -> tuple[float, float]:
    """Two latencies that are surely at most the canary's p95 and at least the stable version's."""
    ours, theirs = canary.requests / SHARED, stable.requests / SHARED
    if ours <= 0 or theirs <= 0:
        return 0.0, inf
    # Errors of two independent measurements add up as squares: each need not be allowed for in full.
    z = Z * sqrt(1 / ours + 1 / theirs) / (sqrt(1 / ours) + sqrt(1 / theirs))
    least, most = wilson(P95 * ours, ours, z).low, wilson(P95 * theirs, theirs, z).high
    return canary.quantile(least), stable.quantile(most)
