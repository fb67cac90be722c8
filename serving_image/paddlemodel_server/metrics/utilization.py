"""How busy the workers were and how long requests waited, over the last half minute. Pure.

`step` takes what the shared counters say once a second; both numbers are for autoscalers.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from paddlemodel_server.metrics.sliding_mean import Growth


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The counters at one moment."""

    busy_ns: Sequence[int]  # of each place for a worker: in runs so far, the one under way included
    ready: int  # workers that are ready
    left: float  # requests that have left the queue for a run, since the start
    waited_seconds: float  # that these have waited there, all together
    depth: int  # requests that wait now


class Utilization:
    """Both numbers; they begin anew whenever the first worker gets ready, as loading says nothing of load."""

    def __init__(self) -> None:
        self._last_ns: list[int] = []
        self._busy_seconds = 0.0
        self._growth = Growth()
        self._queue = _Queue()
        self._ready = 0

    def step(self, now: float, seen: Seen) -> None:
        """Take in the counters, once a second.

        Args:
            now: monotonic seconds.
            seen: what they say.
        """
        self._busy_seconds += self._progress(seen.busy_ns) / 1e9
        self._growth.add(now, self._busy_seconds, seen.left, seen.waited_seconds)
        self._queue.step(now, seen.depth, seen.left)
        if not self._ready:
            self._growth.restart()
        self._ready = seen.ready

    def _progress(self, busy_ns: Sequence[int]) -> int:
        """Nanoseconds in runs since the last step; a worker that has died takes its own with it."""
        last = self._last_ns or [0] * len(busy_ns)
        done = sum(max(0, now - then) for now, then in zip(busy_ns, last, strict=True))
        # A run that ends is counted a moment after it is over: only 0 means another worker.
        self._last_ns = [max(now, then) if now else 0 for now, then in zip(busy_ns, last, strict=True)]
        return done

    @property
    def busy_ratio(self) -> float:
        """The share of the time that the ready workers spent in runs, 0 to 1."""
        if not self._ready or not self._growth.seconds:
            return 0.0
        return min(1.0, self._growth.grown[0] / self._growth.seconds / self._ready)

    @property
    def queue_seconds(self) -> float:
        """What a request waits: the mean of those whose run began in the window, or of those that wait now.

        The larger of the two, so that it rises also while nothing leaves the queue.
        """
        _, left, waited = self._growth.grown or (0.0, 0.0, 0.0)
        return max(waited / left if left else 0.0, self._queue.mean_age)


class _Queue:
    """How old those are that wait, by first come, first served; to the second in which they came."""

    def __init__(self) -> None:
        self._came: deque[list[float]] = deque()  # [when they were first seen, how many still wait]
        self._depth = 0
        self._left = 0.0
        self._now = 0.0

    def step(self, now: float, depth: int, left: float) -> None:
        arrived = depth - self._depth + left - self._left
        self._now, self._depth, self._left = now, depth, left
        if arrived > 0:
            self._came.append([now, arrived])
        waiting = sum(count for _, count in self._came)
        while self._came and waiting > depth:  # the oldest have left
            gone = min(self._came[0][1], waiting - depth)
            self._came[0][1] -= gone
            waiting -= gone
            if not self._came[0][1]:
                self._came.popleft()

    @property
    def mean_age(self) -> float:
        waiting = sum(count for _, count in self._came)
        return sum((self._now - when) * n for when, n in self._came) / waiting if waiting else 0.0
