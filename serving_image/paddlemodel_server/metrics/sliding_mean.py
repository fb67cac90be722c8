"""A mean over the last half minute: what an autoscaler acts on should not follow every second. Pure.

Values are added once a second, with the time.
"""

from collections import deque
from typing import Final

SECONDS: Final = 30.0


class Window:
    """Values and when they were seen; those that are older than the window are forgotten."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._seen: deque[tuple[float, float]] = deque()

    def add(self, now: float, value: float) -> None:
        """Add what was seen now, in seconds of a clock that never goes back."""
        self._seen.append((now, value))
        while self._seen[0][0] <= now - self._seconds:
            self._seen.popleft()

    def clear(self) -> None:
        """Forget everything: what was seen says nothing of now."""
        self._seen.clear()

    @property
    def mean(self) -> float | None:
        """Of the values of the window; None where there are none."""
        if not self._seen:
            return None
        return sum(value for _, value in self._seen) / len(self._seen)


class Growth:
    """How much totals that only grow have grown during the window; each may begin again from 0."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._seen: deque[tuple[float, tuple[float, ...]]] = deque()

    def add(self, now: float, *totals: float) -> None:
        """Add the totals as they are now."""
        self._seen.append((now, totals))
        while len(self._seen) > 2 and self._seen[1][0] <= now - self._seconds:
            self._seen.popleft()

    def restart(self) -> None:
        """Begin anew with what was seen last."""
        while len(self._seen) > 1:
            self._seen.popleft()

    @property
    def seconds(self) -> float:
        """The time between the oldest and the newest totals."""
        return self._seen[-1][0] - self._seen[0][0] if self._seen else 0.0

    @property
    def grown(self) -> tuple[float, ...]:
        """How much each total grew in that time."""
        if not self._seen:
            return ()
        return tuple(
            max(0.0, new - old) for old, new in zip(self._seen[0][1], self._seen[-1][1], strict=True)
        )
