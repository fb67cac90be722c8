"""When a worker that has grown is replaced, and in which order: numbers in, at most one step out. Pure.

Paddle keeps memory for shapes it has seen, and a model may leak; a worker at its limit is replaced before the
kernel kills it. Its successor is warm before it goes, where memory allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from paddlemodel_server.supervisor import sizing

PAUSE_SECONDS: Final = 60.0  # from one replacement to the next; doubled while one soon follows the other
MOST_PAUSE_SECONDS: Final = 3600.0
ROOM: Final = 1.1  # a limit closer to what the warm model takes could never be kept


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What a worker may grow to."""

    bytes: int
    spare: bool  # whether a second copy fits beside it meanwhile
    useless: bool = False  # what the warm model takes is (nearly) over it: replacing would not help


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One ready worker as the supervisor sees it; memory in bytes."""

    index: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Start:
    """Start a successor at a free place."""

    index: int


@dataclass(frozen=True, kw_only=True)
class Retire:
    """Send a worker nothing new, and end it when it has answered what it has."""

    index: int
    again: bool  # whether it starts again at the same place, for nobody is warm in its stead
    alone: bool  # whether no other worker is ready: the pod must be unready first


Step = Start | Retire | None


def limit(chosen: int | None, memory: int, warm_bytes: int, choice: sizing.Choice, *, gpu: bool) -> Limit:
    """Derive the limit of each worker.

    Args:
        chosen: what the user set, None for what memory allows.
        memory: the container's limit, in bytes.
        warm_bytes: what the first worker took when it was warm.
        choice: how many processes there are.
        gpu: whether workers hold a GPU; its memory may have no room for a second copy, which nobody can tell
            beforehand, so the worker goes first and its successor follows.
    """
    room = int(memory * sizing.SHARE_OF_MEMORY) - choice.http_workers * sizing.HTTP_WORKER_BYTES
    if chosen is not None:
        spare = not gpu and chosen * choice.workers + warm_bytes <= room
        return Limit(bytes=chosen, spare=spare, useless=warm_bytes * ROOM > chosen)
    beside, alone = (room - warm_bytes) // choice.workers, room // choice.workers
    spare = not gpu and beside >= warm_bytes * ROOM
    most = beside if spare else alone
    return Limit(bytes=max(0, most), spare=spare, useless=warm_bytes * ROOM > most)


class Recycler:
    """Replaces one worker at a time."""

    def __init__(self) -> None:
        self._victim: int | None = None
        self._spare: int | None = None
        self._last: float | None = None
        self._pause = PAUSE_SECONDS

    @property
    def busy(self) -> bool:
        """Whether a replacement is under way."""
        return self._victim is not None

    def step(self, now: float, ready: Sequence[Seen], bounds: Limit, free: int | None) -> Step:
        """Decide what to do now.

        Args:
            now: monotonic seconds.
            ready: the workers that are ready.
            bounds: what each may grow to.
            free: a place where a successor could start.
        """
        if self._spare is not None and self._victim is not None:
            if any(seen.index == self._spare for seen in ready):
                victim, self._spare = self._victim, None
                return Retire(index=victim, again=False, alone=False)
            return None
        if self.busy or bounds.useless or (self._last is not None and now < self._last + self._pause):
            return None
        grown = max(
            (seen for seen in ready if seen.bytes > bounds.bytes), key=lambda s: s.bytes, default=None
        )
        if grown is None:
            return None
        self._victim = grown.index
        self._space_out(now)
        if bounds.spare and free is not None:
            self._spare = free
            return Start(index=free)
        return Retire(index=grown.index, again=True, alone=len(ready) == 1)

    def _space_out(self, now: float) -> None:
        """A worker that grows at once must not keep the server busy with starting its successors."""
        calm = self._last is None or now > self._last + 10 * self._pause
        self._pause = PAUSE_SECONDS if calm else min(MOST_PAUSE_SECONDS, 2 * self._pause)
        self._last = now

    def ended(self, index: int) -> bool:
        """Note that a worker has ended, as it should or not; False where it needs no other at its place."""
        if index == self._spare:  # the successor failed: the old one stays
            self._victim = self._spare = None
            return False
        succeeded = index == self._victim and self._spare is not None
        if index == self._victim:  # where it died by itself, its successor takes over all the same
            self._victim = self._spare = None
        return not succeeded
