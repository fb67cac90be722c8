"""Requests that have ended a worker while they ran alone, remembered for a while. The clock is handed in.

A value that no check knows can crash Paddle. A client that sends it again and again would cost the others a
worker each time; the second time it is known to all HTTP workers, and not run any more.
"""

import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Final

import numpy as np

from paddlemodel_server.errors import KnownToCrashError
from paddlemodel_server.ipc.blames import Blame, Blames

Array = np.ndarray[Any, np.dtype[Any]]
KILLS: Final = 2  # one may be an accident: a request that was at hand when memory ended
KEPT_SECONDS: Final = 600.0


class Killers:
    """What the pod's HTTP workers remember, as one of them checks its requests."""

    def __init__(self, blames: Blames, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin; `clock` gives seconds, the same for all HTTP workers."""
        self._blames = blames
        self._clock = clock
        self._seen = 0  # blames so far
        self._known: dict[int, float] = {}  # by digest: until when
        self._kinds: frozenset[int] = frozenset()  # of those: most requests need no digest
        self._until = 0.0  # when all are forgotten

    def blame(self, arrays: Sequence[Array], model: int = 0) -> None:
        """Note that a request to the workers' model of this number has ended a worker."""
        kind = _kind(arrays, model)
        self._blames.add(Blame(kind, _digest(kind, arrays), round(self._clock() * 1e9)))

    def check(self, arrays: Sequence[Array], model: int = 0) -> None:
        """Refuse a request that has ended workers before.

        Raises:
            KnownToCrashError: it has done so twice, the last time not long ago.
        """
        if (count := self._blames.count()) != self._seen:
            self._seen = count
            self._read()
        if not self._known:
            return
        now = self._clock()
        if now > self._until:
            self._read()
            return
        kind = _kind(arrays, model)
        if kind in self._kinds and now <= self._known.get(_digest(kind, arrays), 0.0):
            raise KnownToCrashError

    def _read(self) -> None:
        now, kills = self._clock(), dict[tuple[int, int], tuple[int, float]]()
        for blame in self._blames.remembered():
            key, at = (blame.kind, blame.digest), blame.at_ns / 1e9
            before, until = kills.get(key, (0, 0.0))
            kills[key] = (before + 1 if at <= until else 1), at + KEPT_SECONDS
        known = {key: until for key, (count, until) in kills.items() if count >= KILLS and now <= until}
        self._known = {digest: until for (_, digest), until in known.items()}
        self._kinds = frozenset(kind for kind, _ in known)
        self._until = max(known.values(), default=0.0)


def _kind(arrays: Sequence[Array], model: int) -> int:
    found = blake2b(b"%d" % model, digest_size=8)
    for array in arrays:
        found.update(f"{array.dtype.str}{array.shape}".encode())
    return int.from_bytes(found.digest(), "little")


def _digest(kind: int, arrays: Sequence[Array]) -> int:
    found = blake2b(kind.to_bytes(8, "little"), digest_size=8)
    for array in arrays:
        found.update(np.ascontiguousarray(array).data)
    return int.from_bytes(found.digest(), "little")
