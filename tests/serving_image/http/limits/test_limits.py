"""A queue that is full and a deadline that passes: refused honestly, and never run in vain."""

import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import cleartext
from tests.serving_image.support import load
from tests.serving_image.support.servers import UNMEASURED, Server, eventually, metric, serving, stopped

BODY = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}


@pytest.fixture(scope="module")
def slow(exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A model of a good part of a second, one row at a time, and room for three waiting requests."""
    folder = tmp_path_factory.mktemp("slow")
    with serving(
        exported("legacy", "slow"),
        folder,
        name="slow",
        queue_size=3,
        **UNMEASURED,
    ) as running:
        yield running


def post(server: Server, count: int) -> list[httpx.Response]:
    """Send requests at the same time."""
    with ThreadPoolExecutor(count) as pool, cleartext.Client(base_url=server.url, timeout=180) as client:
        return list(pool.map(lambda _: client.post("/predict", json=BODY), range(count)))


def runs(server: Server) -> float:
    lines = cleartext.get(f"{server.admin_url}/metrics").text.splitlines()
    return float(next((x for x in lines if x.startswith("paddle_batch_rows_count")), "0 0").split()[1])


def test_one_row_models_just_work(slow: Server) -> None:
    (answer,) = post(slow, 1)
    assert answer.status_code == 200
    assert answer.json()["outputs"][0]["shape"] == [1, 4]


def test_a_full_queue_is_429_and_what_was_taken_is_answered(slow: Server) -> None:
    """The worker stands still meanwhile: one that would run is taken in, and three that may wait."""
    before = runs(slow)
    with ThreadPoolExecutor(16) as pool:
        with stopped(slow):
            asked = [pool.submit(post, slow, 1) for _ in range(16)]
            eventually(lambda: sum(one.done() for one in asked) >= 12, "those who do not fit in are told")
        answers = [answer for one in asked for answer in one.result()]
    assert Counter(answer.status_code for answer in answers) == {200: 4, 429: 12}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    assert refused.json() == {"error": "The queue is full; try again in a second."}
    eventually(lambda: runs(slow) == before + 4, "only accepted requests ran")


def test_the_wait_is_told_also_while_nothing_leaves_the_queue(slow: Server) -> None:
    with ThreadPoolExecutor(1) as pool:
        with stopped(slow):
            answers = pool.submit(post, slow, 3)
            eventually(lambda: metric(slow, "paddle_queue_depth") == 3, "all wait")
            eventually(lambda: metric(slow, "paddle_queue_seconds") > 2, "it rises")
        assert [answer.status_code for answer in answers.result()] == [200] * 3
    assert metric(slow, "paddle_queue_seconds") > 0


def test_those_who_left_take_nobody_s_place(slow: Server) -> None:
    """The worker stands still meanwhile, so that it cannot let go of what they have sent."""
    request = load.post("/predict", json.dumps(BODY).encode())
    in_flight = "paddle_inflight_requests"
    with ThreadPoolExecutor(1) as pool, ExitStack() as leaving:
        with stopped(slow):
            for _ in range(4):  # one that would run, and three that may wait
                address = "127.0.0.1", slow.port
                client = leaving.enter_context(socket.create_connection(address, timeout=180))
                client.sendall(request)
            eventually(lambda: metric(slow, in_flight) == 4, "all have arrived")
            leaving.close()
            eventually(lambda: metric(slow, in_flight) == 0, "their leaving is noticed")
            newcomer = pool.submit(post, slow, 1)
            eventually(lambda: newcomer.done() or metric(slow, in_flight) == 1, "it is taken in")
        assert [answer.status_code for answer in newcomer.result()] == [200]


def test_readiness_and_health_are_answered_meanwhile(slow: Server) -> None:
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(post, slow, 4)
        probed = 0
        while not busy.done():
            assert cleartext.get(f"{slow.admin_url}/healthz").status_code == 200
            assert cleartext.get(f"{slow.admin_url}/readyz").status_code == 200
            probed += 1
            time.sleep(0.01)
        assert probed > 1
        busy.result()


def test_a_passed_deadline_is_504_and_never_runs(
    exported: Callable[[str, str], Path], tmp_path: Path
) -> None:
    options: dict[str, Any] = {**UNMEASURED, "timeout_seconds": 0.05}
    with serving(exported("legacy", "slow"), tmp_path, name="slow", **options) as server:
        answers = post(server, 8)
        assert {answer.status_code for answer in answers} == {504}
        assert answers[0].json() == {"error": "The request was not answered within 0.05 seconds."}
        idle = "paddle_inflight_requests 0.0"
        eventually(lambda: idle in cleartext.get(f"{server.admin_url}/metrics").text, "everything is settled")
        assert runs(server) <= 2  # the first was running; the others waited too long
