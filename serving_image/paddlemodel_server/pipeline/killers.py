"""Requests that have ended a worker while they ran alone, remembered for a while. The clock is handed in.

A value that no check knows can crash Paddle. A client that sends it again and again would cost the others a
worker each time; the second time it is known, and not run any more.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Final

import numpy as np

from paddlemodel_server.errors import KnownToCrashError

Array = np.ndarray[Any, np.dtype[Any]]
KILLS: Final = 2  # one may be an accident: a request that was at hand when memory ended
KEPT_SECONDS: Final = 600.0
MOST: Final = 256  # remembered at a time; the oldest go first
_Kind = tuple[tuple[np.dtype[Any], tuple[int, ...]], ...]


class Killers:
    """The memory of one HTTP worker."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with none; `clock` gives seconds."""
        self._clock = clock
        self._kills: OrderedDict[tuple[_Kind, bytes], tuple[int, float]] = OrderedDict()
        self._kinds: dict[_Kind, int] = {}  # how many of them are remembered: most requests need no digest

    def blame(self, arrays: Sequence[Array]) -> None:
        """Note that a request has ended a worker."""
        key = _kind(arrays), _digest(arrays)
        kills = self._forget(key)
        self._kills[key] = kills + 1, self._clock() + KEPT_SECONDS
        self._kinds[key[0]] = self._kinds.get(key[0], 0) + 1
        if len(self._kills) > MOST:
            self._forget(next(iter(self._kills)))

    def check(self, arrays: Sequence[Array]) -> None:
        """Refuse a request that has ended workers before.

        Raises:
            KnownToCrashError: it has done so twice, the last time not long ago.
        """
        if not self._kinds:
            return
        kind = _kind(arrays)
        if kind not in self._kinds:
            return
        key = kind, _digest(arrays)
        kills, until = self._kills.get(key, (0, 0.0))
        if kills and self._clock() > until:
            self._forget(key)
        elif kills >= KILLS:
            raise KnownToCrashError

    def _forget(self, key: tuple[_Kind, bytes]) -> int:
        kills, _ = self._kills.pop(key, (0, 0.0))
        if kills:
            self._kinds[key[0]] -= 1
            if not self._kinds[key[0]]:
                del self._kinds[key[0]]
        return kills


def _kind(arrays: Sequence[Array]) -> _Kind:
    return tuple([(array.dtype, array.shape) for array in arrays])


def _digest(arrays: Sequence[Array]) -> bytes:
    found = blake2b(digest_size=16)
    for array in arrays:
        found.update(np.ascontiguousarray(array).data)
    return found.digest()
