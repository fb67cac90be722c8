"""What an HTTP worker tells about each inference request once it is over: counters, log lines, a trace.

The doors make a RequestRecord of its head and call `end` with the status; `inference` notes the times in
between. All of it happens on the event loop's thread, but for what says otherwise.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from paddlemodel_server.errors import ModelFailedError, ServingError
from paddlemodel_server.host.log import Limiter
from paddlemodel_server.metrics import catalog, tracing
from paddlemodel_server.protocol import Response
from paddlemodel_server.protocol.request_id import Identity, identify, made
from paddlemodel_server.settings import Settings

CLIENT_GONE: Final = 499  # nginx's number for it; only metrics see it

logger = logging.getLogger(__name__)


class RequestRecord:
    """One inference request on its way through an HTTP worker.

    Times are monotonic seconds, 0 where not reached.
    """

    received = decoded = settled = encoded = 0.0
    run_began = batch_seconds = run_seconds = 0.0  # of its run, where a worker told them
    further: tuple[tracing.Stage, ...] = ()  # of a task with several models
    worker = -1
    error: Exception | None = None  # what went wrong
    mirrored = False  # whether it is no client's, but a stable version's to its canary

    def __init__(self, route: str, headers: Mapping[str, str]) -> None:
        self.route = route
        self.headers = headers
        self.named = identify(headers)  # None: the client sent no id
        self.request_id = self.named.request_id if self.named else made()
        self.began = time.monotonic()

    @property
    def identity(self) -> Identity:
        """The request's id and, where its client or a tracer named one, the trace that it belongs to."""
        return self.named or Identity(self.request_id, self.request_id)

    def is_told(self, status: int) -> bool:
        """Whether the answer has the request's id: the client sent one, or its cause is in the log alone."""
        return self.named is not None or status == HTTPStatus.INTERNAL_SERVER_ERROR

    def signed(self, response: Response) -> Response:
        """The answer, with the request's id where it is told."""
        if not self.is_told(response.status):
            return response
        return replace(response, extra=(*response.extra, ("X-Request-Id", self.request_id)))

    def stages(self) -> list[tracing.Stage]:
        """The parts of its way that it has gone."""
        ran = self.run_began + self.batch_seconds
        return [
            stage
            for stage in (
                tracing.Stage("receive", self.began, self.received),
                tracing.Stage("decode", self.received, self.decoded),
                tracing.Stage("queue", self.decoded, self.run_began),
                tracing.Stage("batch", self.run_began, ran),
                tracing.Stage("predict", ran, ran + self.run_seconds),
                *self.further,
                tracing.Stage("encode", self.settled, self.encoded),
            )
            if stage.began and stage.ended >= stage.began
        ]


class RequestLog:
    """Counts the answers of one HTTP worker, and writes its log lines and traces."""

    def __init__(
        self,
        settings: Settings,
        counters: catalog.HttpWorker,
        paths: Mapping[str, str],
        environ: Mapping[str, str],
    ) -> None:
        """Open it on the running event loop.

        Args:
            settings: the server's.
            counters: the HTTP worker's.
            paths: the path of each route that runs the model, by its label.
            environ: where OpenTelemetry's variables are.
        """
        self._counters = counters
        self._paths = paths
        self._loop = asyncio.get_running_loop()
        self._slow = settings.slow_request_seconds or float("inf")
        self._debug = logger.isEnabledFor(logging.DEBUG)
        self._tracer = tracing.Tracer(settings.name, environ) if tracing.wanted(environ) else None
        self._failures = Limiter()
        self._slowness = Limiter()

    @property
    def run_times_after(self) -> float:
        """Seconds from which on a run's times may be wanted: before a warning is due."""
        return 0.0 if self._tracer or self._debug else self._slow / 2

    def end(self, record: RequestRecord, status: int) -> None:
        """Close a request: count it, and say what is worth saying.

        Args:
            record: the request.
            status: of its answer.
        """
        now = time.monotonic()
        seconds = now - record.began
        self._counters.answered(catalog.MIRRORED if record.mirrored else record.route, status, seconds)
        if status >= 500:
            self._fail(record, status, now)
        elif seconds > self._slow and status != CLIENT_GONE:
            self._warn(record, status, now)
        elif self._debug:
            logger.debug("answered", extra=_fields(record, status, now))
        if self._tracer is not None and record.route in self._paths:  # others are no requests to the model
            self._trace(self._tracer, record, status, now)

    def end_from_thread(self, record: RequestRecord, status: int) -> None:
        """The same for a door that runs in a thread."""
        self._loop.call_soon_threadsafe(self.end, record, status)

    async def close(self) -> None:
        """Export the last spans."""
        if self._tracer is not None:
            await asyncio.to_thread(self._tracer.close)

    def _fail(self, record: RequestRecord, status: int, now: float) -> None:
        if not self._allows(self._failures, now):
            return
        extra, error = _fields(record, status, now) | self._failures.summary(), record.error
        if error is not None and not isinstance(error, ServingError):
            logger.error("a request failed", extra=extra, exc_info=error)
            return
        extra["error"] = error.message if isinstance(error, ServingError) else ""
        cause = error.__cause__ if isinstance(error, ModelFailedError) else None
        level = logging.ERROR if status == 500 else logging.WARNING
        logger.log(level, "a request failed", extra=extra, exc_info=cause)

    def _warn(self, record: RequestRecord, status: int, now: float) -> None:
        if self._allows(self._slowness, now):
            logger.warning(
                "a request was slow", extra=_fields(record, status, now) | self._slowness.summary()
            )

    def _allows(self, limiter: Limiter, now: float) -> bool:
        if limiter.allows(now):
            return True
        if limiter.left_out == 1:  # the first: whatever comes, say later how many there were
            self._loop.call_later(limiter.seconds, self._tell, limiter)
        return False

    def _tell(self, limiter: Limiter) -> None:
        left_out = limiter.summary()
        if left_out:
            what = "failed" if limiter is self._failures else "were slow"
            logger.warning("more requests %s than the log shows", what, extra=left_out)

    def _trace(self, tracer: tracing.Tracer, record: RequestRecord, status: int, now: float) -> None:
        path = self._paths[record.route]
        attributes: dict[str, str | int | float] = {
            "http.request.method": "POST",
            "http.route": path,
            "http.response.status_code": status,
            "paddlemodel.request_id": record.request_id,
        }
        if record.worker >= 0:
            attributes["paddlemodel.worker"] = record.worker
        if status >= 500:
            attributes["error.type"] = str(status)
        whole = tracing.Stage(f"POST {path}", record.began, now)
        tracer.record(record.identity, whole, record.stages(), attributes)


def _fields(record: RequestRecord, status: int, now: float) -> dict[str, object]:
    """What a line says of a request."""
    fields: dict[str, object] = named(record.identity) | {
        "route": record.route,
        "status": status,
        "seconds": round(now - record.began, 6),
    }
    seconds: dict[str, float] = {}  # a stage may have come several times
    for stage in record.stages():
        seconds[stage.name] = seconds.get(stage.name, 0.0) + stage.ended - stage.began
    fields |= {f"{name}_seconds": round(spent, 6) for name, spent in seconds.items()}
    if record.worker >= 0:
        fields["worker"] = record.worker
    return fields


def named(identity: Identity) -> dict[str, object]:
    """A request's ids as a line has them."""
    ids: dict[str, object] = {"request_id": identity.request_id}
    if identity.trace_id != identity.request_id:
        ids["trace_id"] = identity.trace_id
    return ids
