"""How long an HTTP worker waits for its clients, and how many of them it lets in.

Each connection has one Deadline; all to one port of a process share a ConnectionLimit.
"""

import asyncio
import resource
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

LINGER_SECONDS: Final = 5.0  # how long a client may go on sending a body that was refused
DOUBT_SECONDS: Final = 0.5  # after which a client that sends no more is asked whether it reads
LEAVE_SECONDS: Final = 0.1  # how long the end of the server waits for requests that are on their way
SPARE_DESCRIPTORS: Final = 256  # for everything that is no connection
_EARLY: Final = 0.01  # a timer may be so early: uvloop counts in milliseconds


class Awaited(Enum):
    """What a client is to do next; the value is the word for it."""

    REQUEST = "request"  # begin the next one: the connection is idle
    HEAD = "head"  # complete the head of a request; also begin with the very first
    BODY = "body"  # complete its body
    REST = "rest"  # get rid of a body that nobody wants, so that it can read its answer
    READING = "reading"  # read what has been written
    LEAVING = "leaving"  # as REQUEST, for a last moment: the server ends


# Requests ask ten times where they are: a name is looked up in a tenth of the time of an Enum's member.
REQUEST, HEAD, BODY, REST, READING, LEAVING = Awaited


@dataclass(frozen=True)
class Limits:
    """How long clients may take."""

    head_seconds: float
    body_seconds: float  # for a body to arrive, and for an answer to be read


class Timer(Protocol):
    """A callback that is going to be called."""

    def cancel(self) -> None:
        """Never call back."""


class Clock(Protocol):
    """An event loop, as far as time goes."""

    def time(self) -> float:
        """Seconds on the loop's monotonic clock."""
        ...

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        """Call back once the clock shows `when`, in seconds."""
        ...


class Deadline:
    """What one client is waited for, and until when; at most one thing at a time.

    A timer is not moved with every request: it rings and looks whether it is late.
    """

    __slots__ = ("_due", "_late", "_loop", "_timer", "_timer_at", "since", "what")

    def __init__(self, loop: Clock, late: Callable[[Awaited], None]) -> None:
        """`late` is called with what has not come in time, and nothing is waited for then."""
        self._loop = loop
        self._late = late
        self._timer: Timer | None = None
        self._timer_at = self._due = 0.0
        self.what: Awaited | None = None
        self.since = 0.0  # in the loop's seconds

    def wait(self, what: Awaited, seconds: float) -> None:
        """Wait for something, from now on; if we do already, nothing changes, so drips win no time."""
        if what is self.what:
            return
        self.what = what
        self.since = self._loop.time()
        self._due = self.since + seconds
        if self._timer is None:
            self._set()
        elif self._due < self._timer_at:
            self._timer.cancel()
            self._set()

    def clear(self) -> None:
        """Wait for nothing."""
        self.what = None

    def end(self) -> None:
        """Wait for nothing any more: the connection is gone."""
        self.what = None
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _set(self) -> None:
        self._timer_at = self._due
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self.what is None:
            return
        if self._loop.time() < self._due - _EARLY:
            self._set()
            return
        what, self.what = self.what, None
        self._late(what)


class Doubt:
    """Whether a client that sends no more still reads its answer, or is gone.

    Both look alike until something is sent. So, unless the answer is there before, an interim answer is sent
    once, which every client has to understand (RFC 9110, 15.2): to one that is gone the kernel answers with a
    reset. The event loop does not tell of that, for it reads no more.
    """

    __slots__ = ("_ask", "_asked", "_loop", "_transport")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, ask: Callable[[], bool]
    ) -> None:
        """`ask` sends it; False where it cannot now."""
        self._loop, self._transport, self._ask = loop, transport, ask
        self._asked = False
        loop.call_later(DOUBT_SECONDS, self._look)

    def _look(self) -> None:
        if self._transport.is_closing():
            return
        if self._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._transport.abort()
            return
        self._asked = self._asked or self._ask()
        self._loop.call_later(DOUBT_SECONDS, self._look)


class Limited(Protocol):
    """A connection, as far as their number goes."""

    @property
    def transport(self) -> asyncio.Transport:
        """The connection, so that the limit can close it."""
        ...

    @property
    def deadline(self) -> Deadline:
        """To know whether its client is waited for, and since when."""
        ...


class ConnectionLimit:
    """All connections to one port of an HTTP worker: of too many, those that are idle longest go."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._members: set[Limited] = set()
        self._going = 0  # told to go, and not counted against newcomers again

    def leave(self, member: Limited) -> None:
        """A connection is gone."""
        self._members.discard(member)

    def enter(self, newcomer: Limited) -> bool:
        """Make room for a newcomer; False where every client waits for an answer of ours."""
        self._members.add(newcomer)
        if len(self._members) <= self._most:
            self._going = 0
            return True
        if self._going > 0:
            self._going -= 1
            return True
        others = (c for c in self._members if c is not newcomer and not c.transport.is_closing())
        idle = sorted((c for c in others if c.deadline.what), key=lambda one: one.deadline.since)
        # Several at a time: looking through all of them is not for every newcomer.
        for connection in idle[: 1 + self._most // 100]:
            if connection.transport.get_write_buffer_size():
                connection.transport.abort()  # closing would wait until it has read its answer
            else:
                connection.transport.close()
            self._going += 1
        self._going -= 1
        return bool(idle)


def most_connections(desired: int) -> int:
    """How many connections an HTTP worker may have, by the setting and the kernel's limit (raised)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return desired if hard == resource.RLIM_INFINITY else max(1, min(desired, hard - SPARE_DESCRIPTORS))
