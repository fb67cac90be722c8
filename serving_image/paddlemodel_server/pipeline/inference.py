"""One inference request's way through an HTTP worker: admit, decode, queue, encode. Both doors start it.

Everything happens on the HTTP worker's event loop, in callbacks: a task and a future per request would cost
as much as the rest of a small request. What takes long is done in the context's threads. Every request passes
`Inference.start`, whatever door it came through and whether its head was parsed or remembered.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from paddlemodel_server import protocol
from paddlemodel_server.errors import DeadlineExceededError, InputRefusedError, ServingError
from paddlemodel_server.metrics import catalog
from paddlemodel_server.pipeline.parts import Parts, Queue
from paddlemodel_server.pipeline.pending import Outcome, Pending
from paddlemodel_server.pipeline.request_log import RequestRecord
from paddlemodel_server.settings import Settings

LARGE_ANSWER_BYTES = 64 * 1024  # encoding less than this takes well under a millisecond
Done = Callable[[protocol.Response], None]


class Context(Protocol):
    """What a request needs of its HTTP worker; `Service` has it."""

    @property
    def settings(self) -> Settings:
        """The server's settings: the deadline of a request, among others."""
        ...

    @property
    def served(self) -> protocol.Served:
        """The model, its signature and its task."""
        ...

    @property
    def dispatcher(self) -> Queue:
        """The way to the workers."""
        ...

    @property
    def metrics(self) -> catalog.HttpWorker:
        """The HTTP worker's counters."""
        ...

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that runs the callbacks of a request."""
        ...

    @property
    def threads(self) -> ThreadPoolExecutor:
        """For what takes long."""
        ...

    @property
    def inference(self) -> "type[Inference]":
        """The way of its requests; tasks with several models have one of their own."""
        ...


class Inference:
    """A request whose head and size have been checked."""

    # What most requests never change is set once, here.
    _admitted = False
    _held = 0  # bytes that it keeps beside the tensors that are in flight
    _pending: Pending | Parts | None = None
    _request: protocol.Request
    _thread: asyncio.Future[Any] | None = None

    def __init__(self, context: Context, record: RequestRecord, done: Done) -> None:
        """Prepare; `start` begins.

        Args:
            context: the HTTP worker's.
            record: with the head of the request.
            done: called once, on the event loop, with the answer; never after `withdraw`.
        """
        self._context = context
        self._record = record
        self._done: Done | None = done
        self._seconds = context.settings.timeout_seconds  # from the end of the body

    def start(self, head: protocol.Head, body: bytes, received: float) -> None:
        """Begin with the whole body; the deadline counts from `received` (monotonic seconds)."""
        context = self._context
        self._record.received = received
        try:
            context.dispatcher.admit()
            self._admitted = True
            if protocol.is_heavy(head, len(body)):
                self._shorten(head.timeout_seconds)
                self._in_thread(self._decoded, protocol.parse, context.served, head, body)
            else:
                self._submit(protocol.parse(context.served, head, body))
        except Exception as error:  # noqa: BLE001 - the outermost layer: everything becomes an answer
            self._fail(error)

    def withdraw(self) -> None:
        """The client is gone: what has not begun will not be done."""
        self._done = None
        if isinstance(self._pending, Parts):
            self._pending.abandon()
        elif self._pending:
            self._context.dispatcher.abandon(self._pending)
        if self._thread:
            self._thread.cancel()
        self._leave()

    def _decoded(self, future: "asyncio.Future[Any]") -> None:
        if not self._done:
            return
        try:
            request = future.result()
            self._context.dispatcher.check_memory()
            self._submit(request)
        except Exception as error:  # noqa: BLE001 - the outermost layer
            self._fail(error)

    def _submit(self, request: protocol.Request) -> None:
        context, record = self._context, self._record
        record.decoded = time.monotonic()
        self._shorten(request.timeout_seconds)
        context.metrics.decode.observe(record.decoded - record.received)
        self._request = request
        if request.parts is not None:
            self._submit_parts(request.parts, reduced=request.reduced)
            return
        self._pending = context.dispatcher.submit(
            request.arrays,
            record.received,
            self._seconds,
            record.request_id,
            self._settled,
            reduced=request.reduced,
        )

    def _hold(self, size: int) -> None:
        """Count the bytes that the request keeps, until it leaves or keeps others."""
        self._context.dispatcher.hold(size - self._held)
        self._held = size

    def _submit_parts(
        self, arrays: Sequence[Sequence[protocol.Array]], *, reduced: bool, model: int = 0, kept: int = 0
    ) -> None:
        """Hand in what a task runs in several parts; there may be none of them.

        Args:
            arrays: of each part.
            reduced: as that of `Queue.submit`.
            model: likewise.
            kept: bytes that the request keeps beside them.
        """
        self._hold(kept + sum(array.nbytes for part in arrays for array in part))
        if not arrays:
            self._settled([])
            return
        record, parts = self._record, Parts(self._context.dispatcher, self._settled)
        self._pending = parts
        parts.submit(arrays, record.received, self._seconds, record.request_id, reduced=reduced, model=model)

    def _settled(self, outcome: Outcome) -> None:
        context, record, pending = self._context, self._record, self._pending
        if pending:
            record.worker = pending.worker
            if pending.ran:
                record.run_began, record.batch_seconds, record.run_seconds = pending.ran
        self._pending = None
        self._leave()
        if isinstance(outcome, ServingError):
            if isinstance(outcome, InputRefusedError) and pending:
                outcome = protocol.refusal(context.served, pending.arrays)
            self._fail(outcome)
            return
        record.settled = time.monotonic()
        arguments = context.served, record.route, self._request, outcome
        try:
            if self._request.lengthy or sum([one.nbytes for one in outcome]) > LARGE_ANSWER_BYTES:
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
        self._context.metrics.encode.observe(record.encoded - record.settled)
        self._finish(response)

    def _shorten(self, seconds: float | None) -> None:
        """Take the client's own deadline where it is the shorter one."""
        if seconds is not None and seconds < self._seconds:
            self._seconds = seconds

    def _in_thread(self, then: Callable[[Any], None], function: Callable[..., Any], *arguments: Any) -> None:
        context, seconds = self._context, self._seconds
        until = self._record.received + seconds

        def work() -> Any:
            if time.monotonic() > until:
                raise DeadlineExceededError(seconds)
            return function(*arguments)

        self._thread = context.loop.run_in_executor(context.threads, work)
        self._thread.add_done_callback(then)
        timer = context.loop.call_later(until - time.monotonic(), self._late)
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
        if self._held:
            self._hold(0)
        if self._admitted:
            self._admitted = False
            self._context.dispatcher.leave()


def answer_from_thread(
    context: Context, record: RequestRecord, head: protocol.Head, body: bytes
) -> protocol.Response:
    """Answer one request whose head and size have been checked, for a door in a thread."""
    answer: Future[protocol.Response] = Future()
    inference = context.inference(context, record, answer.set_result)
    context.loop.call_soon_threadsafe(inference.start, head, body, time.monotonic())
    return answer.result()


def failure(record: RequestRecord, error: Exception) -> protocol.Response:
    """The answer to an error; the request's record keeps the error for the log."""
    record.error = error
    return protocol.fault(error, record.route)
