"""A connection to a canary, renewed where it broke, and now and then, so that each pod gets some."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from paddlemodel_server.mirror.peer import BrokenError, Peer, Reply, UnreachableError, connect

CONNECT_SECONDS: Final = 2.0
RENEWED_SECONDS: Final = 20.0


class Line:
    """The connection of one sender."""

    def __init__(self, host: str, port: int, certificate: Callable[[], bytes] | None) -> None:
        """Note where to; the arguments are those of `peer.connect`."""
        self._where = host, port, certificate
        self._peer: Peer | None = None
        self._since = 0.0

    async def open(self) -> None:
        """See to it that there is a connection.

        Raises:
            UnreachableError: there is nobody.
        """
        if self._peer is not None and (
            not self._peer.open or time.monotonic() > self._since + RENEWED_SECONDS
        ):
            self.close()
        if self._peer is None:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    self._peer = await connect(*self._where)
            except TimeoutError:
                raise UnreachableError("nobody answers") from None
            self._since = time.monotonic()

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
