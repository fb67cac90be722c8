"""What a real server's log says about requests: their ids, slow ones, failed ones, floods."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests import cleartext
from tests.serving_image.support.servers import Server, eventually, serving, tensor

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
SLOW = "a request was slow"


def lines(server: Server, message: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in server.logged().splitlines()]
    return [line for line in found if line["message"] == message]


def ask(server: Server, value: float, headers: dict[str, str] | None = None) -> httpx.Response:
    body = {"inputs": [tensor("x", "FP32", np.full((1, 8), value, np.float32))]}
    return cleartext.post(f"{server.url}/v2/models/model/infer", json=body, headers=headers, timeout=180)


@pytest.fixture(scope="module")
def fussy(exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """To this one every request is a slow one."""
    folder = tmp_path_factory.mktemp("fussy")
    with serving(exported("pir", "fussy"), folder, slow_request_seconds=1e-6) as running:
        yield running


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"X-Request-Id": "order-7"}, "order-7"),
        ({"traceparent": PARENT}, TRACE),
        ({"traceparent": PARENT, "X-Request-Id": "order-7"}, "order-7"),
        ({"traceparent": "nonsense"}, "[0-9a-f]{32}"),
        ({"X-Request-Id": "two words"}, "[0-9a-f]{32}"),
        ({"X-Request-Id": "x" * 65}, "[0-9a-f]{32}"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v2/models/model/infer", 200),
        ("POST", "/predict", 400),
        ("GET", "/healthz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/v2", 200),
        ("GET", "/nothing", 404),
    ],
)
def test_an_answer_names_a_request_whose_client_did(
    fussy: Server, method: str, path: str, status: int, headers: dict[str, str], expected: str | None
) -> None:
    body = {"inputs": [tensor("x", "FP32", np.ones((1, 8), np.float32))]} if status == 200 else {}
    url = fussy.admin_url if path in {"/healthz", "/metrics"} else fussy.url
    answer = cleartext.request(method, f"{url}{path}", headers=headers, json=body, timeout=180)
    assert answer.status_code == status
    found = answer.headers.get("x-request-id")
    assert (found is None) == (expected is None)
    assert expected is None or re.fullmatch(expected, found or "")


def test_a_failed_request_is_named_by_http_worker_and_worker(fussy: Server) -> None:
    answer = ask(fussy, 0, {"traceparent": PARENT, "X-Request-Id": "order-8"})
    assert answer.status_code == 500
    assert "fussy" not in answer.text
    assert answer.headers["x-request-id"] == "order-8"

    def failures() -> list[dict[str, Any]]:
        return [e for m in ("the model failed on a request", "a request failed") for e in lines(fussy, m)]

    by_worker, by_http_worker = eventually(lambda: failures() if len(failures()) == 2 else None, "both lines")
    assert (by_worker["level"], by_worker["process"], by_worker["request_id"]) == (
        "ERROR",
        "worker-0",
        "order-8",
    )
    assert "Traceback" in by_worker["trace"]
    assert (by_http_worker["level"], by_http_worker["process"], by_http_worker["request_id"]) == (
        "ERROR",
        "http-worker",
        "order-8",
    )
    assert (by_http_worker["trace_id"], by_http_worker["status"], by_http_worker["worker"]) == (TRACE, 500, 0)
    assert "trace" not in by_http_worker


def test_a_failed_request_without_an_id_has_one_in_both_lines_and_in_its_answer(fussy: Server) -> None:
    before = len(lines(fussy, "a request failed"))
    answer = ask(fussy, 0)
    assert answer.status_code == 500
    eventually(lambda: len(lines(fussy, "a request failed")) > before, "the line")
    one = lines(fussy, "a request failed")[-1]["request_id"]
    assert re.fullmatch("[0-9a-f]{32}", one)
    assert lines(fussy, "the model failed on a request")[-1]["request_id"] == one
    assert answer.headers["x-request-id"] == one


def test_a_slow_request_is_a_warning_with_its_stages(fussy: Server) -> None:
    calm(fussy)
    assert ask(fussy, 1, {"X-Request-Id": "order-9"}).status_code == 200

    def warned() -> list[dict[str, Any]]:
        return [line for line in lines(fussy, SLOW) if line["request_id"] == "order-9"]

    (line,) = eventually(warned, "a warning")
    assert (line["level"], line["route"], line["status"]) == ("WARNING", "infer", 200)
    stages = [line[f"{s}_seconds"] for s in ("receive", "decode", "queue", "batch", "predict", "encode")]
    assert 0 < line["predict_seconds"] <= sum(stages) <= line["seconds"] + 1e-5


def test_a_flood_of_slow_requests_does_not_flood_the_log(fussy: Server) -> None:
    calm(fussy)
    before = shown_and_left_out(fussy)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: ask(fussy, 1).status_code, range(40)))
    assert set(statuses) == {200}
    eventually(lambda: sum(shown_and_left_out(fussy)) == sum(before) + 40, "all are shown or counted", 60)
    assert shown_and_left_out(fussy)[1] > before[1]


def shown_and_left_out(server: Server) -> tuple[int, int]:
    shown, more = lines(server, SLOW), lines(server, "more requests were slow than the log shows")
    return len(shown), sum(line.get("left_out", 0) for line in [*shown, *more])


def calm(server: Server) -> None:
    """Wait until the server says everything again: it shows ten lines of a kind in ten seconds."""

    def shown() -> bool:
        before = shown_and_left_out(server)[0]
        assert ask(server, 1).status_code == 200
        return shown_and_left_out(server)[0] > before

    eventually(shown, "a slow request is shown", 60)


def test_bodies_and_headers_stay_out_of_the_log(fussy: Server) -> None:
    secret = "do-not-tell"
    headers = {"Authorization": f"Bearer {secret}", "X-Request-Id": f"{secret} {secret}", "Cookie": secret}
    body = json.dumps({"id": secret, "inputs": [tensor("x", "FP32", np.zeros((1, 3), np.float32))]})
    answer = cleartext.post(f"{fussy.url}/v2/models/model/infer", content=body, headers=headers, timeout=180)
    assert answer.status_code == 500
    eventually(lambda: lines(fussy, "a request failed"), "the line")
    assert secret not in fussy.logged()


def test_every_line_is_json_and_text_is_for_people(
    exported: Callable[[str, str], Path], tmp_path: Path, fussy: Server
) -> None:
    for line in fussy.logged().splitlines():
        assert {"time", "level", "process", "pid", "message"} <= set(json.loads(line))
    with serving(exported("pir", "mixed"), tmp_path, log_format="text", log_level="DEBUG") as server:
        body = {"inputs": [tensor("x", "FP32", np.ones((1, 3), np.float32))]}
        cleartext.post(f"{server.url}/v2/models/model/infer", json=body, headers={"X-Request-Id": "a=b"})
        eventually(lambda: "answered" in server.logged(), "a line for each request, at DEBUG")
    shape = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ [a-z0-9-]+\[\d+\] \S.*|    .*")
    assert all(shape.fullmatch(line) for line in server.logged().splitlines())
    (answered,) = (line for line in server.logged().splitlines() if "] answered" in line)
    assert ' answered request_id="a=b" trace_id=' in answered
    assert " predict_seconds=" in answered
