"""The work queue: which model is due, each at most once, never two reconciles of one model at the same time.

A key that is added while it is being worked on runs again afterwards. Failures come back with exponential
backoff and jitter.
"""

import asyncio
import heapq
import random
from collections.abc import Callable
from typing import Final

Key = tuple[str, str]

BACKOFF_FIRST: Final = 0.5
BACKOFF_LAST: Final = 300.0


class WorkQueue:
    """Clock and randomness are arguments, so that tests need neither."""

    def __init__(self, clock: Callable[[], float], jitter: Callable[[], float] = random.random) -> None:
        self._clock = clock
        self._jitter = jitter
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._running: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._wake = asyncio.Event()

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Make a key due; an earlier appointment stays."""
        at = self._clock() + delay
        if key in self._due and self._due[key] <= at:
            return
        self._due[key] = at
        heapq.heappush(self._heap, (at, key))
        self._wake.set()

    def take(self) -> Key | None:
        """The longest due key that is not being worked on, or None; `done` must follow."""
        waiting = []
        found = None
        while self._heap and self._heap[0][0] <= self._clock():
            at, key = heapq.heappop(self._heap)
            if self._due.get(key) != at:
                continue
            if key in self._running:
                waiting.append((at, key))
                continue
            found = key
            break
        for entry in waiting:
            heapq.heappush(self._heap, entry)
        if found is not None:
            del self._due[found]
            self._running[found] = self._clock()
        return found

    async def next(self) -> Key:
        """Wait for a key to work on."""
        while (key := self.take()) is None:
            self._wake.clear()
            try:
                async with asyncio.timeout(self._until_due()):
                    await self._wake.wait()
            except TimeoutError:
                continue
        return key

    def done(self, key: Key) -> None:
        """The work on a key is over, well or not."""
        del self._running[key]
        self._wake.set()

    def forget(self, key: Key) -> None:
        """Work went well: the next failure starts with a short delay again."""
        self._failures.pop(key, None)

    def retry(self, key: Key) -> float:
        """Come back after a failure; returns the delay."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        ceiling = min(BACKOFF_LAST, BACKOFF_FIRST * 2.0 ** min(failures, 30))
        delay = ceiling * (0.5 + self._jitter() / 2)
        self.add(key, delay)
        return delay

    def oldest_wait(self) -> float:
        """Seconds since the longest overdue or running key should have been finished; for the heartbeat."""
        now = self._clock()
        since = [at for at in self._due.values() if at <= now] + list(self._running.values())
        return max((now - at for at in since), default=0.0)

    def __len__(self) -> int:
        return len(self._due) + len(self._running)

    def _until_due(self) -> float | None:
        """Seconds to the next appointment; keys in work do not count, `done` wakes us."""
        due = [at for key, at in self._due.items() if key not in self._running]
        return max(0.0, min(due) - self._clock()) if due else None
