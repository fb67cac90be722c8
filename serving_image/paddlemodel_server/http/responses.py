"""How answers are written: their heads, together with others', and so that the client gets the last one.

`inference_cycle` writes through a connection's Writer. Requests that do not run the model are answered by
uvicorn's cycle.
"""

import asyncio
from typing import Final, Protocol

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from paddlemodel_server import protocol
from paddlemodel_server.http import timeouts
from paddlemodel_server.http.timeouts import REST
from paddlemodel_server.pipeline.write_batch import WriteBatch

MOST_PREFIXES: Final = 256  # answers that carry an id of their request make a new one each
JOIN_BYTES: Final = 64 * 1024  # up to here an answer's head and body are copied into one write


class Heads:
    """Heads of answers; what does not change within a second is put together once."""

    def __init__(self) -> None:
        self._prefixes: dict[tuple[object, ...], bytes] = {}
        self._defaults: list[tuple[bytes, bytes]] = []

    def head(
        self, response: protocol.Response, defaults: list[tuple[bytes, bytes]], keep_alive: bool
    ) -> bytes:
        """Everything before the body.

        Args:
            response: the answer.
            defaults: uvicorn's headers (the date); a new list every second.
            keep_alive: whether the connection stays open.
        """
        if defaults is not self._defaults or len(self._prefixes) > MOST_PREFIXES:
            self._prefixes.clear()
            self._defaults = defaults
        key = response.status, response.content_type, response.extra, keep_alive
        prefix = self._prefixes.get(key)
        if prefix is None:
            prefix = self._prefixes[key] = self._prefix(response, keep_alive)
        return prefix + b"content-length: %d\r\n\r\n" % len(response.body)

    def _prefix(self, response: protocol.Response, keep_alive: bool) -> bytes:
        lines = [STATUS_LINE[response.status]]
        lines += [name + b": " + value + b"\r\n" for name, value in self._defaults]
        lines.append(_line("content-type", response.content_type))
        lines += [_line(name, value) for name, value in response.extra]
        if not keep_alive:
            lines.append(b"connection: close\r\n")
        return b"".join(lines)


class Written(Protocol):
    """What a Writer needs of its connection."""

    @property
    def transport(self) -> asyncio.Transport:
        """The client's connection."""
        ...

    @property
    def flow(self) -> FlowControl:
        """To read on what is thrown away."""
        ...

    @property
    def server_state(self) -> ServerState:
        """With the headers that every answer has."""
        ...

    @property
    def deadline(self) -> timeouts.Deadline:
        """For how long that may take."""
        ...

    def stop_listening(self) -> bool:
        """Ignore what still comes; whether the client is in the midst of a request."""
        ...


class Writer:
    """Writes one connection's answers, in order; the last one closes it."""

    __slots__ = ("_batch", "_connection", "_heads", "_state", "_transport", "closing")

    def __init__(self, connection: Written, heads: Heads, batch: WriteBatch) -> None:
        self._connection = connection
        self._transport = connection.transport
        self._state = connection.server_state
        self._heads = heads
        self._batch = batch
        self.closing = False  # the last answer is given

    def write(self, response: protocol.Response, *, keep_alive: bool) -> None:
        """Write an answer, and close the connection where it is the last one."""
        top = self._heads.head(response, self._state.default_headers, keep_alive)
        if len(response.body) <= JOIN_BYTES:
            self.send(top + response.body, last=not keep_alive)
        else:
            self.send(top, response.body, last=not keep_alive)

    def send(self, *parts: bytes, last: bool = False) -> None:
        """Write bytes, in order with all others of this connection."""
        then = None
        if last:
            self.closing = True
            then = self._linger if self._connection.stop_listening() else self._transport.close
        self._batch.write(self._transport, parts, then)

    def _linger(self) -> None:
        """Let a client send the rest: closing the socket on it could cost it the answer."""
        if self._transport.can_write_eof():  # TLS has no such thing: its client goes by the answer's length
            self._transport.write_eof()
        self._connection.flow.resume_reading()
        self._connection.deadline.wait(REST, timeouts.LINGER_SECONDS)


def _line(name: str, value: str) -> bytes:
    if "\r" in value or "\n" in value:
        raise ValueError(f"a line end in the header {name}")
    return f"{name.lower()}: {value}\r\n".encode("latin1")
