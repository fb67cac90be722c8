"""Requests that end the process of the model: only the sender suffers. Real servers, real crashes."""

import json
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import cleartext
from tests.serving_image.support import servers
from tests.serving_image.support.load import BODY, INFER, Load
from tests.serving_image.support.servers import Server, eventually, metric

NEIGHBOURS = 32
KILLERS = 6
EXITS = 'paddle_worker_exits_total{reason="signal"}'


def deadly(value: float) -> bytes:
    """A request whose number becomes an id far beyond a table: no check can know that, and Paddle dies."""
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, value]}
    return json.dumps({"inputs": [tensor]}).encode()


@pytest.fixture
def mortal(exported: Callable[[str, str], Path], tmp_path: Path) -> Iterator[Server]:
    """Its requests wait for as long as a busy machine needs to start a worker."""
    settings: dict[str, Any] = {"name": "mixed", "workers": 2, "timeout_seconds": 120}
    with servers.serving(exported("pir", "mortal"), tmp_path, **settings) as running:
        servers.whole(running, workers=2)
        yield running


def further(clients: Load, goal: int) -> bool:
    return clients.answered() > goal


@pytest.mark.slow  # six workers die under full load: half a minute of CPU; test_deaths.py has each case alone
def test_a_killer_costs_its_neighbours_nothing(mortal: Server) -> None:
    """Every killer is another one, so that none is known; thirty-two neighbours lose no request by them."""
    answers = []
    with Load(mortal, NEIGHBOURS) as clients:
        eventually(lambda: clients.answered() > 200, "requests are answered")
        for at in range(KILLERS):
            goal = clients.answered() + 100
            answers.append(
                cleartext.post(f"{mortal.url}{INFER}", content=deadly(5e10 + at * 1e9), timeout=150)
            )
            eventually(partial(further, clients, goal), "neighbours are answered", 120)
    assert clients.outcomes.lost == clients.outcomes.wrong == []
    assert set(clients.outcomes.statuses) == {200}
    assert {answer.status_code for answer in answers} == {500}
    assert not any("Retry-After" in answer.headers for answer in answers)
    assert metric(mortal, EXITS) >= KILLERS
    assert mortal.process.poll() is None


def test_a_model_that_answers_nobody_is_told_of(exported: Callable[[str, str], Path], tmp_path: Path) -> None:
    """Five other killers in a row, and no answer in between."""
    with servers.serving(exported("pir", "mortal"), tmp_path, name="mixed", workers=1) as server:
        for at in range(5):
            cleartext.post(f"{server.url}{INFER}", content=deadly(5e10 + at * 1e9), timeout=180)
        eventually(lambda: "5 processes in a row that run the model mixed" in server.logged(), "the sentence")
        assert server.process.poll() is None


def test_a_killer_that_comes_again_is_known(mortal: Server) -> None:
    """A client that repeats it as often as would have ended the container: two workers die of it, no more."""
    statuses = []
    for _ in range(12):
        answer = cleartext.post(f"{mortal.url}{INFER}", content=deadly(5e10), timeout=150)
        statuses.append(answer.status_code)
    assert statuses == [500, 500, *[422] * 10]
    assert metric(mortal, EXITS) == 2
    assert cleartext.post(f"{mortal.url}{INFER}", content=BODY, timeout=150).status_code == 200
    eventually(mortal.ready, "ready", 120)


def test_every_http_worker_knows_what_another_one_has_learned(
    exported: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """Each connection may come to another one; all the same two workers die of it, no more."""
    with servers.serving(
        exported("pir", "mortal"), tmp_path, name="mixed", workers=1, http_workers=3
    ) as server:
        statuses = [
            cleartext.post(f"{server.url}{INFER}", content=deadly(5e10), timeout=180).status_code
            for _ in range(24)
        ]
        assert statuses == [500, 500, *[422] * 22]
        assert metric(server, EXITS) == 2


def test_what_an_outsider_kills_is_run_again(mortal: Server) -> None:
    """Nobody can tell whose fault it is, but a person's signal is not the request's."""
    with Load(mortal, NEIGHBOURS) as clients:
        eventually(lambda: clients.answered() > 200, "requests are answered")
        for worker in mortal.processes("worker"):
            worker.send_signal(signal.SIGKILL)
        more = clients.answered()
        eventually(lambda: clients.answered() > more + 200, "requests are answered", 120)
    assert clients.outcomes.lost == clients.outcomes.wrong == []
    assert set(clients.outcomes.statuses) == {200}
