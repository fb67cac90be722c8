"""Canaries with real pods under constant load: the good one takes over, the bad ones hurt nobody.

Clients run on every node (`steady_load.py`), count every request, and try none again. What the status said is
written to build/rollouts.json; `plot.py` draws docs/rollouts.svg from it.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devcluster.demo.paddlemodels import condition, is_ready, wait_for
from devcluster.demo.play import server_image
from devcluster.paths import REPOSITORY
from devcluster.target import Target
from tests.cluster.load import Load
from tests.cluster.manifests import NAMESPACE, cpu_model
from tests.cluster.rollout.watched import Watcher

pytestmark = [pytest.mark.node, pytest.mark.slow]

Object = dict[str, Any]
NAME = "careful"
NODES = 2
PACE = 2.0  # 212 requests a second
HERE = f"--namespace={NAMESPACE}"
STEP: Object = {"weight": 50, "minutes": 0}
ROLLOUT: Object = {
    "strategy": "Canary",
    "steps": [STEP],
    "mirror": {"percent": 50},
    "abortOn": {"minRequests": 200, "p95RatioAbove": "3"},
}
SHADOW: Object = {**ROLLOUT, "steps": [{"weight": 0, "minutes": 0}, STEP]}


@pytest.fixture(scope="module")
def load(operator: Target, model_url: str) -> Iterator[Load]:
    """One Ready pod, and clients that have begun."""
    content = cpu_model(model_url, NAME)
    content["spec"] |= {"replicas": 1, "rollout": ROLLOUT}
    operator.apply(content, namespace=NAMESPACE)
    wait_for(operator, NAME, NAMESPACE, is_ready, "the first version")
    load = Load(operator, NAMESPACE, NODES)
    load.start(server_image(operator), NAME, pace=PACE)
    yield load
    load.end()
    operator.kubectl("delete", f"pdm/{NAME}", HERE, "--wait=false")


@pytest.fixture(scope="module", autouse=True)
def watcher(load: Load) -> Iterator[Watcher]:
    """Writes down what the canaries do."""
    with Watcher(load.target.kubeconfig, NAMESPACE, NAME).running() as found:
        yield found
    found.recording.write(REPOSITORY / "build" / "rollouts.json")


def change(load: Load, **spec: Any) -> None:
    patch = json.dumps({"spec": spec})
    load.target.kubectl("patch", f"pdm/{NAME}", HERE, "--type=merge", f"--patch={patch}")


def until(load: Load, good: Callable[[Object], bool], what: str) -> Object:
    return wait_for(load.target, NAME, NAMESPACE, good, what, 600)


def is_promoted(item: Object) -> bool:
    """Of the newest spec; and the canary is gone."""
    seen = item["status"].get("observedGeneration") == item["metadata"]["generation"]
    return seen and is_ready(item) and "phase" not in item["status"]["rollout"]


def is_aborted(item: Object) -> bool:
    return bool(item["status"]["rollout"].get("phase") == "Aborted")


def pods(load: Load, track: str) -> list[Object]:
    selector = f"paddlemodel.dev/model={NAME},paddlemodel.dev/track={track}"
    items: list[Object] = load.target.read("pods", HERE, "-l", selector)["items"]
    return items


def test_a_good_version_takes_over_and_no_request_is_lost(load: Load, watcher: Watcher) -> None:
    (old,) = pods(load, "stable")
    before = load.now()
    watcher.mark("a good version")
    change(load, server={"queueSize": 300})
    found = until(load, lambda item: bool(item["status"]["rollout"].get("canary")), "numbers of a canary")
    assert condition(found, "Available")["status"] == "True"
    until(load, is_promoted, "a promotion")
    load.check(before, "a canary that is promoted")
    (new,) = pods(load, "stable")
    assert new["metadata"]["uid"] != old["metadata"]["uid"]


def refused(load: Load, cause: str) -> Object:
    """Until the canary was aborted for this cause."""
    found = until(load, is_aborted, "an abort")
    record = found["status"]["rollout"]["aborted"]
    assert record["reason"] == cause, record
    assert condition(found, "Ready")["reason"] == "CanaryAborted"
    return found


def test_a_version_that_answers_otherwise_is_found_out_before_a_client_sees_it(
    load: Load, watcher: Watcher
) -> None:
    """It is healthy, and as fast as the other one: only its answers tell."""
    (serving,) = pods(load, "stable")
    task = load.target.read("pdm", NAME, HERE)["spec"]["task"]
    change(load, rollout=SHADOW)
    (mirroring,) = pods(load, "stable")
    before = load.now()
    wrong = {**task["imageClassification"], "labels": ["180", "0"], "labelsFile": None}
    watcher.mark("one that answers otherwise")
    change(load, task={"imageClassification": wrong})
    found = refused(load, "Disagreement")
    agreement = found["status"]["rollout"]["agreement"]
    assert agreement["agreed"] < agreement["compared"]
    change(load, task=task)
    until(load, is_promoted, "the version before")
    load.check(before, "a canary that answers otherwise")
    assert (
        mirroring["metadata"]["uid"]
        == serving["metadata"]["uid"]
        == pods(load, "stable")[0]["metadata"]["uid"]
    )


def test_a_slower_version_is_ended_and_no_request_is_lost(load: Load, watcher: Watcher) -> None:
    before = load.now()
    watcher.mark("a slower one")
    change(load, rollout={**ROLLOUT, "steps": [STEP]}, server={"batching": {"maxDelayMs": 1000}})
    refused(load, "Latency")
    change(load, server={"batching": None})
    until(load, is_promoted, "the version before")
    load.check(before, "a canary that is slower")
