"""Which pods the metrics adapter asks, and how many at the same time."""

import asyncio
import json
import tracemalloc
from typing import Any

import pytest
from kubernetes.aio import client
from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.cluster import scrape
from paddlemodel_operator.cluster.answers import Listing
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.scrape import Page, Scraper
from paddlemodel_operator.metrics_adapter import pods as module
from paddlemodel_operator.metrics_adapter.pods import SCRAPES_AT_ONCE, Pod, Pods, askable, trim
from paddlemodel_operator.metrics_adapter.query import Values

Object = dict[str, Any]


def pod(**changes: object) -> Object:
    metadata = {"name": "a", "namespace": "shop", "uid": "1", "labels": names.pod_labels("resnet50")}
    status = {"phase": "Running", "podIP": "10.0.0.1"}
    return {"metadata": {**metadata, **changes}, "status": {**status, **changes}}


def test_a_running_pod_of_ours() -> None:
    assert askable(pod()) == Pod(namespace="shop", name="a", uid="1", address="10.0.0.1")


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(pod(phase="Pending"), id="not yet"),
        pytest.param(pod(phase="Failed"), id="no more"),
        pytest.param(pod(podIP=""), id="without an address"),
        pytest.param(pod(deletionTimestamp="2026-11-26T15:32:55Z"), id="being deleted"),
        pytest.param(pod(labels={}), id="without labels"),
        pytest.param(pod(labels={contract.MANAGED_BY_LABEL: "helm"}), id="somebody else's"),
        pytest.param({"metadata": {"name": "a", "namespace": "shop", "uid": "1"}}, id="without a status"),
    ],
)
def test_a_pod_that_is_not_asked(item: Object) -> None:
    assert askable(item) is None


def test_a_pod_that_somebody_has_filled_is_not_kept() -> None:
    """Parsed as it is, it would take 16 times its size, and ten of a mebibyte the memory limit."""
    filled = {**pod(), "spec": {"containers": [{"env": [{"name": "a"}] * 5_000}]}}
    listing = {"metadata": {"resourceVersion": "7", "continue": ""}, "items": [filled] * 10}
    text = json.dumps(listing)
    tracemalloc.start()
    try:
        found = json.loads(text, object_hook=trim)
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < len(text) / 10
    assert most < len(text) * 4
    assert found["metadata"] == listing["metadata"]
    assert [askable(item) for item in found["items"]] == [askable(pod())] * 10


class Held(Scraper):
    """Every page waits for the test."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.go_on = asyncio.Event()

    async def read(self, address: str) -> Page:  # noqa: ARG002 - as the real one
        self.waiting += 1
        await self.go_on.wait()
        return Page(values={})


async def test_pods_that_hang_leave_places_for_other_namespaces() -> None:
    held = Held()
    async with Api(client.ApiClient(client.Configuration()), 1) as api:
        pods = Pods(api, held, 3)
        slow = [Pod(namespace="slow", name=f"a-{n}", uid=str(n), address="10.0.0.1") for n in range(100)]
        other = Pod(namespace="other", name="b", uid="b", address="10.0.0.2")
        reading = [asyncio.create_task(pods._reading(one)) for one in (*slow, other)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert held.waiting == SCRAPES_AT_ONCE + 1 < scrape.AT_ONCE
        held.go_on.set()
        await asyncio.gather(*reading)
        assert held.waiting == 101


class Uneven(Scraper):
    """One pod answers, the other one never does."""

    async def read(self, address: str) -> Page:
        if address != "10.0.0.1":
            await asyncio.Event().wait()
        return Page(values={contract.GPU_METRIC: 50.0})


async def test_pods_that_are_late_do_not_hold_up_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.1)
    late = pod(name="late", uid="2", podIP="10.0.0.2")

    async def both(*_: object, **__: object) -> Listing:
        return Listing(items=[late, pod()], resource_version=1)

    query = Values(version="v1beta2", namespace="shop", pod=None, selector="", metric=contract.GPU_METRIC)
    async with Api(client.ApiClient(client.Configuration()), 1) as api:
        monkeypatch.setattr(api, "list_all", both)
        samples = await Pods(api, Uneven(), 3).samples(query)
    assert [(sample.pod, sample.value) for sample in samples] == [("a", 50.0)]
