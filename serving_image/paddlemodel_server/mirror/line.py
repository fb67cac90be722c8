"""A connection to a canary, renewed where it broke, and now and then, so that each pod gets some.

No request goes over it before the other side has shown that it is this model's canary: a Service may have any
name, and any pods behind it.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from paddlemodel_server.mirror import proof
from paddlemodel_server.mirror.peer import (
    BrokenError,
    ForeignError,
    Peer,
    Reply,
    TooLongError,
    UnreachableError,
    connect,
)
from paddlemodel_server.mirror.wanted import UNTOLD

CONNECT_SECONDS: Final = 2.0
PROOF_SECONDS: Final = 5.0
MOST_PROOF: Final = 1024  # bytes
RENEWED_SECONDS: Final = 20.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a canary is, and how it shows that it is one.

    Attributes:
        host: a name or an address.
        port: of it.
        authority: both, as the header Host has them.
        certificate: tells the one that it has to show, as DER; None without TLS.
        token: what it has to know.
        path: of one of its routes that run the model.
    """

    host: str
    port: int
    authority: str
    certificate: Callable[[], bytes] | None
    token: str
    path: str


class Line:
    """The connection of one sender."""

    def __init__(self, place: Place) -> None:
        """Note where to."""
        self._place = place
        self._peer: Peer | None = None
        self._since = 0.0

    async def open(self) -> None:
        """See to it that there is a connection to a canary of this model.

        Raises:
            UnreachableError: there is nobody, or somebody else.
        """
        if self._peer is not None and (
            not self._peer.open or time.monotonic() > self._since + RENEWED_SECONDS
        ):
            self.close()
        if self._peer is None:
            place = self._place
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    peer = await connect(place.host, place.port, place.certificate)
            except TimeoutError:
                raise UnreachableError("nobody answers") from None
            if place.token != UNTOLD:
                await self._recognise(peer)
            self._peer, self._since = peer, time.monotonic()

    async def _recognise(self, peer: Peer) -> None:
        """Ask for the proof.

        Raises:
            UnreachableError: it is not given.
        """
        place, number = self._place, proof.question()
        try:
            reply = await peer.ask(
                proof.head(place.path, place.authority, number), b"", MOST_PROOF, PROOF_SECONDS
            )
        except TooLongError:
            reply = None
        except (BrokenError, TimeoutError):
            raise UnreachableError("it does not show that it is a canary of this model") from None
        if reply is None or not proof.is_proof(reply.body, place.token, number):
            peer.close()
            raise ForeignError("who has its address is no canary of this model, and gets no request")
        peer.fresh = True

    async def ask(self, head: bytes, body: bytes, most: int, seconds: float) -> Reply:
        """Ask over it; once more over a new one if it ended between two requests, which is nobody's fault.

        A model's answer changes nothing, so it does no harm if the first was under way.

        The arguments are those of `Peer.ask`.

        Raises:
            UnreachableError: there is nobody any more.
            TimeoutError: it took too long.
            BrokenError: there is no answer.
            TooLongError: it is longer than `most` bytes.
        """
        assert self._peer is not None, "open it first"  # noqa: S101 - our own mistake
        used = not self._peer.fresh
        try:
            return await self._peer.ask(head, body, most, seconds)
        except BrokenError:
            if not used:
                raise
        self.close()
        await self.open()
        return await self._peer.ask(head, body, most, seconds)

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._peer is not None:
            self._peer.close()
            self._peer = None
