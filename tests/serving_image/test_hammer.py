"""64 clients, mixed shapes, both doors, some of whom vanish: every answer is its own request's."""

import random
import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.serving_image.flask_door import flask_door
from tests.serving_image.load import INFER, Load, numbers, own, post, v2, vanish
from tests.serving_image.servers import Server, eventually, metric

CLIENTS, AT_FLASK, VANISHING = 64, 16, 8
ANSWERS = 3000


@pytest.fixture(scope="module")
def flask(server: Server) -> Iterator[Server]:
    """The same server by its other door."""
    with flask_door(server) as port:
        yield Server(server.process, port, server.log)


def test_every_answer_is_its_own_request_s(server: Server, flask: Server) -> None:
    """The model's first output is compared bit for bit, its mean to a millionth: see `load.own`."""
    stop = threading.Event()

    def come_and_go(seed: int) -> None:
        chance = random.Random(seed)
        while not stop.wait(0.002):
            request = post(INFER, v2(numbers(chance), str(seed)))
            cut = len(request) if chance.random() < 0.7 else chance.randrange(len(request))
            vanish(server.port, request[:cut])

    vanishing = [threading.Thread(target=come_and_go, args=(seed,)) for seed in range(VANISHING)]
    for thread in vanishing:
        thread.start()
    try:
        with (
            Load(server, CLIENTS - AT_FLASK - VANISHING, own) as lane,
            Load(flask, AT_FLASK, own) as other,
        ):
            eventually(
                lambda: lane.answered() > ANSWERS and other.answered() > ANSWERS // 10,
                "thousands are answered",
                120,
            )
    finally:
        stop.set()
        for thread in vanishing:
            thread.join()
    for outcomes in (lane.outcomes, other.outcomes):
        assert outcomes.wrong == []
        assert outcomes.lost == []
        assert set(outcomes.statuses) == {200}
    eventually(lambda: metric(server, "paddle_requests_in_flight") == 0, "no request is left over")
    assert metric(server, "paddle_batch_rows_sum") > metric(server, "paddle_batch_rows_count")
    assert httpx.get(f"{server.url}/readyz").status_code == 200
