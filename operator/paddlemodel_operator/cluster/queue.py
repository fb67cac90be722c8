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
        """Appointments; one that `_due` does not know is void."""
        self._running: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._held_until = 0.0
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Make a key due; an earlier appointment stays."""
        at = self._clock() + delay
        if key in self._due and self._due[key] <= at:
            return
        self._due[key] = at
        if key not in self._running:  # else `done` makes the appointment
            heapq.heappush(self._heap, (at, key))
            self._wake.set()

    def hold(self, seconds: float) -> None:
        """Give out nothing for some time: the server wants to be left alone."""
        self._held_until = max(self._held_until, self._clock() + seconds)

    def take(self) -> Key | None:
        """The longest due key that is not being worked on, or None; `done` must follow."""
        if self._until_due() != 0:
            return None
        _, key = heapq.heappop(self._heap)
        del self._due[key]
        self._running[key] = self._clock()
        return key

    async def next(self) -> Key:
        """Wait for a key to work on; between two keys, whichever workers get them, the event loop turns.

        Most keys need no request, so that a worker would never wait for anything: a thousand of them would be
        one step of the loop, in which nobody else, such as the health endpoint, gets a turn.
        """
        async with self._turn:
            await asyncio.sleep(0)
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
        if key in self._due:
            heapq.heappush(self._heap, (self._due[key], key))
            self._wake.set()

    def forget(self, key: Key) -> None:
        """Work went well: the next failure starts with a short delay again."""
        self._failures.pop(key, None)

    def retry(self, key: Key, at_least: float = 0.0) -> float:
        """Come back after a failure, and not before the server wants it; returns the delay in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        ceiling = min(BACKOFF_LAST, BACKOFF_FIRST * 2.0 ** min(failures, 30))
        delay = max(ceiling * (0.5 + self._jitter() / 2), at_least)
        self.add(key, delay)
        return delay

    def clear(self) -> None:
        """Nothing is due any more, and no failure is remembered; what is being worked on ends as it does."""
        self._due.clear()
        self._heap.clear()
        self._failures.clear()

    def oldest_wait(self) -> float:
        """Seconds since the longest overdue or running key should have been finished; for the heartbeat."""
        first = [max(self._heap[0][0], self._held_until)] if self._top() else []
        now = self._clock()
        return max(now - at for at in (now, *first, *self._running.values()))

    def __len__(self) -> int:
        return len(self._due) + len(self._running)

    def _top(self) -> bool:
        """Whether there is an appointment, once those that are void have left the top of the heap."""
        while self._heap:
            at, key = self._heap[0]
            if self._due.get(key) == at and key not in self._running:
                return True
            heapq.heappop(self._heap)
        return False

    def _until_due(self) -> float | None:
        """Seconds to the next appointment; None without one. Keys in work do not count, `done` wakes us."""
        if not self._top():
            return None
        return max(0.0, max(self._heap[0][0], self._held_until) - self._clock())
