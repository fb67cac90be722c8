"""How long an HTTP worker waits for its clients, and how many it lets in.

`connection` asks: each connection has one Deadline; all to one port of a process share a ConnectionLimit.
"""

import asyncio
import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

LINGER_SECONDS: Final = 5.0  # how long a client may go on sending a body that was refused
LEAVE_SECONDS: Final = 0.1  # how long the end of the server waits for requests that are on their way
SPARE_DESCRIPTORS: Final = 256  # for everything that is no connection
_EARLY: Final = 0.01  # a timer may be so early: uvloop counts in milliseconds


@dataclass(frozen=True)
class Limits:
    """Seconds."""

    head_seconds: float
    body_seconds: float  # for a body to arrive, and for an answer to be read


class Deadline:
    """What one client owes us, and by when; at most one thing at a time.

    A timer is not moved with every request: it rings and looks whether it is late.
    """

    __slots__ = ("_due", "_late", "_loop", "_timer", "_timer_at", "since", "what")

    def __init__(self, loop: asyncio.AbstractEventLoop, late: Callable[[str], None]) -> None:
        self._loop = loop
        self._late = late
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = self._due = 0.0
        self.what = ""  # nothing
        self.since = 0.0

    def wait(self, what: str, seconds: float) -> None:
        """Wait for something, from now on; if we do already, nothing changes, so drips win no time."""
        if what == self.what:
            return
        self.what = what
        self.since = self._loop.time()
        self._due = self.since + seconds
        if self._timer is None:
            self._set()
        elif self._due < self._timer_at:
            self._timer.cancel()
            self._set()

    def nothing(self) -> None:
        """The client owes nothing now."""
        self.what = ""

    def end(self) -> None:
        """The connection is gone."""
        self.what = ""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _set(self) -> None:
        self._timer_at = self._due
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if not self.what:
            return
        if self._loop.time() < self._due - _EARLY:
            self._set()
            return
        what, self.what = self.what, ""
        self._late(what)


class ConnectionLimit:
    """All connections to one port of an HTTP worker: of too many, those go that keep us waiting longest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._members: set[Any] = set()
        self._going = 0  # told to go, and not counted against newcomers again

    def leave(self, member: Any) -> None:
        """A connection is gone."""
        self._members.discard(member)

    def enter(self, newcomer: Any) -> bool:
        """Make room for a newcomer; False where everybody waits for an answer of ours."""
        self._members.add(newcomer)
        if len(self._members) <= self._most:
            self._going = 0
            return True
        if self._going > 0:
            self._going -= 1
            return True
        others = (c for c in self._members if c is not newcomer and not c.transport.is_closing())
        waiting = [connection for connection in others if connection.owed.what]
        waiting.sort(key=lambda connection: connection.owed.since)
        # Several at a time: looking through all of them is not for every newcomer.
        for connection in waiting[: 1 + self._most // 100]:
            if connection.transport.get_write_buffer_size():
                connection.transport.abort()  # closing would wait until it has read its answer
            else:
                connection.transport.close()
            self._going += 1
        self._going -= 1
        return bool(waiting)


def most_connections(desired: int) -> int:
    """How many connections an HTTP worker may have, by the setting and the kernel's limit (raised)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return desired if hard == resource.RLIM_INFINITY else max(1, min(desired, hard - SPARE_DESCRIPTORS))
