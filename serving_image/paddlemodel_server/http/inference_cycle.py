"""A request that runs the model, on its connection: from its head to the bytes of its answer.

`connection` makes one where uvicorn would make a request-response cycle and an ASGI task. It has those
attributes of a cycle that uvicorn's protocol looks at, so that both kinds can follow each other on a
connection.
"""

import logging
import time
from typing import TYPE_CHECKING, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from paddlemodel_server import protocol
from paddlemodel_server.errors import BodiesFullError, ServingError
from paddlemodel_server.pipeline.inference import Inference, failure
from paddlemodel_server.pipeline.request_log import CLIENT_GONE, RequestRecord

if TYPE_CHECKING:
    from paddlemodel_server.http.connection import GuardedProtocol
    from paddlemodel_server.pipeline.context import Service

UNCOUNTED_BYTES: Final = 16 * 1024
MOST_PREFIXES: Final = 256  # answers that carry an id of their request make a new one each
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
logger = logging.getLogger(__name__)


class _Nothing:
    """Stands for the event that uvicorn sets for a waiting task."""

    def set(self) -> None:
        """Nobody waits."""


class InferenceCycle:
    """One request; `begin` is called when all earlier ones of its connection are answered."""

    message_event: ClassVar = _Nothing()
    held: ClassVar[int] = (
        0  # bytes of all bodies of this HTTP worker, but for small ones that came in one read
    )

    # What most requests never change is set once, here.
    disconnected = response_complete = False
    _head: protocol.Head
    _received = 0.0
    _call: Inference | None = None
    _body: bytes | bytearray = b""
    _held = 0  # how much of it is counted
    _refusal: protocol.Response | None = None
    _expects = _turn = _whole = False

    def __init__(
        self, connection: "GuardedProtocol", label: str, headers: protocol.Headers, *, keep_alive: bool
    ) -> None:
        self._connection = connection
        self._record = RequestRecord(label, headers)
        self.keep_alive = keep_alive

    @property
    def repeatable(self) -> protocol.Head | None:
        """The head, where another request may come with the same; one with an id of its own will not."""
        ordinary = self.keep_alive and self._whole and self._refusal is None and not self._expects
        return self._head if ordinary and self._record.named is None else None

    def read_head(self, service: "Service") -> None:
        """Refuse what can be refused before the body is read."""
        record = self._record
        try:
            self._head = protocol.read_head(service.served, record.route, record.headers)
            self._expects = record.headers.get("expect", "").lower() == "100-continue"
        except Exception as error:  # noqa: BLE001 - the outermost layer: everything becomes an answer
            if "expect" in record.headers:
                self.keep_alive = False  # nobody can know whether its body still comes
            self.refuse(failure(record, error))

    def refuse(self, response: protocol.Response) -> None:
        """Answer without running the model, as soon as it is this request's turn."""
        self._refusal = response
        self.release()
        if self._turn:
            self._answer(response)

    def begin(self) -> None:
        """It is this request's turn."""
        self._turn = True
        if self._refusal:
            self._answer(self._refusal)
        elif self._whole:
            self._start()
        elif self._expects:
            self._connection.send(CONTINUE)

    def on_body(self, service: "Service", chunk: bytes) -> None:
        """Take a part of the body."""
        if self._refusal or self.response_complete:
            return
        size = len(self._body) + len(chunk)
        if self._body or size > UNCOUNTED_BYTES:
            InferenceCycle.held += size - self._held
            self._held = size
            if InferenceCycle.held > service.most_body_bytes:
                self.refuse(protocol.fault(BodiesFullError()))
                return
        if not self._body:
            self._body = chunk
        elif isinstance(self._body, bytearray):
            self._body += chunk
        else:
            self._body = bytearray(self._body + chunk)
        if size > service.served.max_request_bytes:
            try:
                protocol.check_size(service.served, size)
            except ServingError as error:
                self.refuse(protocol.fault(error))

    def on_message_complete(self) -> None:
        """The body is whole."""
        self._whole = True
        self._received = time.monotonic()
        if self._turn and not self._refusal:
            self._start()

    def take(self, head: protocol.Head, body: bytes) -> None:
        """Begin with a request that is whole, whose head is known, and whose turn it is."""
        self._turn = self._whole = True
        self._head, self._body, self._received = head, body, self._record.began
        self._start()

    def _start(self) -> None:
        body, self._body = bytes(self._body), b""
        self._call = call = Inference(self._connection.lane.service, self._record, self._answer)
        call.start(self._head, body, self._received)

    def release(self) -> None:
        """The body is needed no longer."""
        self._body = b""
        if self._held:
            InferenceCycle.held -= self._held
            self._held = 0

    def abandon(self) -> None:
        """The client is gone."""
        self.disconnected = True
        if not self.response_complete:
            self._end(CLIENT_GONE)
            if self._call:
                self._call.withdraw()

    def _end(self, status: int) -> None:
        self.release()
        self._connection.lane.service.request_log.end(self._record, status)

    def _answer(self, response: protocol.Response) -> None:
        connection = self._connection
        self._call = None  # no circle of objects stays behind
        self._end(response.status)
        self.response_complete = True
        if connection.transport.is_closing():
            return
        if connection.ends:
            self.keep_alive = False
        try:
            connection.write(self._record.signed(response), keep_alive=self.keep_alive)
        except Exception:
            logger.exception("an answer could not be written")
            connection.transport.abort()
            return
        connection.on_response_complete()


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


def _line(name: str, value: str) -> bytes:
    if "\r" in value or "\n" in value:
        raise ValueError(f"a line end in the header {name}")
    return f"{name.lower()}: {value}\r\n".encode("latin1")
