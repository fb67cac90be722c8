"""64 clients, mixed shapes, both doors, some of whom vanish: every answer is its own request's."""

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import cleartext
from tests.serving_image.support.flask_door import flask_door
from tests.serving_image.support.load import INFER, Load, numbers, own, post, v2, vanish
from tests.serving_image.support.servers import Server, eventually, metric, serving

CLIENTS, AT_FLASK, VANISHING = 64, 16, 8
VANISHES = 500  # of each that vanishes
ANSWERS = 3000
GONE = 'paddle_requests_total{route="infer",status="499"}'


@pytest.fixture(scope="module")
def started(
    exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server whose queue has room for all requests at once: those whose client left may still be there."""
    with serving(
        exported("pir", "mixed"),
        tmp_path_factory.mktemp("hammer"),
        name="mixed",
        http_workers=2,
        workers=2,
        queue_size=CLIENTS + VANISHING * VANISHES,
        timeout_seconds=60,  # as long as the clients wait
    ) as server:
        yield server


@pytest.fixture(scope="module")
def flask(started: Server) -> Iterator[Server]:
    """The same server by its other door."""
    with flask_door(started) as port:
        yield Server(started.process, port, started.admin_port, started.log)


def test_every_answer_is_its_own_request_s(started: Server, flask: Server) -> None:
    """The model's first output is compared bit for bit, its mean to a millionth: see `load.own`."""
    with (
        Load(started, CLIENTS - AT_FLASK - VANISHING, own) as quick,
        Load(flask, AT_FLASK, own) as other,
    ):
        vanishing = [threading.Thread(target=come_and_go, args=(started, n)) for n in range(VANISHING)]
        for thread in vanishing:
            thread.start()
        for thread in vanishing:
            thread.join()
        eventually(
            lambda: quick.answered() > ANSWERS and other.answered() > ANSWERS // 10,
            "thousands are answered",
            120,
        )
    for outcomes in (quick.outcomes, other.outcomes):
        assert outcomes.wrong == []
        assert outcomes.lost == []
        assert set(outcomes.statuses) == {200}
    eventually(lambda: metric(started, "paddle_inflight_requests") == 0, "no request is left over")
    assert metric(started, GONE) > 0
    assert metric(started, "paddle_batch_rows_sum") > metric(started, "paddle_batch_rows_count")
    assert cleartext.get(f"{started.admin_url}/readyz").status_code == 200


def come_and_go(server: Server, seed: int) -> None:
    """Send requests, whole and in parts, and wait for no answer."""
    chance = random.Random(seed)
    for _ in range(VANISHES):
        request = post(INFER, v2(numbers(chance), str(seed)))
        cut = len(request) if chance.random() < 0.7 else chance.randrange(len(request))
        vanish(server.port, request[:cut])
