"""The operator scrapes pods itself: real HTTP to sockets that act as pods; the clock is a number."""

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
from paddlemodel_operator.observe.pod_samples import SETTLE_SECONDS, PodSamples, probe_trigger
from paddlemodel_operator.probing.model_records import ModelRecords
from paddlemodel_operator.probing.pod_prober import PACE_SECONDS, SOONEST_SECONDS, PodProber, ProbeTarget

from tests.operator.support.simulated_pods import SimulatedPod, hang, pods, respond

KEY = ("ml", "resnet50")
GPU = ProbeTarget(autoscaler="resnet50", gpu_resource="nvidia.com/gpu", asks_pods=True)

Object = dict[str, Any]


class Harness:
    """A cache, a prober, and a clock that the test moves."""

    def __init__(self, scraper: Scraper) -> None:
        self.now = 1000.0
        self.cache, self.records, self.woken = Cache(), ModelRecords(), list[tuple[str, str]]()
        self.prober = PodProber(self.cache, self.records, self.woken.append, lambda: self.now)
        self._scraper = scraper
        self._version = 0

    def put(self, kind: names.Kind, name: str, body: Object) -> None:
        self._version += 1
        metadata = {"namespace": "ml", "name": name, "resourceVersion": str(self._version)}
        self.cache.put(kind, {**body, "metadata": {**metadata, **body.get("metadata", {})}})

    def pod(self, name: str, address: str, *, ready: bool = True) -> None:
        server = {"name": "server", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
        status = {"podIP": address, "conditions": [{"type": "Ready", "status": str(ready)}]}
        metadata = {"labels": names.pod_labels("resnet50")}
        spec = {"nodeName": "n", "containers": [server]}
        self.put(names.POD, name, {"metadata": metadata, "spec": spec, "status": status})

    def autoscaler(self, status: str, reading: str = "") -> None:
        pods = {"metric": {"name": "paddle_gpu_utilization"}, "current": {"averageValue": reading}}
        metrics = [{"type": "Pods", "pods": pods}] if reading else []
        conditions = [{"type": "ScalingActive", "status": status, "reason": "r", "message": "m"}]
        self.put(
            names.AUTOSCALER, "resnet50", {"status": {"conditions": conditions, "currentMetrics": metrics}}
        )

    def latest(self, target: ProbeTarget = GPU) -> PodSamples | None:
        autoscaler = read_autoscaler(self.cache.get(names.AUTOSCALER, KEY))
        return self.prober.latest(KEY, target, probe_trigger(autoscaler, self.cache.pods(KEY)))

    def is_due(self) -> bool:
        """Whether a worker would probe now."""
        if (key := self.prober._queue.take()) is None:
            return False
        self.prober._queue.done(key)
        self.prober._queue.add(key)
        return True

    async def probe(self) -> PodSamples:
        """What a worker does."""
        key = self.prober._queue.take()
        assert key == KEY
        try:
            await self.prober.probe(key, self._scraper)
        finally:
            self.prober._queue.done(key)
        found = self.latest()
        assert found is not None
        return found


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    async with Scraper() as scraper:
        yield Harness(scraper)


@pytest.fixture
def servers() -> Iterator[list[SimulatedPod]]:
    with pods(2) as started:
        for server, use in zip(started, (90, 30), strict=True):
            server.tell(paddle_gpu_utilization=use, paddle_gpu_busy_seconds_total=use)
        yield started


def announced(harness: Harness, servers: list[SimulatedPod]) -> None:
    for name, server in zip("ab", servers, strict=True):
        harness.pod(name, server.address)


async def test_a_new_model_is_probed_at_once_and_then_once_a_minute(
    harness: Harness, servers: list[SimulatedPod]
) -> None:
    announced(harness, servers)
    harness.autoscaler("True", "60")
    assert harness.latest() is None
    samples = await harness.probe()
    assert [(pod.name, pod.values["paddle_gpu_utilization"]) for pod in samples.pods] == [
        ("a", 90),
        ("b", 30),
    ]
    assert samples.readings == {"paddle_gpu_utilization": 60}
    assert harness.woken == [KEY]
    assert not harness.is_due()
    harness.now += PACE_SECONDS * 0.89
    assert not harness.is_due()
    harness.now += PACE_SECONDS * 0.22
    assert harness.is_due()


async def test_a_change_of_the_autoscaler_triggers_a_probe_but_not_sooner_than_five_seconds(
    harness: Harness, servers: list[SimulatedPod]
) -> None:
    announced(harness, servers)
    harness.autoscaler("True")
    harness.latest()
    await harness.probe()
    harness.autoscaler("False")
    harness.now += 1
    assert harness.latest() is not None
    assert not harness.is_due()
    harness.now += SOONEST_SECONDS
    assert harness.is_due()
    assert (await harness.probe()).trigger.active == "False"


async def test_what_is_broken_settles_when_the_autoscaler_has_asked_again(
    harness: Harness, servers: list[SimulatedPod]
) -> None:
    announced(harness, servers)
    harness.autoscaler("False")
    harness.latest()
    assert not (await harness.probe()).settled
    harness.now += SETTLE_SECONDS + 2
    assert (await harness.probe()).settled
    servers[0].tell()
    harness.pod("b", servers[1].address, ready=False)
    harness.now += SOONEST_SECONDS
    harness.latest()
    assert not (await harness.probe()).settled


async def test_a_model_that_only_an_event_can_change_is_left_alone(harness: Harness) -> None:
    harness.autoscaler("False")
    samples = harness.latest()
    assert samples is not None
    assert (samples.trigger.active, samples.settled, samples.pods) == ("False", True, ())
    harness.now += 100 * PACE_SECONDS
    assert (harness.woken, harness.is_due()) == ([], False)


async def test_a_pod_that_loads_holds_its_gpu_and_is_counted_again(harness: Harness) -> None:
    harness.pod("a", "10.0.0.1", ready=False)
    harness.latest()
    for _ in range(2):
        harness.now += PACE_SECONDS * 1.2
        await harness.probe()
    assert harness.records.of(KEY).held_seconds == pytest.approx(2 * PACE_SECONDS * 1.2)


async def test_what_an_autoscaler_reads_is_taken_over_once_a_minute(
    harness: Harness, servers: list[SimulatedPod]
) -> None:
    """Its status changes every 15 s; nobody is woken for it, and the status of the model does not follow."""
    announced(harness, servers)
    harness.autoscaler("True", "60")
    harness.latest()
    await harness.probe()
    harness.autoscaler("True", "95")
    again = harness.latest()
    assert again is not None
    assert again.readings == {"paddle_gpu_utilization": 60}
    assert not harness.is_due()
    harness.now += 2 * PACE_SECONDS
    assert (await harness.probe()).readings == {"paddle_gpu_utilization": 95}


async def test_pods_that_fail_are_told_apart(harness: Harness, servers: list[SimulatedPod]) -> None:
    announced(harness, servers)
    servers[0].behave = respond(b"", "HTTP/1.1 500 Oops")
    servers[1].behave = respond(b'x 1\npaddle_nvml_state{state="mig"} 1.0\npaddle_busy_ratio 0.5\n')
    harness.latest()
    failed, mig = (await harness.probe()).pods
    assert failed.error == "answers /metrics with 500"
    assert (mig.nvml, mig.values) == ("mig", {"paddle_busy_ratio": 0.5})


async def test_a_pod_that_hangs_holds_up_nobody_else(harness: Harness, servers: list[SimulatedPod]) -> None:
    announced(harness, servers)
    servers[0].behave = hang
    harness.latest()
    hung, fine = (await harness.probe()).pods
    assert "within 2 s" in hung.error
    assert fine.values["paddle_gpu_utilization"] == 30


async def test_pods_that_tell_nothing_of_processor_use_are_not_asked(
    harness: Harness, servers: list[SimulatedPod]
) -> None:
    announced(harness, servers)
    target = ProbeTarget(autoscaler="resnet50", gpu_resource="", asks_pods=False)
    harness.latest(target)
    await harness.prober.probe(KEY, harness._scraper)
    samples = harness.latest(target)
    assert samples is not None
    assert [pod.name for pod in samples.pods] == ["a", "b"]
    assert servers[0].requests == servers[1].requests == 0


async def test_gpu_seconds_are_counted_over_the_life_of_pods(
    harness: Harness, servers: list[SimulatedPod]
) -> None:
    announced(harness, servers)
    harness.latest()
    await harness.probe()
    servers[0].tell(paddle_gpu_utilization=50, paddle_gpu_busy_seconds_total=100)
    servers[1].tell(paddle_gpu_utilization=50, paddle_gpu_busy_seconds_total=70)
    harness.now += 100
    await harness.probe()
    record = harness.records.of(KEY)
    assert (record.gpus, record.held_seconds, record.used_seconds, record.utilization) == (2, 200, 50, 50)


async def test_a_model_that_is_gone_is_not_probed_any_more(
    harness: Harness, servers: list[SimulatedPod]
) -> None:
    announced(harness, servers)
    harness.latest()
    harness.prober.forget(KEY)
    await harness.prober.probe(KEY, harness._scraper)
    assert servers[0].requests == 0
    assert harness.woken == []


async def test_a_model_that_goes_while_it_is_probed_leaves_no_record(
    harness: Harness, servers: list[SimulatedPod]
) -> None:
    """Else its series would stay for as long as the operator runs."""
    announced(harness, servers)
    harness.latest()

    def deleted_meanwhile(client: socket.socket, over: threading.Event) -> None:
        harness.prober.forget(KEY)
        harness.records.forget(KEY)
        respond(b"")(client, over)

    servers[0].behave = deleted_meanwhile
    await harness.prober.probe(KEY, harness._scraper)
    assert servers[0].requests == 1
    assert harness.records.all() == {}
    assert harness.woken == []


async def test_an_autoscaler_of_somebody_else_is_none(harness: Harness, servers: list[SimulatedPod]) -> None:
    """With its trigger, which no reconcile sees, a model would be probed without end."""
    announced(harness, servers)
    harness.autoscaler("True", "60")
    target = replace(GPU, owner="uid-of-the-model")
    present = probe_trigger(None, harness.cache.pods(KEY))
    harness.prober.latest(KEY, target, present)
    await harness.prober.probe(KEY, harness._scraper)
    samples = harness.prober.latest(KEY, target, present)
    assert samples is not None
    assert (samples.trigger, samples.readings) == (present, {})


async def test_a_fault_of_ours_stops_no_probe(
    harness: Harness, servers: list[SimulatedPod], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers go on, and come back to what failed."""
    announced(harness, servers)
    failed, probed = asyncio.Event(), asyncio.Event()

    async def probe(key: tuple[str, str], _: Scraper) -> None:
        if key == KEY:
            failed.set()
            raise ValueError("ours")
        probed.set()

    monkeypatch.setattr(harness.prober, "probe", probe)
    running = asyncio.create_task(harness.prober.run())
    harness.latest()
    await asyncio.wait_for(failed.wait(), 30)
    harness.prober._queue.add(("ml", "other"))
    await asyncio.wait_for(probed.wait(), 30)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
