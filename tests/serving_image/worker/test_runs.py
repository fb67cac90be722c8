"""Which requests of a real server share a run: never those that would change each other's answers."""

import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from paddlemodel_server.ipc import slots
from paddlemodel_server.worker import gather
from paddlemodel_server.worker.batching import Job

from tests import bare_predictor, cleartext
from tests.serving_image.support.servers import Server, metric, serving, tensor

Export = Callable[[str, str], Path]
Inputs = dict[str, np.ndarray[Any, Any]]
TOGETHER = 8  # rows of a run; of the sixteen requests at once, so many wait for each other
DELAY = 2000  # milliseconds at most
DATATYPES = {"float32": "FP32", "int64": "INT64"}


def answers(server: Server, requests: list[Inputs]) -> list[list[np.ndarray[Any, Any]]]:
    """Send all at once; the outputs of each."""

    def post(inputs: Inputs) -> list[np.ndarray[Any, Any]]:
        body = {"inputs": [tensor(n, DATATYPES[a.dtype.name], a) for n, a in inputs.items()]}
        answer = cleartext.post(f"{server.url}/predict", json=body, timeout=180)
        assert answer.status_code == 200, answer.text
        return [np.array(o["data"]).reshape(o["shape"]) for o in answer.json()["outputs"]]

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(post, requests))


def runs(server: Server) -> float:
    lines = cleartext.get(f"{server.admin_url}/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith("paddle_batch_rows_count")).split()[1])


def test_rows_that_change_each_other_run_alone(exported: Export, tmp_path: Path) -> None:
    """The model subtracts the mean over the rows: beside another's rows every answer would be wrong."""
    rng = np.random.default_rng(5)
    requests = [{"x": rng.random((1 + at % 3, 4), np.float32)} for at in range(64)]
    with serving(exported("legacy", "coupled"), tmp_path, name="coupled") as server:
        for request, (found,) in zip(requests, answers(server, requests), strict=True):
            x = request["x"]
            assert np.allclose(found, (x - x.mean(axis=0)) * 2, atol=1e-5)
        assert runs(server) == len(requests)
        assert "no batching: rows of one run change each other's answers" in server.logged()


def test_a_model_that_leaves_rows_out_answers_each_request_with_its_own(
    exported: Export, tmp_path: Path
) -> None:
    """How many rows it gives depends on their values, as its operators tell: requests never share a run."""
    signs = np.random.default_rng(8).choice([-1, 1], (64, 3))
    requests: list[Inputs] = [
        {"x": ((at + 1) * sign[: 1 + at % 3, None] * np.ones(4)).astype(np.float32)}
        for at, sign in enumerate(signs)
    ]
    with serving(
        exported("pir", "masked"), tmp_path, name="masked", max_batch_size=TOGETHER, max_delay_ms=DELAY
    ) as server:
        (worker,) = server.processes("worker")
        assert metric(server, "paddle_batch_cap_rows") == 1
        for request, (found,) in zip(requests, answers(server, requests), strict=True):
            x = request["x"]
            assert found.tolist() == (2 * x[x[:, 0] > 0]).tolist()
        assert server.processes("worker") == [worker]
        assert runs(server) == len(requests)
        assert "no batching: the program gives as many rows as its values say" in server.logged()


def test_a_number_of_rows_that_only_a_request_shows_ends_batching(exported: Export, tmp_path: Path) -> None:
    """No number of the warm-up is so small, and no operator tells: the first run short of rows does."""
    signs = np.random.default_rng(8).choice([-1, 1], (64, 3))
    requests: list[Inputs] = [
        {"x": (1e7 * (at + 1) * sign[: 1 + at % 3, None] * np.ones(4)).astype(np.float32)}
        for at, sign in enumerate(signs)
    ]
    with serving(
        exported("pir", "shortened"), tmp_path, name="shortened", max_batch_size=TOGETHER, max_delay_ms=DELAY
    ) as server:
        (worker,) = server.processes("worker")
        assert metric(server, "paddle_batch_cap_rows") > 1
        for request, (found,) in zip(requests, answers(server, requests), strict=True):
            x = request["x"]
            assert found.tolist() == (2 * x[x[:, 0] > 0]).tolist()
        assert server.processes("worker") == [worker]
        assert server.logged().count("no batching any more") == 1
        assert metric(server, "paddle_batch_cap_rows") == 1


def test_an_answer_that_cannot_be_handed_over_is_that_requests_failure() -> None:
    """Nobody can name its dtype: the worker goes on, and so does the HTTP worker's other request."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        fd = slots.create(2, 4096)
        socket.send_fds(theirs, [slots.HELLO.pack(2, 4096)], [fd])
        os.close(fd)
        http_worker = gather.HttpWorker(ours)
        layout = http_worker.slots.write(0, [np.zeros((1, 3), np.float32)])
        for output in (np.zeros(1, "datetime64[s]"), np.ones((1, 3), np.float32)):
            gather.deliver([Job((http_worker, layout), [0], 0, 1, 0.0, 1)], [output], (0, 0), split=True)
        http_worker.flush()
        statuses = [status for _, status, _ in slots.REPLY.iter_unpack(theirs.recv(4096))]
        assert statuses == [slots.FAILED, slots.ANSWERED]


def test_several_inputs_and_outputs_share_runs(exported: Export, tmp_path: Path) -> None:
    """With a delay requests wait for company; each still gets its own rows of every output."""
    rng = np.random.default_rng(6)
    requests: list[Inputs] = [
        {"x": rng.random((1, 3), np.float32), "count": rng.integers(-9, 9, (1, 1))} for _ in range(64)
    ]
    with serving(
        exported("pir", "pair"), tmp_path, name="pair", max_batch_size=TOGETHER, max_delay_ms=DELAY
    ) as server:
        for request, (total, doubled) in zip(requests, answers(server, requests), strict=True):
            assert np.allclose(total, request["x"] * 2 + request["count"], atol=1e-5)
            assert doubled.tolist() == (request["count"] * 2).tolist()
        assert runs(server) < len(requests)
        uneven = [tensor("x", "FP32", np.zeros((2, 3))), tensor("count", "INT64", np.zeros((3, 1), int))]
        refused = cleartext.post(f"{server.url}/predict", json={"inputs": uneven}, timeout=180)
        assert refused.status_code == 400
        assert "x FP32 [2, 3], count INT64 [3, 1]" in refused.json()["error"]
        assert "the model refused a request" in server.logged()


def test_a_fixed_batch_of_four_just_works(exported: Export, tmp_path: Path) -> None:
    """Each request has four rows, no more and no fewer, and runs alone."""
    folder = exported("pir", "four")
    x = np.random.default_rng(7).random((4, 3, 32, 32), np.float32)
    (wanted,) = bare_predictor.predict(folder, {"image": x}).values()
    with serving(folder, tmp_path, name="four") as server:
        for (found,) in answers(server, [{"image": x}] * 3):
            assert np.allclose(found, wanted, atol=1e-5)
        body = {"inputs": [tensor("image", "FP32", x[:3])]}
        answer = cleartext.post(f"{server.url}/v2/models/four/infer", json=body)
        assert answer.status_code == 400
        assert "[3,3,32,32]" in answer.text.replace(", ", ",")
        assert "[4,3,32,32]" in answer.text.replace(", ", ",")
