"""A short-lived cache: what is requested again within moments, or at the same time, is fetched once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MOST: Final = 10_000
"""Entries; beyond them the oldest go, and a caller that waits for one still gets it."""


class Cache(Generic[K, V]):
    """Answers that are not exceptions stay for `seconds` after they came; the clock is an argument."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._tasks: OrderedDict[K, asyncio.Task[V]] = OrderedDict()
        self._came: dict[K, float] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    async def get(self, key: K, fetch: Callable[[], Awaitable[V]]) -> V:
        """The answer for a key; a caller that is cancelled does not cancel it for the others."""
        self._forget()
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.ensure_future(_awaited(fetch))
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(task)

    def _done(self, key: K, task: asyncio.Task[V]) -> None:
        if self._tasks.get(key) is not task:
            return
        if task.cancelled() or task.exception() is not None:
            del self._tasks[key]
        else:
            # To the end: the oldest answers are at the beginning, behind what is still under way there.
            self._tasks.move_to_end(key)
            self._came[key] = self._clock()

    def _forget(self) -> None:
        limit = self._clock() - self._seconds
        while self._came:
            key, came = next(iter(self._came.items()))
            if came > limit and len(self._tasks) < MOST:
                return
            del self._came[key]
            del self._tasks[key]


async def _awaited(fetch: Callable[[], Awaitable[V]]) -> V:
    return await fetch()
