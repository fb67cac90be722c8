"""A connection that asks who is there before it reads a body: the clients' port of a server with `access`.

It stands in front of every route, those of the event loop, of Flask and of nobody, and in front of the cache
of heads: a head that was seen before is asked again once the keys have changed. A server without `access` has
the plain connection, and pays nothing.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from paddlemodel_server import protocol
from paddlemodel_server.access.addresses import FORWARDED_FOR
from paddlemodel_server.access.gate import Gate
from paddlemodel_server.access.keyring import Grant
from paddlemodel_server.access.keys import Client
from paddlemodel_server.access.limiter import Charges, Limiter
from paddlemodel_server.errors import ServingError
from paddlemodel_server.http import head_checks
from paddlemodel_server.http.connection import MAX_PIPELINED, ClientConnection, Shared
from paddlemodel_server.http.head_cache import CachedHead
from paddlemodel_server.http.inference_cycle import InferenceCycle
from paddlemodel_server.http.protected import cors
from paddlemodel_server.metrics import catalog
from paddlemodel_server.protocol import Head

MOST_UNREAD: Final = (
    64 * 1024
)  # bytes of a refused body that are thrown away; a larger one ends the connection
OPEN: Final = (protocol.Kind.LIVE, protocol.Kind.READY)
"""What load balancers ask without a key; the answers tell nothing but that."""


@dataclass(frozen=True)
class Protection:
    """What all connections of an HTTP worker ask by."""

    gate: Gate
    open_paths: frozenset[bytes]  # what everybody may GET
    is_mirrored: Callable[[Mapping[str, str]], bool] | None = None  # by the headers
    asks_who: Callable[[Mapping[str, str]], bool] | None = None  # by the headers, as a mirror does first

    @classmethod
    def of(cls, gate: Gate, routes: Mapping[str, protocol.Route]) -> "Protection":
        """That of a server with these routes, by their paths."""
        return cls(gate, frozenset(path.encode() for path, route in routes.items() if route.kind in OPEN))


class ProtectedConnection(ClientConnection):
    """One connection to a server with `access`."""

    def __init__(self, protection: Protection, shared: Shared, *args: Any, **kwargs: Any) -> None:
        super().__init__(shared, *args, **kwargs)
        gate = protection.gate
        self._identification, self._limiter, self._cors = gate.identification, gate.limiter, gate.cors
        self._charged: tuple[Client | None, str | None, Charges] | None = None  # the last request's
        self._cost: tuple[Head | None, Grant | None, Charges] = None, None, ()  # of the last known head
        self._open_paths, self._is_mirrored = protection.open_paths, protection.is_mirrored
        self._asks_who = protection.asks_who

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first head; answers tell browsers of whom they are for."""
        super().connection_made(transport)
        if self._cors is not None:
            batch = self.service.dispatcher.write_batch
            self.writer = cors.CorsWriter(self, self._shared.heads, batch, self._cors, self._origin)

    def on_head(self, method: bytes, version: str) -> None:
        """Ask who it is; then find out who answers."""
        reader = self._reader
        full = len(self.pipeline) >= MAX_PIPELINED  # then it is refused in any case
        if full or (method in {b"GET", b"HEAD"} and self._path() in self._open_paths):
            super().on_head(method, version)
            return
        headers = protocol.joined(reader.lines)
        keep_alive = reader.parser.should_keep_alive() and version != "1.0" and _is_small(headers)
        if self._asks_who is not None and self._asks_who(headers):
            self._say_who(self._label(method), headers, keep_alive=keep_alive)
            return
        if method == b"OPTIONS" and self._cors is not None:
            lines = self._cors.preflight(headers)
            if lines is not None:  # browsers never send a key with it
                allowed = protocol.Response(content_type=cors.EMPTY, extra=lines)
                self._answer_at_the_head(catalog.OTHER, headers, allowed, keep_alive=keep_alive)
                return
        try:
            grant = self._grant(headers)
            if self._limiter is not None:
                self._limiter.check(self._charges(self._limiter, headers, grant))
        except ServingError as error:
            label = self._label(method)
            refusal = protocol.fault(error, label)
            if method == b"HEAD":
                refusal.body = b""
            self._answer_at_the_head(label, headers, refusal, keep_alive=keep_alive)
            return
        super().on_head(method, version)

    def _say_who(self, label: str, headers: Mapping[str, str], *, keep_alive: bool) -> None:
        """Answer whether this is a canary; no route is asked, whatever the path."""
        cycle = self._shared.cycle(self, label, headers, keep_alive=keep_alive)
        cycle.read_head()
        self._enqueue(cycle)

    def _take(self, known: CachedHead) -> None:
        """Begin with a request whose head is known, if its sender still may ask."""
        head = known.head
        try:
            if self._identification is not None:
                grant = head.grant
                if grant is None or grant.keys.superseded or grant.until <= time.time():
                    head.grant = self._grant(head.headers)
            if self._limiter is not None:
                cost = self._cost
                if cost[0] is not head or cost[1] is not head.grant:
                    charges = self._charges(self._limiter, head.headers, head.grant)
                    cost = self._cost = head, head.grant, charges
                self._limiter.check(cost[2])
        except ServingError as error:
            self._reader.begun = True
            self.deadline.clear()
            refusal = protocol.fault(error, head.route)
            self._answer_at_the_head(head.route, head.headers, refusal, keep_alive=True)
            return
        super()._take(known)

    def _grant(self, headers: Mapping[str, str]) -> Grant | None:
        """Whose key or token it is; None where the server asks for none."""
        try:
            return self._identification.grant(headers) if self._identification else None
        except ServingError:
            if (limiter := self._limiter) is not None:
                limiter.check(limiter.unknown(self._peer(), headers.get(FORWARDED_FOR)))
            raise

    def _charges(self, limiter: Limiter, headers: Mapping[str, str], grant: Grant | None) -> Charges:
        """What a request of this connection costs; a mirrored one was paid for where it came from."""
        if self._is_mirrored is not None and self._is_mirrored(headers):
            return ()
        client = grant.client if grant is not None else None
        forwarded = headers.get(FORWARDED_FOR) if limiter.reads_forwarded else None
        charged = self._charged
        if charged is None or charged[0] is not client or charged[1] != forwarded:
            charged = self._charged = client, forwarded, limiter.charges(self._peer(), forwarded, client)
        return charged[2]

    def _peer(self) -> str:
        return self.client[0] if self.client else ""

    def _origin(self) -> str | None:
        """Of the page behind the request whose answer is next; None where there is none."""
        cycle = self._serving
        if isinstance(cycle, InferenceCycle):
            return cycle.headers.get("origin")
        return None if cycle is None else cors.origin(cycle.scope)

    def _answer_at_the_head(
        self, label: str, headers: Mapping[str, str], answer: protocol.Response, *, keep_alive: bool
    ) -> None:
        """Answer a request when it is its turn, whatever its route; its body is not read."""
        cycle = self._shared.cycle(self, label, headers, keep_alive=keep_alive)
        cycle.refuse(answer)
        self._enqueue(cycle)

    def _label(self, method: bytes) -> str:
        """The route's, where it runs the model: its protocol decides how an error looks."""
        found = self._shared.inference.get(self._path()) if method == b"POST" else None
        return found or catalog.OTHER

    def _path(self) -> bytes:
        """The path of the request; empty where it has none that is valid."""
        try:
            return head_checks.path(self._reader.target)
        except head_checks.NO_PATH:
            return b""


def _is_small(headers: Mapping[str, str]) -> bool:
    """Whether the body is soon over, and it is known that it comes."""
    length = headers.get("content-length", "0")
    chunked = "transfer-encoding" in headers or "expect" in headers
    return not chunked and length.isdecimal() and len(length) < 9 and int(length) <= MOST_UNREAD
