"""One inference request's way through an HTTP worker: admit, decode, queue, encode. Both doors start it.

Everything happens on the HTTP worker's event loop, in callbacks: a task and a future per request would cost
as much as the rest of a small request. What takes long is done in `Service.threads`.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from paddlemodel_server import protocol
from paddlemodel_server.errors import DeadlineExceededError, InputRefusedError, ServingError
from paddlemodel_server.pipeline.dispatcher import Outcome, Pending
from paddlemodel_server.pipeline.request_log import RequestRecord

if TYPE_CHECKING:
    from paddlemodel_server.pipeline.context import Service

LARGE_ANSWER_BYTES = 64 * 1024  # encoding less than this takes well under a millisecond
Done = Callable[[protocol.Response], None]


class Inference:
    """A request whose head and size have been checked."""

    # What most requests never change is set once, here.
    _admitted = False
    _pending: Pending | None = None
    _request: protocol.Request
    _thread: asyncio.Future[Any] | None = None

    def __init__(self, service: "Service", record: RequestRecord, done: Done) -> None:
        """Prepare; `start` begins.

        Args:
            service: the HTTP worker's.
            record: with the head of the request.
            done: called once, on the event loop, with the answer; never after `withdraw`.
        """
        self._service = service
        self._record = record
        self._done: Done | None = done
        self._seconds = service.settings.timeout_seconds  # from the end of the body

    def start(self, head: protocol.Head, body: bytes, received: float) -> None:
        """Begin with the whole body; the deadline counts from `received` (monotonic seconds)."""
        service = self._service
        self._record.received = received
        try:
            service.dispatcher.admit()
            self._admitted = True
            if protocol.is_heavy(head, len(body)):
                self._shorten(head.timeout_seconds)
                self._in_thread(self._decoded, protocol.parse, service.served, head, body)
            else:
                self._submit(protocol.parse(service.served, head, body))
        except Exception as error:  # noqa: BLE001 - the outermost layer: everything becomes an answer
            self._fail(error)

    def withdraw(self) -> None:
        """The client is gone: what has not begun will not be done."""
        self._done = None
        if self._pending:
            self._service.dispatcher.abandon(self._pending)
        if self._thread:
            self._thread.cancel()
        self._leave()

    def _decoded(self, future: "asyncio.Future[Any]") -> None:
        if not self._done:
            return
        try:
            self._submit(future.result())
        except Exception as error:  # noqa: BLE001 - the outermost layer
            self._fail(error)

    def _submit(self, request: protocol.Request) -> None:
        service, record = self._service, self._record
        record.decoded = time.monotonic()
        self._shorten(request.timeout_seconds)
        service.metrics.decode.observe(record.decoded - record.received)
        self._request = request
        self._pending = service.dispatcher.submit(
            request.arrays, record.received, self._seconds, record.request_id, self._settled
        )

    def _settled(self, outcome: Outcome) -> None:
        service, record, pending = self._service, self._record, self._pending
        if pending:
            record.worker = pending.worker
            if pending.ran:
                record.run_began, record.batch_seconds, record.run_seconds = pending.ran
        self._pending = None
        self._leave()
        if isinstance(outcome, ServingError):
            refused = isinstance(outcome, InputRefusedError)
            self._fail(protocol.refusal(service.served, self._request) if refused else outcome)
            return
        record.settled = time.monotonic()
        arguments = service.served, record.route, self._request, outcome
        try:
            if sum([output.nbytes for output in outcome]) > LARGE_ANSWER_BYTES:
                self._in_thread(self._rendered, protocol.render, *arguments)
            else:
                self._encoded(protocol.render(*arguments))
        except Exception as error:  # noqa: BLE001 - the outermost layer
            self._fail(error)

    def _rendered(self, future: "asyncio.Future[Any]") -> None:
        if not self._done:
            return
        try:
            self._encoded(future.result())
        except Exception as error:  # noqa: BLE001 - the outermost layer
            self._fail(error)

    def _encoded(self, response: protocol.Response) -> None:
        record = self._record
        record.encoded = time.monotonic()
        self._service.metrics.encode.observe(record.encoded - record.settled)
        self._finish(response)

    def _shorten(self, seconds: float | None) -> None:
        """Take the client's own deadline where it is the shorter one."""
        if seconds is not None and seconds < self._seconds:
            self._seconds = seconds

    def _in_thread(self, then: Callable[[Any], None], function: Callable[..., Any], *arguments: Any) -> None:
        service, seconds = self._service, self._seconds
        until = self._record.received + seconds

        def work() -> Any:
            if time.monotonic() > until:
                raise DeadlineExceededError(seconds)
            return function(*arguments)

        self._thread = service.loop.run_in_executor(service.threads, work)
        self._thread.add_done_callback(then)
        timer = service.loop.call_later(until - time.monotonic(), self._late)
        self._thread.add_done_callback(lambda _: timer.cancel())

    def _late(self) -> None:
        """The deadline has passed while a thread was awaited, or at work; it does not begin any more."""
        thread, self._thread = self._thread, None
        self._fail(DeadlineExceededError(self._seconds))
        if thread:
            thread.cancel()

    def _fail(self, error: Exception) -> None:
        self._leave()
        self._finish(failure(self._record, error))

    def _finish(self, response: protocol.Response) -> None:
        done, self._done = self._done, None
        if done:
            done(response)

    def _leave(self) -> None:
        if self._admitted:
            self._admitted = False
            self._service.dispatcher.leave()


def failure(record: RequestRecord, error: Exception) -> protocol.Response:
    """The answer to an error; the journal will log it where it is ours."""
    record.error = error
    return protocol.fault(error)
