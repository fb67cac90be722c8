"""A model with code of its own, served: its answers, and what becomes of its faults."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import cleartext
from tests.serving_image.support.flask_door import flask_door
from tests.serving_image.support.servers import PATIENCE_SECONDS, Server, eventually, serving, start
from tests.trained_text import with_files

HANDLER = """
import time

import numpy as np
from paddlemodel_server.errors import BadRequestError


def preprocess(body, content_type):
    if body == b"fail":
        raise KeyError("the password is tuna")
    if body == b"misfit":
        return {"x": np.zeros((1, 1, 1))}
    if body == b"forever":
        while True:
            pass
    try:
        numbers = [float(word) for word in body.decode().split()]
    except ValueError:
        raise BadRequestError("There is something that is no number.") from None
    return {"x": np.array([numbers])}, (content_type, len(numbers))


def postprocess(outputs, kept):
    content_type, count = kept
    if count == 13:
        return 1 / 0
    doubled = outputs["fetch_name_0"][0] - 1
    return {"doubled": doubled, "type": content_type, "count": count}
"""
TASK = '{"custom":{"timeoutSeconds":1}}'


@pytest.fixture(scope="module")
def folder(exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model answers twice its input, plus one."""
    place = tmp_path_factory.mktemp("model") / "model"
    return with_files(exported("pir", "mixed"), place, handler__py=HANDLER)


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("custom")
    with serving(folder, place, name="own", task=TASK, custom_tasks="true") as running:
        yield running


def asked(url: str, body: str, **headers: str) -> httpx.Response:
    return cleartext.post(f"{url}/predict", content=body, headers=headers, timeout=180)


def test_the_code_makes_inputs_and_answers_by_both_doors(server: Server) -> None:
    with flask_door(server) as port:
        for url in (server.url, f"http://127.0.0.1:{port}"):
            found = asked(url, "1 2.5 3", **{"Content-Type": "text/x-numbers"})
            assert found.json() == {"doubled": [2, 5, 6], "type": "text/x-numbers", "count": 3}
            refused = asked(url, "one two")
            assert (refused.status_code, refused.json()) == (
                400,
                {"error": "There is something that is no number."},
            )


@pytest.mark.parametrize(
    ("body", "logged"),
    [
        ("fail", "KeyError: 'the password is tuna'"),
        (" ".join(["1"] * 13), "ZeroDivisionError"),
        ("misfit", "preprocess returned x of shape [1, 1, 1]; expected [-1, -1]"),
    ],
)
def test_a_fault_is_a_500_whose_trace_is_in_the_log_alone(server: Server, body: str, logged: str) -> None:
    answer = asked(server.url, body, **{"X-Request-Id": f"id-{len(body)}"})
    assert answer.status_code == 500
    assert answer.headers["X-Request-Id"] == f"id-{len(body)}"
    assert answer.json() == {
        "error": "The model's own code failed on this request; the cause is in the server's log."
    }
    until = time.monotonic() + 30
    while not (lines := [line for line in server.logged().splitlines() if f"id-{len(body)}" in line]):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert logged in json.loads(lines[0])["trace"]


def test_an_answer_that_points_to_the_log_says_where(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """The client sent no id: the answer alone can tell it. What Flask's door logs is in this process."""
    answer = asked(server.url, "fail")
    assert answer.status_code == 500
    identity = answer.headers["X-Request-Id"]
    lines = eventually(lambda: [e for e in server.logged().splitlines() if identity in e], "the line")
    assert "KeyError" in json.loads(lines[0])["trace"]
    with flask_door(server) as port:
        answer = asked(f"http://127.0.0.1:{port}", "fail")
        assert answer.status_code == 500
        assert "X-Request-Id" not in asked(f"http://127.0.0.1:{port}", "1").headers
    assert answer.headers["X-Request-Id"] in [vars(record).get("request_id") for record in caplog.records]
    assert "X-Request-Id" not in asked(server.url, "1").headers


def test_code_that_never_ends_keeps_nobody_waiting(server: Server) -> None:
    """More of them than there are threads; afterwards all threads are free again."""
    with ThreadPoolExecutor(5) as threads:
        for answer in threads.map(lambda _: asked(server.url, "forever"), range(5)):
            assert answer.status_code == 504
            assert answer.json() == {"error": "The model's own code was not done within 1 seconds."}
    assert asked(server.url, "4").json()["doubled"] == [8]


def test_tensors_go_past_the_code(server: Server) -> None:
    entry = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
    found = cleartext.post(f"{server.url}/v2/models/own/infer", json={"inputs": [entry]})
    assert found.json()["outputs"][0]["data"] == [3, 5]


def test_it_is_documented(server: Server) -> None:
    document: dict[str, Any] = cleartext.get(f"{server.url}/openapi.json").json()
    assert document["paths"]["/predict"]["post"]["summary"] == "Ask the model's own code"
    assert "Choose a file" in cleartext.get(f"{server.url}/", headers={"Accept": "text/html"}).text


@pytest.mark.parametrize(
    ("code", "settings", "reason"),
    [
        (HANDLER, {}, "CustomTasksNotAllowed"),
        ("import nothing_of_this_name", {"custom_tasks": "true"}, "nothing_of_this_name"),
    ],
)
def test_a_server_does_not_start_with_code_that_it_may_not_or_cannot_run(
    folder: Path, tmp_path: Path, code: str, settings: dict[str, str], reason: str
) -> None:
    model = with_files(folder, tmp_path / "model", "handler.py", handler__py=code)
    server = start(model, tmp_path, task=TASK, **settings)
    assert server.process.wait(PATIENCE_SECONDS) == 1
    assert reason in server.logged()
