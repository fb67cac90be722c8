"""A request that runs the model, on its connection: from its head to the bytes of its answer.

A connection makes one where uvicorn would make a request-response cycle and an ASGI task. It has those
attributes of a cycle that uvicorn's protocol looks at, so that both kinds can follow each other on a
connection.
"""

import asyncio
import logging
import time
from typing import ClassVar, Final, Protocol

from paddlemodel_server import protocol
from paddlemodel_server.errors import BodiesFullError, ServingError
from paddlemodel_server.http.responses import Writer
from paddlemodel_server.pipeline.inference import Context, Inference, failure
from paddlemodel_server.pipeline.request_log import CLIENT_GONE, RequestRecord

UNCOUNTED_BYTES: Final = 16 * 1024
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
logger = logging.getLogger(__name__)


class Log(Protocol):
    """What hears of every request that is over; `RequestLog` is it."""

    def end(self, record: RequestRecord, status: int) -> None:
        """Count it, and say what is worth saying."""


class Service(Context, Protocol):
    """What a cycle needs of its HTTP worker."""

    @property
    def request_log(self) -> Log:
        """What hears of it."""
        ...


class Connection(Protocol):
    """What a cycle needs of its connection."""

    @property
    def service(self) -> Service:
        """What the HTTP worker's requests share: model, dispatcher, settings."""
        ...

    @property
    def bodies(self) -> "BodyBudget":
        """How many bytes of bodies the HTTP worker holds, of all connections together."""
        ...

    @property
    def transport(self) -> asyncio.Transport:
        """To know whether the client still is there."""
        ...

    @property
    def writer(self) -> Writer:
        """Writes the answer, where the client can take it."""
        ...

    @property
    def ends(self) -> bool:
        """Whether the next answer shall be the last."""
        ...

    def on_response_complete(self) -> None:
        """Go on with the next request."""


class BodyBudget:
    """The memory of all bodies that arrive at an HTTP worker, but for small ones that came in one read."""

    def __init__(self, most: int) -> None:
        """`most`: bytes that all bodies may take together."""
        self._most = most
        self.held = 0  # bytes

    def take(self, size: int) -> bool:
        """Count bytes that have come; False where they are too many, but they count all the same."""
        self.held += size
        return self.held <= self._most

    def give_back(self, size: int) -> None:
        """Count bytes that are needed no longer."""
        self.held -= size


class _Nothing:
    """Stands for the event that uvicorn sets for a waiting task."""

    def set(self) -> None:
        """Do nothing: callbacks drive the cycle, and no task awaits the event that uvicorn would set."""


class InferenceCycle:
    """One request; `begin` is called when all earlier ones of its connection are answered."""

    message_event: ClassVar = _Nothing()

    # What most requests never change is set once, here.
    disconnected = response_complete = False
    _head: protocol.Head
    _received = 0.0
    _inference: Inference | None = None
    _body: bytes | bytearray = b""
    _held = 0  # how much of it is counted
    _refusal: protocol.Response | None = None
    _expects = _turn = _whole = False

    def __init__(
        self, connection: Connection, label: str, headers: protocol.Headers, *, keep_alive: bool
    ) -> None:
        self._connection = connection
        self.record = RequestRecord(label, headers)
        self.keep_alive = keep_alive

    @property
    def repeatable(self) -> protocol.Head | None:
        """The head, where another request may come with the same; one with an id of its own will not."""
        ordinary = self.keep_alive and self._whole and self._refusal is None and not self._expects
        return self._head if ordinary and self.record.named is None else None

    @property
    def headers(self) -> protocol.Headers:
        """Of the request, by lower-case name; empty where it has no acceptable head."""
        return self.record.headers

    def read_head(self) -> None:
        """Refuse what can be refused before the body is read."""
        record = self.record
        try:
            self._head = protocol.read_head(self._connection.service.served, record.route, record.headers)
            self._expects = record.headers.get("expect", "").lower() == "100-continue"
        except Exception as error:  # noqa: BLE001 - the outermost layer: everything becomes an answer
            if "expect" in record.headers:
                self.keep_alive = False  # nobody can know whether its body still comes
            self.refuse(failure(record, error))

    def refuse(self, response: protocol.Response, *, last: bool = False) -> None:
        """Answer without running the model, as soon as it is this request's turn; too late, it does nothing.

        Args:
            response: the answer.
            last: whether the connection ends with it.
        """
        if self.response_complete:
            return
        self.keep_alive = self.keep_alive and not last
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
            self._connection.writer.send(CONTINUE)

    def on_body(self, chunk: bytes) -> None:
        """Take a part of the body."""
        if self._refusal or self.response_complete:
            return
        size = len(self._body) + len(chunk)
        if self._body or size > UNCOUNTED_BYTES:
            more, self._held = size - self._held, size
            if not self._connection.bodies.take(more):
                self.refuse(protocol.fault(BodiesFullError()))
                return
        if not self._body:
            self._body = chunk
        elif isinstance(self._body, bytearray):
            self._body += chunk
        else:
            self._body = bytearray(self._body + chunk)
        served = self._connection.service.served
        if size > served.max_request_bytes:
            try:
                protocol.check_size(served, size)
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
        self._head, self._body, self._received = head, body, self.record.began
        self._start()

    def _start(self) -> None:
        body, self._body = bytes(self._body), b""
        service = self._connection.service
        self._inference = inference = service.inference(service, self.record, self._answer)
        inference.start(self._head, body, self._received)

    def release(self) -> None:
        """The body is needed no longer."""
        self._body = b""
        if self._held:
            self._connection.bodies.give_back(self._held)
            self._held = 0

    def abandon(self) -> None:
        """The client is gone."""
        self.disconnected = True
        if not self.response_complete:
            self._end(CLIENT_GONE)
            if self._inference:
                self._inference.withdraw()

    def _end(self, status: int) -> None:
        self.release()
        self._connection.service.request_log.end(self.record, status)

    def _answer(self, response: protocol.Response) -> None:
        connection = self._connection
        self._inference = None  # no circle of objects stays behind
        self._end(response.status)
        self.response_complete = True
        if connection.transport.is_closing():
            return
        if connection.ends:
            self.keep_alive = False
        try:
            connection.writer.write(self.record.signed(response), keep_alive=self.keep_alive)
        except Exception:
            logger.exception("an answer could not be written")
            connection.transport.abort()
            return
        connection.on_response_complete()
