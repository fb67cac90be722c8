"""OpenTelemetry traces, where an OTLP endpoint is configured. The only file that imports opentelemetry.

There is one Tracer per HTTP worker; without an endpoint there is none and nothing is imported. A span is made
after its answer, from times that were measured anyway, and handed to a bounded queue that a thread empties: a
collector that is slow or down costs spans, never a request. The OTEL_ variables are OpenTelemetry's own; what
we cannot do is refused at the start.
"""

import logging
import math
import re
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from paddlemodel_server.errors import StartError
from paddlemodel_server.protocol.request_id import Identity

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SAMPLERS = ("always_on", "always_off", "traceidratio")
SAMPLERS = frozenset((*_SAMPLERS, *(f"parentbased_{name}" for name in _SAMPLERS)))
# What is checked of the other variables, with OpenTelemetry's defaults.
_BATCHES = {
    "OTEL_BSP_MAX_QUEUE_SIZE": "2048",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "512",
    "OTEL_BSP_SCHEDULE_DELAY": "5000",
    "OTEL_BSP_EXPORT_TIMEOUT": "30000",
}
_TIMEOUTS = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
_COMPRESSIONS = ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION")
STOP_SECONDS = 2.0  # how long the end waits for the last spans

logger = logging.getLogger(__name__)


class Stage(NamedTuple):
    """A part of a request's way, in monotonic seconds."""

    name: str
    began: float
    ended: float


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether traces are asked for; a StartError names a variable that asks for what is not supported.

    OpenTelemetry itself would end the HTTP worker at a wrong value, or say something to a log that nobody
    reads.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or not any(map(environ.get, ENDPOINTS)):
        return False
    exporters = environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    if exporters == "none":
        return False
    _check("OTEL_TRACES_EXPORTER", exporters, exporters == "otlp", "otlp or none")
    for variable in ENDPOINTS:
        endpoint = environ.get(variable) or "http://"
        _check(variable, endpoint, endpoint.startswith(("http://", "https://")), "an http:// or https:// URL")
    variable, protocol = _first(environ, PROTOCOLS, "http/protobuf")
    _check(variable, protocol, protocol == "http/protobuf", "http/protobuf (a collector's port 4318)")
    _check_sampler(environ)
    _check_numbers(environ)
    variable, compression = _first(environ, _COMPRESSIONS, "none")
    known = compression.lower().strip() in {"none", "gzip", "deflate"}
    _check(variable, compression, known, "none, gzip or deflate")
    propagators = environ.get("OTEL_PROPAGATORS") or "tracecontext"
    known = "tracecontext" in [name.strip() for name in propagators.split(",")]
    _check("OTEL_PROPAGATORS", propagators, known, "tracecontext, the only one that is supported")
    return True


def _check(variable: str, value: str, allowed: bool, cure: str) -> None:
    if not allowed:
        raise StartError("InvalidSettings", f"{variable} is {value[:80]!r}; set it to {cure}.")


def _check_sampler(environ: Mapping[str, str]) -> None:
    sampler = environ.get("OTEL_TRACES_SAMPLER") or "parentbased_always_on"
    known = sampler.lower() in SAMPLERS  # OpenTelemetry strips nothing
    _check("OTEL_TRACES_SAMPLER", sampler, known, f"one of {', '.join(sorted(SAMPLERS))}")
    share = environ.get("OTEL_TRACES_SAMPLER_ARG") or "1"
    if "traceidratio" in sampler.lower():
        _check("OTEL_TRACES_SAMPLER_ARG", share, 0 <= _number(share) <= 1, "a number from 0 to 1")


def _check_numbers(environ: Mapping[str, str]) -> None:
    sizes = {}
    for variable, default in _BATCHES.items():
        text = environ.get(variable) or default
        _check(variable, text, re.fullmatch("0*[1-9][0-9]{0,8}", text) is not None, "a whole number above 0")
        sizes[variable] = int(text)
    batch, queue = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BSP_MAX_QUEUE_SIZE"
    if sizes[batch] > sizes[queue]:
        raise StartError(
            "InvalidSettings",
            f"{queue} is {sizes[queue]}, less than the {sizes[batch]} of {batch}; set a smaller batch, too.",
        )
    for variable in (n for n in environ if n.startswith("OTEL_") and n.endswith("_LIMIT")):
        whole = re.fullmatch(r"\s*[0-9]*\s*", environ[variable]) is not None
        _check(variable, environ[variable], whole, "a whole number, or leave it out")
    variable, seconds = _first(environ, _TIMEOUTS, "10")
    _check(variable, seconds, 0 < _number(seconds) <= 86_400, "a number of seconds above 0")


def _first(environ: Mapping[str, str], variables: Sequence[str], default: str) -> tuple[str, str]:
    """The variable of these that counts, and its value."""
    variable = next((name for name in variables if environ.get(name)), variables[0])
    return variable, environ.get(variable) or default


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


class Tracer:
    """Exports one server span per request, with a child for each stage."""

    def __init__(self, model: str, environ: Mapping[str, str]) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - only if wanted
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # noqa: PLC0415

        class Ids(RandomIdGenerator):
            """Gives a trace that begins here the id that the log lines have."""

            trace_id = 0

            def generate_trace_id(self) -> int:
                return self.trace_id

        _hush()
        self._ids = Ids()
        attributes = environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
        named = environ.get("OTEL_SERVICE_NAME") or "service.name=" in attributes
        resource = Resource.create({} if named else {"service.name": model})
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(_warning_once(OTLPSpanExporter())))
        self._tracer = self._provider.get_tracer("paddlemodel_server")

    def record(
        self,
        identity: Identity,
        whole: Stage,
        parts: Sequence[Stage],
        attributes: Mapping[str, str | int | float],
    ) -> None:
        """Make the spans of one request that is over.

        Args:
            identity: whose traceparent, if any, is the parent.
            whole: the server span.
            parts: its children.
            attributes: of the server span; with an error.type it has failed.
        """
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context  # noqa: PLC0415

        offset = time.time() - time.monotonic()
        self._ids.trace_id = int(identity.trace_id, 16)
        span = self._tracer.start_span(
            whole.name,
            _parent(identity),
            SpanKind.SERVER,
            attributes=attributes,
            start_time=_ns(whole.began + offset),
        )
        if span.is_recording():
            inside = set_span_in_context(span)
            for part in parts:
                child = self._tracer.start_span(part.name, inside, start_time=_ns(part.began + offset))
                child.end(_ns(part.ended + offset))
            if "error.type" in attributes:
                span.set_status(Status(StatusCode.ERROR))
        span.end(_ns(whole.ended + offset))

    def close(self) -> None:
        """Export what is left, for a short while."""
        # The provider's own waits up to half a minute for a collector that is down.
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(STOP_SECONDS)


def _parent(identity: Identity) -> "Context":
    from opentelemetry.context import Context  # noqa: PLC0415
    from opentelemetry.trace import (  # noqa: PLC0415
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
        TraceState,
        set_span_in_context,
    )

    parent = identity.parent
    if parent is None:
        return Context()
    context = SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(parent.flags),
        trace_state=TraceState.from_header([parent.state] if parent.state else []),
    )
    return set_span_in_context(NonRecordingSpan(context), Context())


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)


def _hush() -> None:
    """OpenTelemetry logs every failed attempt: one line of ours says it all."""
    library = logging.getLogger("opentelemetry")
    if logging.getLogger().level > logging.DEBUG:
        library.propagate = False
        library.handlers = [logging.NullHandler()]


def _warning_once(exporter: "SpanExporter") -> "SpanExporter":
    """Say once that spans are lost, and once that they arrive again."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult  # noqa: PLC0415

    class Exporter(SpanExporter):
        failing = False

        def export(self, spans: "Sequence[ReadableSpan]") -> "SpanExportResult":
            result: SpanExportResult = exporter.export(spans)
            failed = result is not SpanExportResult.SUCCESS
            if failed and not self.failing:
                logger.warning("traces cannot be exported and are dropped; is the collector up?")
            elif self.failing and not failed:
                logger.info("traces are exported again")
            self.failing = failed
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return exporter.force_flush(timeout_millis)

    return Exporter()
