"""One connection to another server of the same model: a request goes there whole, its answer comes whole.

It is HTTP/1.1 on the event loop, one request at a time. Where TLS is spoken the other server has to show the
very certificate that this one shows, since both have it from one Secret: the key behind it proves who it is,
and no name has to be in it.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httptools

MOST_HEAD: Final = 64 * 1024
_CHANGING: Final = (b"date", b"content-length")


class UnreachableError(Exception):
    """Nobody answers there, or nobody that may be trusted."""


class ForeignError(UnreachableError):
    """Somebody answers who is not to be trusted."""


class BrokenError(Exception):
    """The connection ended before the answer did, or what came is no answer."""


class TooLongError(Exception):
    """The answer is longer than it may be."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer; headers by lower-case name, but for its date and length."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def connect(host: str, port: int, pin: Callable[[], bytes] | None) -> "Peer":
    """Open a connection.

    Args:
        host: a name or an address.
        port: of it.
        pin: tells the certificate that the other server has to show, as DER; None without TLS.

    Raises:
        UnreachableError: nobody listens there, or somebody else.
    """
    try:
        _, peer = await asyncio.get_running_loop().create_connection(
            Peer, host, port, ssl=_context() if pin else None
        )
        if pin and peer.certificate() != pin():
            peer.close()
            raise ForeignError("it shows another certificate than this version, so it gets no request")
    except (OSError, ValueError) as error:  # ssl's errors are OSErrors
        raise UnreachableError(type(error).__name__) from error
    return peer


def _context() -> ssl.SSLContext:
    """Whose certificate it is, is compared afterwards, before a byte is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Peer(asyncio.Protocol):
    """The connection; `ask` again only after the last answer."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._waiting: asyncio.Future[Reply] | None = None
        self._lines: list[tuple[bytes, bytes]] = []  # of the head
        self._known: list[tuple[bytes, bytes]] | None = None  # those that `_headers` are made of
        self._headers: Mapping[str, str] = {}
        self._most = 0
        self.open = False
        self.fresh = True
        """Whether nothing was asked yet: an older connection may have ended without anybody's fault."""

    def certificate(self) -> bytes:
        """What the other server has shown, as DER."""
        shown: bytes | None = self._transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return shown or b""

    def close(self) -> None:
        """End it."""
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    async def ask(self, head: bytes, body: bytes, most: int, seconds: float) -> Reply:
        """Send a request, and wait for the whole answer.

        Args:
            head: with the empty line at its end.
            body: as its Content-Length says.
            most: bytes of the answer's body.
            seconds: how long the whole answer may take.

        Raises:
            TimeoutError: it took longer.
            BrokenError: there is none.
            TooLongError: it is longer.
        """
        self._parser = httptools.HttpResponseParser(self)
        self._lines, self._parts = [], list[bytes]()
        self._most, self._size, self.fresh = most, 0, False
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        timer = loop.call_later(seconds, self._fail, TimeoutError())
        try:
            self._transport.writelines([head, body])
            return await self._waiting
        except BaseException:
            self.close()
            raise
        finally:
            timer.cancel()
            self._waiting = None

    # --- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport, self.open = transport, True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - whatever the reason
        """Nothing comes any more."""
        self.open = False
        self._fail(BrokenError())

    def data_received(self, data: bytes) -> None:
        """Parse what has come; what nobody waits for ends the connection."""
        if self._waiting is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail(BrokenError())

    # --- called by the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._size += len(name) + len(value)
        if self._size > MOST_HEAD:
            self._fail(BrokenError())
        if name not in _CHANGING:
            self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        """Count the body alone from now on."""
        self._size = 0

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        self._size += len(body)
        if self._size > self._most:
            self._fail(TooLongError())
        elif self._waiting is not None:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        self.open = self.open and self._parser.should_keep_alive()
        if self._waiting is not None and not self._waiting.done():
            status = self._parser.get_status_code()
            if self._lines != self._known:  # nearly all answers have one head
                self._known = self._lines
                self._headers = {n.decode("latin1").lower(): v.decode("latin1") for n, v in self._lines}
            self._waiting.set_result(Reply(status=status, headers=self._headers, body=b"".join(self._parts)))
        if not self.open:
            self.close()

    def _fail(self, error: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
