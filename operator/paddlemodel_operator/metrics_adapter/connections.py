"""Connections from the first byte to the last: how many, with which deadlines, under whose trust.

No client is trusted before its certificate is checked, so accepting, handshake and head of a request have
limits of their own, and when all places are taken the oldest unverified connection is closed. The server
reports the `begin` and `end` of each request, and which connections are `verified`.
"""

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How many connections there may be, and how many seconds each step of one may take."""

    connections: int = 256
    """Each takes 0.3 MiB from its first moment, mostly for asyncio's TLS buffer: all fit the memory limit."""

    per_address: int = 128
    """Of all; the API servers come from few addresses, but with a connection for each request under way."""

    handshake_seconds: float = 5.0
    head_seconds: float = 10.0
    """From the first byte of a request, or from the handshake, to the end of the head."""

    answer_seconds: float = 30.0
    """From the end of the head to the last byte taken by the client; no longer than the API server waits."""

    idle_seconds: float = 120.0
    """More than the 90 s after which Go's clients close, so that few requests meet a closing connection."""

    shutdown_seconds: float = 2.0


DEFAULT_LIMITS = Limits()

ProtocolFactory = Callable[[], asyncio.Protocol]


class Connections:
    """All connections of the process."""

    def __init__(
        self,
        inner: ProtocolFactory,
        context: Callable[[], ssl.SSLContext],
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._inner = inner
        self._context = context
        self._limits = limits
        self._guards: dict[asyncio.BaseTransport, Guard] = {}
        # The oldest first, each with what ends it; from before the handshake until it is verified.
        self._unverified: dict[Guard, Callable[[], object]] = {}
        self._per_address: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        """Connections that take a place, from before their handshake."""
        return self._per_address.total()

    @property
    def guards(self) -> list["Guard"]:
        """Those of the connections that are open, after their handshake."""
        return [*self._guards.values()]

    def of(self, transport: asyncio.BaseTransport) -> "Guard":
        """The guard of an open connection."""
        return self._guards[transport]

    def verified(self, transport: asyncio.BaseTransport) -> None:
        """Its certificate has been checked: it keeps its place."""
        self._unverified.pop(self._guards[transport], None)

    async def accept(self, listener: socket.socket) -> None:
        """Take connections until cancelled, each with the TLS context of the moment."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, address = await loop.sock_accept(listener)
            except OSError as error:
                log.warning("Cannot accept a connection", extra={"error": str(error)})
                await asyncio.sleep(0.1)
                continue
            host, total, limits = _host(address[0]), len(self), self._limits
            full = total >= limits.connections
            if self._per_address[host] >= limits.per_address or (full and not await self._make_room()):
                log.warning("Too many connections", extra={"address": host, "open": total})
                client.close()
                continue
            self._per_address[host] += 1
            guard = Guard(self._inner(), limits, self._made, partial(self._lost, host=host))
            task = asyncio.create_task(self._open(client, host, guard))
            self._unverified[guard] = task.cancel
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def retire(self) -> None:
        """Let no connection that is open now carry another request."""
        for guard in self.guards:
            guard.retire()

    async def close(self, seconds: float) -> None:
        """Retire all, wait for what is under way, and end the rest."""
        for task in self._tasks:
            task.cancel()
        self.retire()
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            log.warning(
                "Ending connections that did not end by themselves", extra={"open": len(self._guards)}
            )
            for guard in self.guards:
                guard.abort()

    async def _make_room(self) -> bool:
        """Close the oldest unverified connection: else any client could keep the API server out."""
        await asyncio.sleep(0)  # A task that is cancelled before it has begun would not give its place back.
        guard = next(iter(self._unverified), None)
        if guard is None:
            return False
        log.warning(
            "All connections are taken: closing the oldest of an unverified client", extra={"open": len(self)}
        )
        self._unverified.pop(guard)()
        return True

    async def _open(self, client: socket.socket, host: str, guard: "Guard") -> None:
        loop, context = asyncio.get_running_loop(), self._context()
        try:
            await loop.connect_accepted_socket(
                lambda: guard,
                client,
                ssl=context,
                ssl_handshake_timeout=self._limits.handshake_seconds,
                ssl_shutdown_timeout=self._limits.shutdown_seconds,
            )
        except OSError as error:
            # A wrong certificate, plain HTTP, silence, or a client that went away.
            log.warning("A TLS handshake failed", extra={"address": host, "error": str(error)})
        else:
            # What changed during the handshake has not reached this one: it ends after its first answer.
            guard.retired = guard.retired or context is not self._context()
        finally:
            if not guard.made:
                self._unverified.pop(guard, None)
                self._leave(host)

    def _made(self, transport: asyncio.BaseTransport, guard: "Guard") -> None:
        self._guards[transport] = guard
        if guard in self._unverified:
            self._unverified[guard] = guard.abort
        self._empty.clear()

    def _lost(self, transport: asyncio.BaseTransport, host: str) -> None:
        self._unverified.pop(self._guards.pop(transport), None)
        if not self._guards:
            self._empty.set()
        self._leave(host)

    def _leave(self, host: str) -> None:
        self._per_address[host] -= 1
        if self._per_address[host] <= 0:
            del self._per_address[host]


def _host(address: str) -> str:
    """The client's address as a person writes it: a socket of both families says ::ffff:10.0.0.1."""
    return address.removeprefix("::ffff:")


class Guard(asyncio.Protocol):
    """Stands before aiohttp's protocol of one connection, with the one deadline that holds at the moment."""

    _transport: asyncio.Transport

    def __init__(
        self,
        inner: asyncio.Protocol,
        limits: Limits,
        on_made: "Callable[[asyncio.BaseTransport, Guard], None]",
        on_lost: Callable[[asyncio.BaseTransport], None],
    ) -> None:
        self._inner = inner
        self._limits = limits
        self._on_made = on_made
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._deadline: asyncio.TimerHandle | None = None
        self.busy = False
        """A request has been read, and its answer not written."""
        self._reading = False
        self.retired = False
        self.made = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TLS handshake is done: the first request has its deadline."""
        self._transport = cast("asyncio.Transport", transport)
        self.made = True
        self._on_made(transport, self)
        self._until(self._limits.head_seconds)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """The first byte of a head starts its time; the next ones do not start it again."""
        if not self.busy and not self._reading:
            self._reading = True
            self._until(self._limits.head_seconds)
        self._inner.data_received(data)

    def begin(self) -> None:
        """A request has been read."""
        self.busy, self._reading = True, False
        self._until(self._limits.answer_seconds)

    def end(self) -> None:
        """Its answer has been written."""
        self.busy = False
        if self.retired:
            self._transport.close()
        else:
            self._until(self._limits.idle_seconds)

    def retire(self) -> None:
        """Close now, or after the answer that is under way."""
        self.retired = True
        if not self.busy:
            self._transport.close()

    def abort(self) -> None:
        """Close at once, with whatever has not been sent."""
        self._transport.abort()

    def eof_received(self) -> bool | None:
        """The client sends nothing more."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed, by whichever side."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._on_lost(self._transport)
        self._inner.connection_lost(exc)

    def _until(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(seconds, self.abort)
