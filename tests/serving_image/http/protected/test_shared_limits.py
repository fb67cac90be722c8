"""Three servers that count together by a real Valkey, and each for itself while that is gone or frozen."""

import http.client
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.serving_image.support import servers
from tests.serving_image.support.access import valkeys
from tests.serving_image.support.access.mounts import mount
from tests.serving_image.support.access.valkeys import Valkey
from tests.serving_image.support.servers import Server, eventually

KEYS = {name: f"planted-{name}-0123456789abcdef" for name in ("alice", "bob", "carol", "dave")}
INFER = "/v2/models/mixed/infer"
BODY = json.dumps(
    {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4.5]}]}
).encode()
REQUESTS = 600
LIMITS = [{"per": "Client", "requests": REQUESTS, "seconds": 86_400}]
DOWN = "paddle_shared_limits_down"
ALONE, TOGETHER = "this pod counts for itself", "pods count together"


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    with valkeys.serving(tmp_path) as running:
        yield running


@pytest.fixture
def pods(exported: Callable[[str, str], Path], tmp_path: Path, valkey: Valkey) -> Iterator[list[Server]]:
    model, keys = exported("pir", "mixed"), mount(tmp_path / "keys", **KEYS)
    shared = json.dumps({"uri": valkey.uri, "prefix": "ml/mixed"})
    with ExitStack() as stack:
        found = []
        for name in "abc":
            (tmp_path / name).mkdir()
            running = servers.serving(
                model,
                tmp_path / name,
                name="mixed",
                http_workers=3,
                api_keys_dir=keys,
                rate_limits=json.dumps(LIMITS),
                shared_limits=shared,
            )
            found.append(stack.enter_context(running))
        yield found


def taken(pods: Sequence[Server], client: str, requests: int) -> int:
    """How many of a client's requests are taken, sent to one after the other by ever new connections."""
    statuses = []
    headers = {"X-API-Key": KEYS[client], "Content-Type": "application/json"}
    for first in range(0, requests, 30):
        connections = [http.client.HTTPConnection("127.0.0.1", pod.port, timeout=180) for pod in pods]
        for connection in itertools.islice(itertools.cycle(connections), min(30, requests - first)):
            connection.request("POST", INFER, BODY, headers)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        for connection in connections:
            connection.close()
    assert statuses.count(200) + statuses.count(429) == requests
    return statuses.count(200)


def until(pods: Sequence[Server], *, down: bool) -> None:
    """Wait until pods tell it; where the store answers, until every HTTP worker has said so."""

    def is_told(pod: Server) -> bool:
        lines = pod.logged()
        return servers.metric(pod, DOWN) == down and (down or lines.count(ALONE) == lines.count(TOGETHER))

    for pod in pods:
        eventually(partial(is_told, pod), f"{DOWN} is {down:d}")


def test_limits_that_three_pods_share(pods: list[Server], valkey: Valkey) -> None:
    until(pods, down=False)
    assert REQUESTS <= taken(pods, "alice", 2 * REQUESTS) <= 1.02 * REQUESTS
    assert [taken([pod], "alice", 9) for pod in pods] == [0, 0, 0]

    valkey.stop()
    assert [taken([pod], "bob", REQUESTS + 20) for pod in pods] == [REQUESTS] * 3  # its own limit, exactly
    until(pods, down=True)
    assert [taken([pod], "alice", 9) for pod in pods] == [0, 0, 0]

    valkey.start()
    until(pods, down=False)
    assert REQUESTS <= taken(pods, "carol", 2 * REQUESTS) <= 1.02 * REQUESTS

    with valkey.frozen():
        assert [taken([pod], "dave", REQUESTS + 20) for pod in pods] == [REQUESTS] * 3
        until(pods, down=True)
    until(pods, down=False)
    for pod in pods:  # a line for each change and HTTP worker, however many requests
        assert 2 <= pod.logged().count(ALONE) <= 6
