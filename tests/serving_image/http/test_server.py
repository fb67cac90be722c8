"""A real server under load and abuse: every answer is its own request's, and the server outlives them all."""

import json
import random
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paddlemodel_server.ipc.scoreboard import MAX_WORKERS, READY

from tests import cleartext
from tests.serving_image.support import load
from tests.serving_image.support.servers import Server, eventually, shared_scoreboard, stopped, tensor, whole

INFER = "/v2/models/mixed/infer"


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with cleartext.Client(base_url=server.url, timeout=180) as made:
        yield made


def request(array: np.ndarray[Any, Any], **more: Any) -> dict[str, Any]:
    return {"inputs": [tensor("x", "FP32", array)]} | more


def check(answer: dict[str, Any], array: np.ndarray[Any, Any]) -> None:
    """`mixed` answers x * 2 + 1, and the mean of each row."""
    first, second = answer["outputs"]
    assert first["shape"] == list(array.shape)
    assert np.array_equal(np.array(first["data"], np.float32).reshape(array.shape), array * 2 + 1)
    assert np.allclose(second["data"], array.mean(axis=1), rtol=1e-4, atol=1e-3)


def test_an_answer(client: httpx.Client) -> None:
    array = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    answer = client.post(INFER, json=request(array, id="seven"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["id"] == "seven"
    check(answer.json(), array)


def test_more_rows_than_a_run_may_have(client: httpx.Client) -> None:
    array = np.arange(50 * 3, dtype=np.float32).reshape(50, 3)
    check(client.post(INFER, json=request(array)).json(), array)


def test_a_large_request_is_parsed_beside_the_loop(client: httpx.Client) -> None:
    array = np.arange(40_000, dtype=np.float32).reshape(4, -1) / 7
    check(client.post(INFER, json=request(array)).json(), array)


def test_metadata(client: httpx.Client) -> None:
    answer = client.get("/v2/models/mixed").json()
    assert answer["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, -1]}]
    assert [output["shape"] for output in answer["outputs"]] == [[-1, -1], [-1]]
    assert client.get("/v2").json()["name"] == "paddlemodel-server"
    assert client.get("/v2/models/mixed/ready").json() == {"name": "mixed", "ready": True}


def test_a_hammer_of_mixed_shapes_mixes_no_answers(server: Server) -> None:
    """32 clients at once, each with its own shapes and numbers."""

    def hammer(seed: int) -> int:
        rng = random.Random(seed)
        with cleartext.Client(base_url=server.url, timeout=180) as own:
            for _ in range(25):
                shape = (rng.choice([1, 1, 1, 2, 3, 20]), rng.choice([3, 4, 1000]))
                array = (
                    np.random.default_rng(rng.randrange(1 << 32))
                    .integers(-1000, 1000, shape)
                    .astype(np.float32)
                    + seed
                )
                check(own.post(INFER, json=request(array)).json(), array)
        return seed

    with ThreadPoolExecutor(32) as pool:
        assert sorted(pool.map(hammer, range(32))) == list(range(32))


def test_requests_go_to_the_worker_with_the_fewest_and_share_runs(
    server: Server, client: httpx.Client
) -> None:
    whole(server, 2)
    before = metrics(server)
    array = np.ones((1, 3), np.float32)
    with shared_scoreboard(server) as scoreboard, ThreadPoolExecutor(8) as pool:
        workers = [worker for worker in range(MAX_WORKERS) if scoreboard.worker(worker).state == READY]

        def held() -> list[int]:
            return [scoreboard.in_flight(worker) for worker in workers]

        eventually(lambda: sum(held()) == 0, "nobody else is there")
        with stopped(server):
            answers = []
            for count in range(
                1, 9
            ):  # one after the other: HTTP workers that choose together may choose the same
                answers.append(pool.submit(client.post, INFER, json=request(array)))
                eventually(partial(lambda wanted: sum(held()) == wanted, count), "it is sent to a worker")
            assert held() == [4, 4]
        for answer in answers:
            check(answer.result().json(), array)
    found = metrics(server)
    rows = found["paddle_batch_rows_sum"] - before["paddle_batch_rows_sum"]
    assert rows == 8
    assert found["paddle_batch_rows_count"] - before["paddle_batch_rows_count"] < rows


def metrics(server: Server) -> dict[str, float]:
    _, text = server.get("/metrics")
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_metrics_add_up_across_processes(server: Server, client: httpx.Client) -> None:
    name = 'paddle_requests_total{route="infer",status="200"}'
    before = metrics(server).get(name, 0)
    for _ in range(20):
        client.post(INFER, json=request(np.ones((1, 3), np.float32)), headers={"Connection": "close"})
    found = metrics(server)
    assert found[name] == before + 20
    assert found["paddle_inflight_requests"] == 0
    assert found["paddle_queue_depth"] == 0
    assert 0 <= found["paddle_busy_ratio"] <= 1
    assert found["paddle_model_load_seconds"] > 0
    (info,) = [name for name in found if name.startswith("paddle_model_info")]
    for label in ('name="mixed"', 'format="PIR"', 'device="cpu"', "onednn=", "paddle_version="):
        assert label in info


def test_no_http_worker_holds_paddle(server: Server) -> None:
    """`predictor.run()` would stop the loop, and Paddle's signal handlers would lose requests on SIGTERM."""
    http_workers = server.processes("http_worker")
    assert len(http_workers) == 3  # gunicorn and two workers
    for process in http_workers:
        assert not [part.path for part in process.memory_maps() if "/paddle/" in part.path]
    for process in server.processes("worker"):
        assert [part.path for part in process.memory_maps() if "/paddle/" in part.path]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/predict/", 404),
        ("GET", "/predict", 405),
        ("DELETE", INFER, 405),
        ("POST", "/v2/models/other/infer", 404),
        ("GET", "/v2/models/other", 404),
        ("POST", "/v2/health/live", 405),
    ],
)
def test_wrong_routes(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    if status == 405:
        assert answer.headers["allow"]


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
def test_a_body_that_is_too_large_is_refused(server: Server, chunked: bool) -> None:
    body = b"[" + b"1," * 1_000_000
    content = iter([body[:600_000], body[600_000:]]) if chunked else body
    answer = cleartext.post(f"{server.url}{INFER}", content=content)
    assert answer.status_code == 413
    found = "is larger than the 1000000 bytes" if chunked else f"has {len(body)} bytes; at most 1000000 are"
    assert answer.json() == {"error": f"The body {found} allowed."}


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"Content-Encoding": "br"}, "The Content-Encoding is 'br'"),
        ({"Content-Type": "image/png"}, "The Content-Type is 'image/png'"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, "The Content-Type is 'multipart/form-data'"),
    ],
)
def test_a_wrong_kind_of_body(client: httpx.Client, headers: dict[str, str], message: str) -> None:
    answer = client.post(INFER, content=b"{}", headers=headers)
    assert answer.status_code == 415
    assert answer.json()["error"].startswith(message)


@settings(max_examples=60)
@given(st.binary(max_size=200), st.sampled_from(["/predict", INFER]))
def test_noise_is_a_client_error(client: httpx.Client, content: bytes, path: str) -> None:
    answer = client.post(path, content=content)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]


@settings(max_examples=40)
@given(st.lists(st.integers(-2, 5), max_size=4), st.integers(0, 30))
def test_any_shape_is_answered_or_refused(client: httpx.Client, shape: list[int], count: int) -> None:
    entry = {"name": "x", "datatype": "FP32", "shape": shape, "data": [0.5] * count}
    answer = client.post(INFER, content=json.dumps({"inputs": [entry]}))
    fits = len(shape) == 2 and min(shape) > 0 and int(np.prod(shape)) == count
    assert answer.status_code == (200 if fits else 400)


def test_clients_that_vanish_leave_nothing_behind(server: Server, client: httpx.Client) -> None:
    body = json.dumps(request(np.ones((1000, 30), np.float32))).encode()
    gone = 'paddle_requests_total{route="infer",status="499"}'
    before = metrics(server).get(gone, 0)
    with stopped(server), ExitStack() as leaving:
        for _ in range(40):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=180)
            leaving.enter_context(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, load.ABRUPT)
            connection.sendall(load.post(INFER, body))
        eventually(lambda: metrics(server)["paddle_inflight_requests"] == 40, "all are taken in")
        leaving.close()
        eventually(lambda: metrics(server).get(gone, 0) == before + 40, "their leaving is noticed")
    eventually(lambda: metrics(server)["paddle_inflight_requests"] == 0, "all requests are settled")
    array = np.ones((1, 3), np.float32)
    check(client.post(INFER, json=request(array)).json(), array)
