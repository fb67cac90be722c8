"""OpenTelemetry's variables, and real spans that a real OTLP receiver parses."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.metrics import tracing

from devcluster import ports
from tests import cleartext
from tests.serving_image.support.collector import SERVER, Collector, collecting
from tests.serving_image.support.servers import Server, eventually, serving, tensor

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
UP = {ENDPOINT: "http://collector:4318"}
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({ENDPOINT: ""}, False),
        (UP, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        (UP | {"OTEL_SDK_DISABLED": "true"}, False),
        (UP | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (UP | {"OTEL_TRACES_EXPORTER": "otlp"}, True),
        (
            UP
            | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"},
            True,
        ),
        (UP | {"OTEL_PROPAGATORS": "baggage, tracecontext"}, True),
        (UP | {"OTEL_TRACES_SAMPLER": "TraceIdRatio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, True),
        (UP | {"OTEL_TRACES_SAMPLER_ARG": "only read for a ratio"}, True),
        (UP | {"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "100"}, True),
        (UP | {"OTEL_BSP_MAX_QUEUE_SIZE": "", "OTEL_SPAN_LINK_COUNT_LIMIT": ""}, True),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False),
    ],
)
def test_when_traces_are_wanted(environ: dict[str, str], wanted: bool) -> None:
    assert tracing.wanted(environ) is wanted


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_TRACES_EXPORTER", "jaeger"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_TRACES_SAMPLER", " traceidratio"),
        ("OTEL_PROPAGATORS", "b3"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318"),
        ("OTEL_TRACES_SAMPLER_ARG", "10%"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_TRACES_SAMPLER_ARG", "nan"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "1.5"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "few"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(variable: str, value: str) -> None:
    ratio = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio"}
    with pytest.raises(StartError, match=f"{variable} is '{value}'"):
        tracing.wanted(UP | ratio | {variable: value})


@pytest.mark.parametrize(
    "environ", [{"OTEL_BSP_MAX_QUEUE_SIZE": "100"}, {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4096"}]
)
def test_a_queue_smaller_than_its_batch_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(StartError, match=r"OTEL_BSP_MAX_QUEUE_SIZE is .* OTEL_BSP_MAX_EXPORT_BATCH_SIZE"):
        tracing.wanted(UP | environ)


def test_a_server_refuses_it_at_the_start(exported: Callable[[str, str], Path], tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "paddlemodel_server.cli", "serve"],
        env=UP
        | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "PADDLEMODEL_MODEL_DIR": str(exported("pir", "mixed"))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert ended.returncode == 1
    assert "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'" in ended.stderr


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as made:
        yield made


@pytest.fixture(scope="module")
def traced(
    exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory, collector: Collector
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("traced")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENDPOINT, collector.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        with serving(exported("pir", "mixed"), folder, name="mixed") as running:
            yield running


def ask(server: Server, **headers: str) -> httpx.Response:
    body = {"inputs": [tensor("x", "FP32", np.ones((1, 3), np.float32))]}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return cleartext.post(f"{server.url}/v2/models/mixed/infer", json=body, headers=named, timeout=180)


def spans_of(collector: Collector, trace_id: str) -> list[dict[str, Any]]:
    """The server's span and the six of its parts; they may arrive one after the other."""
    eventually(lambda: len(collector.trace(trace_id)) >= 7, "the spans arrive")
    return collector.trace(trace_id)


def test_a_request_continues_its_clients_trace(traced: Server, collector: Collector) -> None:
    answer = ask(traced, traceparent=f"00-{TRACE}-{SPAN}-01", tracestate="vendor=1")
    assert answer.headers["x-request-id"] == TRACE
    whole, *parts = spans_of(collector, TRACE)
    assert whole["name"] == "POST /v2/models/{name}/infer"
    assert (whole["parent"], whole["kind"], whole["state"]) == (SPAN, SERVER, "vendor=1")
    assert whole["attributes"]["http.response.status_code"] == "200"
    assert not whole["failed"]
    assert [part["name"] for part in parts] == ["receive", "decode", "queue", "batch", "predict", "encode"]
    assert {part["parent"] for part in parts} == {whole["span_id"]}
    ends = [whole["began"], *(part["began"] for part in parts)]
    assert ends == sorted(ends)
    assert all(part["ended"] <= whole["ended"] for part in parts)
    assert collector.resources[0]["service.name"] == "mixed"


def test_a_trace_begins_here_and_has_the_requests_id(traced: Server, collector: Collector) -> None:
    ask(traced, x_request_id="order-7")
    eventually(
        lambda: [s for s in collector.spans if s["attributes"].get("paddlemodel.request_id") == "order-7"],
        "the span arrives",
    )
    (whole,) = [s for s in collector.spans if s["attributes"].get("paddlemodel.request_id") == "order-7"]
    assert whole["parent"] == ""
    assert len(spans_of(collector, whole["trace_id"])) == 7


def test_a_client_that_does_not_sample_is_not_traced(traced: Server, collector: Collector) -> None:
    unsampled, sampled = "a" * 32, "b" * 32
    ask(traced, traceparent=f"00-{unsampled}-{SPAN}-00")
    ask(traced, traceparent=f"00-{sampled}-{SPAN}-01")
    spans_of(collector, sampled)
    assert collector.trace(unsampled) == []


def test_what_is_no_http_is_no_span(traced: Server, collector: Collector) -> None:
    with socket.create_connection(("127.0.0.1", traced.port), timeout=180) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nContent-Length: many\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 400"
    later = "c" * 32
    ask(traced, traceparent=f"00-{later}-{SPAN}-01")
    spans_of(collector, later)
    assert {span["name"] for span in collector.spans if span["kind"] == SERVER} == {
        "POST /v2/models/{name}/infer"
    }


def test_a_collector_that_is_down_costs_no_request_and_one_line(
    exported: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = ports.free(1)[0]
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with serving(exported("pir", "mixed"), tmp_path, name="mixed") as server:
        assert ask(server).status_code == 200
        eventually(lambda: "traces cannot be exported" in server.logged(), "the warning")
        assert all(ask(server).status_code == 200 for _ in range(20))
        with collecting(port) as collector:

            def arrived() -> bool:
                ask(server)
                return bool(collector.spans)

            eventually(arrived, "spans arrive once the collector is up")
            eventually(lambda: "traces are exported again" in server.logged(), "the log says so")
            assert server.stop() == 0
    lines = [line for line in server.logged().splitlines() if "trace" in line or "telemetry" in line]
    assert len(lines) == 2


def test_without_an_endpoint_nothing_is_imported(server: Server) -> None:
    for process in server.processes("http_worker"):
        assert not [part.path for part in process.memory_maps() if "opentelemetry" in part.path]
    code = (
        "import sys, paddlemodel_server.http.asgi_app;print([n for n in sys.modules if 'opentelemetry' in n])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == "[]\n"
