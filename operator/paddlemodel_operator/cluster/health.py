"""The heartbeat behind the liveness probe: not whether a socket answers, but whether work is still done.

A dead watch shows when a complete list brings an object whose event never came. An API server that is down is
no complaint: a restart would not help.
"""

from collections.abc import Callable, Mapping
from typing import Final

from paddlemodel_operator.base import names

STUCK_SECONDS: Final = 300.0
"""Longer than any reconcile can take: its requests have timeouts."""

WATCH_GRACE_SECONDS: Final = 60.0
WATCH_STUCK_SECONDS: Final = 400.0
"""A watch of ours ends within a minute, and pauses no longer than a server may ask for, which is five."""


class Heartbeat:
    """Times of the last signs of life; the clock is an argument."""

    def __init__(self, clock: Callable[[], float], resync_seconds: float) -> None:
        self._clock = clock
        self._resync_seconds = resync_seconds
        self._event_at = self._resync_at = clock()
        self._reported: dict[names.Kind, int] = {}
        self._missed: dict[names.Kind, tuple[int, float]] = {}

    def event(self, kind: names.Kind, version: int) -> None:
        """A watch reported an object of this version."""
        self._event_at = self._clock()
        self._reported[kind] = max(version, self._reported.get(kind, 0))
        if kind in self._missed and self._missed[kind][0] <= self._reported[kind]:
            del self._missed[kind]

    def resync(self) -> None:
        """A resync was tried, with or without success."""
        self._resync_at = self._clock()

    def missed(self, kind: names.Kind, version: int) -> None:
        """A list brought an object version that the watch has not reported; it may be a moment late."""
        if version > self._reported.get(kind, 0) and kind not in self._missed:
            self._missed[kind] = (version, self._clock())

    def complaints(
        self, oldest_wait: float, turned_at: Mapping[names.Kind, float] | None = None
    ) -> list[str]:
        """Why the process should be restarted; empty when all is well.

        Args:
            oldest_wait: seconds for which a model has been due.
            turned_at: when each of our own watches last ended, well or not.
        """
        now = self._clock()
        result = [
            f"the watch of {kind.plural} has missed an object for {now - since:.0f} s"
            for kind, (_, since) in self._missed.items()
            if now - since > WATCH_GRACE_SECONDS
        ]
        result += [
            f"the watch of {kind.plural} is stuck for {now - at:.0f} s"
            for kind, at in (turned_at or {}).items()
            if now - at > WATCH_STUCK_SECONDS
        ]
        if now - self._resync_at > 2 * self._resync_seconds + WATCH_GRACE_SECONDS:
            result.append(f"no resync for {now - self._resync_at:.0f} s")
        if oldest_wait > STUCK_SECONDS:
            result.append(f"a model has been waiting for {oldest_wait:.0f} s")
        return result

    def ages(self) -> dict[str, float]:
        """Seconds since the last signs of life, for a person who reads /healthz."""
        now = self._clock()
        return {
            "secondsSinceEvent": round(now - self._event_at, 1),
            "secondsSinceResync": round(now - self._resync_at, 1),
        }
