"""The operator looks at pods itself: real HTTP to sockets that simulate to be pods, the clock is a number."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.cache import Cache
from paddlemodel_operator.cluster.scrape import Scraper
from paddlemodel_operator.observe.autoscaler import read_autoscaler
from paddlemodel_operator.observe.pod_samples import SETTLE_SECONDS, Look, Occasion, occasion
from paddlemodel_operator.probing.gpu_accounting import Ledger
from paddlemodel_operator.probing.pod_prober import PACE_SECONDS, SOONEST_SECONDS, Insight, Subject

from tests.operator.support.simulated_pods import SimulatedPod, hang, pods, respond

KEY = ("ml", "resnet50")
GPU = Subject(autoscaler="resnet50", gpu_resource="nvidia.com/gpu", asks_pods=True)

Object = dict[str, Any]


class World:
    """A cache, an insight, and a clock that the test moves."""

    def __init__(self, scraper: Scraper) -> None:
        self.now = 1000.0
        self.cache, self.ledger, self.woken = Cache(), Ledger(), list[tuple[str, str]]()
        self.insight = Insight(self.cache, self.ledger, self.woken.append, lambda: self.now)
        self._scraper = scraper
        self._version = 0

    def put(self, kind: names.Kind, name: str, body: Object) -> None:
        self._version += 1
        metadata = {"namespace": "ml", "name": name, "resourceVersion": str(self._version)}
        self.cache.put(kind, {**body, "metadata": {**metadata, **body.get("metadata", {})}})

    def pod(self, name: str, address: str, *, ready: bool = True) -> None:
        server = {"name": "server", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
        status = {"podIP": address, "conditions": [{"type": "Ready", "status": str(ready)}]}
        metadata = {"labels": names.child_labels("resnet50")}
        spec = {"nodeName": "n", "containers": [server]}
        self.put(names.POD, name, {"metadata": metadata, "spec": spec, "status": status})

    def autoscaler(self, status: str, reading: str = "") -> None:
        pods = {"metric": {"name": "paddle_gpu_utilization"}, "current": {"averageValue": reading}}
        metrics = [{"type": "Pods", "pods": pods}] if reading else []
        conditions = [{"type": "ScalingActive", "status": status, "reason": "r", "message": "m"}]
        self.put(
            names.AUTOSCALER, "resnet50", {"status": {"conditions": conditions, "currentMetrics": metrics}}
        )

    def consider(self, subject: Subject = GPU) -> Look | None:
        autoscaler = read_autoscaler(self.cache.get(names.AUTOSCALER, KEY))
        return self.insight.consider(KEY, subject, occasion(autoscaler, self.cache.pods(KEY)))

    def is_due(self) -> bool:
        """Whether a worker would look now."""
        if (key := self.insight._queue.take()) is None:
            return False
        self.insight._queue.done(key)
        self.insight._queue.add(key)
        return True

    async def look(self) -> Look:
        """What a worker does."""
        key = self.insight._queue.take()
        assert key == KEY
        try:
            await self.insight.look(key, self._scraper)
        finally:
            self.insight._queue.done(key)
        found = self.consider()
        assert found is not None
        return found


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with Scraper() as scraper:
        yield World(scraper)


@pytest.fixture
def servers() -> Iterator[list[SimulatedPod]]:
    with pods(2) as started:
        for server, use in zip(started, (90, 30), strict=True):
            server.tell(paddle_gpu_utilization=use, paddle_gpu_busy_seconds_total=use)
        yield started


def announced(world: World, servers: list[SimulatedPod]) -> None:
    for name, server in zip("ab", servers, strict=True):
        world.pod(name, server.address)


async def test_a_new_model_is_looked_at_at_once_and_then_once_a_minute(
    world: World, servers: list[SimulatedPod]
) -> None:
    announced(world, servers)
    world.autoscaler("True", "60")
    assert world.consider() is None
    look = await world.look()
    assert [(pod.name, pod.values["paddle_gpu_utilization"]) for pod in look.pods] == [("a", 90), ("b", 30)]
    assert look.readings == {"paddle_gpu_utilization": 60}
    assert world.woken == [KEY]
    assert not world.is_due()
    world.now += PACE_SECONDS * 0.89
    assert not world.is_due()
    world.now += PACE_SECONDS * 0.22
    assert world.is_due()


async def test_an_autoscaler_that_turns_is_an_occasion_but_not_sooner_than_that(
    world: World, servers: list[SimulatedPod]
) -> None:
    announced(world, servers)
    world.autoscaler("True")
    world.consider()
    await world.look()
    world.autoscaler("False")
    world.now += 1
    assert world.consider() is not None
    assert not world.is_due()
    world.now += SOONEST_SECONDS
    assert world.is_due()
    assert (await world.look()).occasion.active == "False"


async def test_what_is_broken_settles_when_the_autoscaler_has_asked_again(
    world: World, servers: list[SimulatedPod]
) -> None:
    announced(world, servers)
    world.autoscaler("False")
    world.consider()
    assert not (await world.look()).settled
    world.now += SETTLE_SECONDS + 2
    assert (await world.look()).settled
    servers[0].tell()
    world.pod("b", servers[1].address, ready=False)
    world.now += SOONEST_SECONDS
    world.consider()
    assert not (await world.look()).settled


async def test_what_an_autoscaler_reads_is_taken_over_once_a_minute(
    world: World, servers: list[SimulatedPod]
) -> None:
    """Its status changes every 15 s; nobody is woken for it, and the status of the model does not follow."""
    announced(world, servers)
    world.autoscaler("True", "60")
    world.consider()
    await world.look()
    world.autoscaler("True", "95")
    again = world.consider()
    assert again is not None
    assert again.readings == {"paddle_gpu_utilization": 60}
    assert not world.is_due()
    world.now += 2 * PACE_SECONDS
    assert (await world.look()).readings == {"paddle_gpu_utilization": 95}


async def test_pods_that_fail_are_told_apart(world: World, servers: list[SimulatedPod]) -> None:
    announced(world, servers)
    servers[0].behave = respond(b"", "HTTP/1.1 500 Oops")
    servers[1].behave = respond(b'x 1\npaddle_nvml_state{state="mig"} 1.0\npaddle_busy_ratio 0.5\n')
    world.consider()
    failed, mig = (await world.look()).pods
    assert failed.error == "answers /metrics with 500"
    assert (mig.nvml, mig.values) == ("mig", {"paddle_busy_ratio": 0.5})


async def test_a_pod_that_hangs_holds_up_nobody_else(world: World, servers: list[SimulatedPod]) -> None:
    announced(world, servers)
    servers[0].behave = hang
    world.consider()
    hung, fine = (await world.look()).pods
    assert "within 2 s" in hung.error
    assert fine.values["paddle_gpu_utilization"] == 30


async def test_pods_that_tell_nothing_of_processor_use_are_not_asked(
    world: World, servers: list[SimulatedPod]
) -> None:
    announced(world, servers)
    subject = Subject(autoscaler="resnet50", gpu_resource="", asks_pods=False)
    world.consider(subject)
    await world.insight.look(KEY, world._scraper)
    look = world.consider(subject)
    assert look is not None
    assert [pod.name for pod in look.pods] == ["a", "b"]
    assert servers[0].requests == servers[1].requests == 0


async def test_gpu_seconds_are_counted_over_the_life_of_pods(
    world: World, servers: list[SimulatedPod]
) -> None:
    announced(world, servers)
    world.consider()
    await world.look()
    servers[0].tell(paddle_gpu_utilization=50, paddle_gpu_busy_seconds_total=100)
    servers[1].tell(paddle_gpu_utilization=50, paddle_gpu_busy_seconds_total=70)
    world.now += 100
    await world.look()
    record = world.ledger.of(KEY)
    assert (record.gpus, record.held_seconds, record.used_seconds, record.utilization) == (2, 200, 50, 50)


async def test_a_model_that_is_gone_is_not_looked_at_any_more(
    world: World, servers: list[SimulatedPod]
) -> None:
    announced(world, servers)
    world.consider()
    world.insight.forget(KEY)
    await world.insight.look(KEY, world._scraper)
    assert servers[0].requests == 0
    assert world.woken == []


async def test_a_model_that_goes_while_it_is_looked_at_leaves_no_record(
    world: World, servers: list[SimulatedPod]
) -> None:
    """Else its series would stay for as long as the operator runs."""
    announced(world, servers)
    world.consider()

    def deleted_meanwhile(client: socket.socket, over: threading.Event) -> None:
        world.insight.forget(KEY)
        world.ledger.forget(KEY)
        respond(b"")(client, over)

    servers[0].behave = deleted_meanwhile
    await world.insight.look(KEY, world._scraper)
    assert servers[0].requests == 1
    assert world.ledger.records() == {}
    assert world.woken == []


async def test_an_autoscaler_of_somebody_else_is_none(world: World, servers: list[SimulatedPod]) -> None:
    """With its occasion, which no reconcile has, a model would be looked at without end."""
    announced(world, servers)
    world.autoscaler("True", "60")
    subject = replace(GPU, owner="uid-of-the-model")
    present = occasion(None, world.cache.pods(KEY))
    world.insight.consider(KEY, subject, present)
    await world.insight.look(KEY, world._scraper)
    look = world.insight.consider(KEY, subject, present)
    assert look is not None
    assert (look.occasion, look.readings) == (present, {})


async def test_a_fault_of_ours_stops_no_other_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers go on, and come back to what failed."""
    failed, looked = asyncio.Event(), asyncio.Event()

    async def look(key: tuple[str, str], _: Scraper) -> None:
        if key == KEY:
            failed.set()
            raise ValueError("ours")
        looked.set()

    monkeypatch.setattr(world.insight, "look", look)
    running = asyncio.create_task(world.insight.run())
    world.consider()
    await asyncio.wait_for(failed.wait(), 30)
    world.insight.consider(("ml", "other"), GPU, Occasion())
    await asyncio.wait_for(looked.wait(), 30)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
