"""One inference request's way through a front: admit, decode, queue, encode. Both doors start it.

Everything happens on the front's event loop, in callbacks: a task and a future per request would cost as much
as the rest of a small request. What takes long is done in `Service.threads`.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from paddlemodel_server import protocol
from paddlemodel_server.dispatch import Outcome, Pending
from paddlemodel_server.errors import ServingError

if TYPE_CHECKING:
    from paddlemodel_server.service import Service

LARGE_ANSWER_BYTES = 64 * 1024  # encoding less than this takes well under a millisecond
Done = Callable[[protocol.Response], None]

logger = logging.getLogger(__name__)


class Call:
    """A request whose head and size have been checked."""

    __slots__ = (
        "_admitted",
        "_began",
        "_done",
        "_headers",
        "_label",
        "_pending",
        "_request",
        "_service",
        "_stage_began",
        "_thread",
    )

    def __init__(self, service: "Service", label: str, headers: protocol.Headers, done: Done) -> None:
        """Prepare; `start` begins.

        Args:
            service: the front's.
            label: of a route that runs the model.
            headers: of the request.
            done: called once, on the event loop, with the answer; never after `withdraw`.
        """
        self._service = service
        self._label = label
        self._headers = headers
        self._done: Done | None = done
        self._admitted = False
        self._began = self._stage_began = 0.0
        self._pending: Pending | None = None
        self._request: protocol.Request
        self._thread: asyncio.Future[Any] | None = None

    def start(self, body: bytes, began: float) -> None:
        """Begin with the whole body; the deadline counts from `began` (monotonic seconds)."""
        service, label, headers = self._service, self._label, self._headers
        self._began = self._stage_began = began
        try:
            service.dispatcher.admit()
            self._admitted = True
            if protocol.is_heavy(service.served, label, headers, len(body)):
                self._in_thread(self._decoded, protocol.parse, service.served, label, headers, body)
            else:
                self._submit(protocol.parse(service.served, label, headers, body))
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
        service, seconds, now = self._service, self._service.settings.timeout_seconds, time.monotonic()
        if request.timeout_seconds is not None and request.timeout_seconds < seconds:
            seconds = request.timeout_seconds
        service.metrics.stage("decode", now - self._stage_began)
        self._request = request
        self._pending = service.dispatcher.submit(request.arrays, self._began, seconds, self._settled)

    def _settled(self, outcome: Outcome) -> None:
        service = self._service
        self._pending = None
        self._leave()
        if isinstance(outcome, ServingError):
            self._fail(outcome)
            return
        self._stage_began = time.monotonic()
        arguments = service.served, self._label, self._request, outcome
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
        self._service.metrics.stage("encode", time.monotonic() - self._stage_began)
        self._finish(response)

    def _in_thread(self, then: Callable[[Any], None], function: Callable[..., Any], *arguments: Any) -> None:
        service = self._service
        self._thread = service.loop.run_in_executor(service.threads, function, *arguments)
        self._thread.add_done_callback(then)

    def _fail(self, error: Exception) -> None:
        self._leave()
        self._finish(failure(error))

    def _finish(self, response: protocol.Response) -> None:
        done, self._done = self._done, None
        if done:
            done(response)

    def _leave(self) -> None:
        if self._admitted:
            self._admitted = False
            self._service.dispatcher.leave()


def failure(error: Exception) -> protocol.Response:
    """The answer to an error, and a log line for those that are ours."""
    if not isinstance(error, ServingError):
        logger.error("a request failed", exc_info=error)
    return protocol.fault(error)
