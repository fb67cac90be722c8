"""What pods of two versions have counted: real HTTP to sockets that act as pods; the clock is a number."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.cache import Cache
from paddlemodel_operator.cluster.scrape import Scraper
from paddlemodel_operator.probing.rollout_meter import PACE_SECONDS, RolloutMeter, Target
from paddlemodel_operator.rollout.counting import Measurement

from tests.operator.support.simulated_pods import SimulatedPod, page, pods, respond

KEY = ("ml", "resnet50")
STEP = Target(epoch="first", template="new")
NEXT = Target(epoch="second", template="new")


class Harness:
    """A cache, a meter, and a clock that the test moves."""

    def __init__(self, scraper: Scraper) -> None:
        self.now = 1000.0
        self.cache, self.woken = Cache(), list[tuple[str, str]]()
        self.meter = RolloutMeter(self.cache, self.woken.append, lambda: self.now)
        self._scraper = scraper

    def pod(self, name: str, server: SimulatedPod, track: str, revision: str) -> None:
        labels = {**names.pod_labels("resnet50", track), contract.REVISION_LABEL: revision}
        conditions = [{"type": "Ready", "status": "True"}]
        body: dict[str, Any] = {
            "metadata": {"namespace": "ml", "name": name, "labels": labels, "resourceVersion": "1"},
            "status": {"podIP": server.address, "conditions": conditions},
        }
        self.cache.put(names.POD, body)

    async def read(self) -> bool:
        """What a worker does, as soon as the pace allows it; whether a model was due."""
        self.now += PACE_SECONDS
        if (key := self.meter._queue.take()) is None:
            return False
        try:
            await self.meter.read(key, self._scraper)
        finally:
            self.meter._queue.done(key)
        return True

    async def counted(self) -> Measurement:
        """After one more reading."""
        assert await self.read()
        found = self.meter.counted(KEY, STEP)
        assert found is not None
        return found


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    async with Scraper() as scraper:
        yield Harness(scraper)


@pytest.fixture
def servers(harness: Harness) -> Iterator[list[SimulatedPod]]:
    """A stable pod, one of the canary, and one of a canary before it."""
    with pods(3) as started:
        told = (("stable", "old"), ("canary", "new"), ("canary", "older"))
        for number, (server, (track, revision)) in enumerate(zip(started, told, strict=True)):
            harness.pod(f"pod-{number}", server, track, revision)
            answer(server, 100 * (number + 1))
        yield started


def answer(server: SimulatedPod, requests: int) -> None:
    server.behave = page(f'paddle_requests_total{{route="predict",status="200"}} {requests}.0\n')


async def test_each_version_is_counted_from_the_begin_of_the_step_again_and_again(
    harness: Harness, servers: list[SimulatedPod]
) -> None:
    assert harness.meter.counted(KEY, STEP) is None
    first = await harness.counted()
    assert (first.stable.requests, first.canary.requests) == (0, 0)
    for server, requests in zip(servers, (107, 205, 399), strict=True):
        answer(server, requests)
    second = await harness.counted()
    assert (second.stable.requests, second.canary.requests, second.unmeasured) == (7, 5, "")
    assert harness.woken == [KEY, KEY]
    assert harness.meter.counted(KEY, NEXT) is None
    assert await harness.read()


async def test_a_canary_that_tells_nothing_is_not_judged_by_the_rest(
    harness: Harness, servers: list[SimulatedPod]
) -> None:
    harness.meter.counted(KEY, STEP)
    servers[1].behave = respond(b"", "HTTP/1.1 500 Internal Server Error")
    assert (await harness.counted()).unmeasured == "Pod pod-1 answers /metrics with 500."


@pytest.mark.usefixtures("servers")
async def test_nothing_is_read_for_a_model_that_is_forgotten(harness: Harness) -> None:
    harness.meter.counted(KEY, STEP)
    assert await harness.read()
    harness.meter.forget(KEY)
    assert await harness.read()
    assert not await harness.read()
    assert harness.woken == [KEY]
