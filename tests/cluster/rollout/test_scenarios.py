"""Canaries of a small model under a load as near to 200 requests a second as two cores allow.

Versions that fail in one request of twenty, or answer one of thirty otherwise, and a model that nobody asks.
How many requests a second there were is printed, not asserted.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devcluster.demo import model_store
from devcluster.demo.paddlemodels import condition, is_ready, wait_for
from devcluster.demo.play import server_image
from devcluster.paths import State
from devcluster.target import Target
from tests.cluster.conftest import Chart
from tests.cluster.load import Load
from tests.cluster.manifests import NAMESPACE, cpu_model
from tests.cluster.rollout import versions
from tests.cluster.rollout.killing import killed_after_each_write
from tests.cluster.rollout.versions import AGAIN, ASK, FAILING, RIGHT, WRONG

pytestmark = [pytest.mark.node, pytest.mark.slow]

Object = dict[str, Any]
NAME, QUIET = "steady", "quiet"
NODES = 2
PACE = 2.0  # 212 requests a second, if they can be answered
HERE = f"--namespace={NAMESPACE}"
SMALL: Object = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
HALF: Object = {
    "strategy": "Canary",
    "steps": [{"weight": 50, "minutes": 0}],
    "abortOn": {"minRequests": 200, "p95RatioAbove": "10"},
}
#: Three percent of other answers take some 1,500 comparisons to be certain of; the first 200 may by chance
#: have so few of them that a step of no minutes ends.
LONG = 5  # minutes
SHADOW: Object = {**HALF, "steps": [{"weight": 0, "minutes": LONG}], "mirror": {"percent": 100}}


@pytest.fixture(scope="module")
def cluster(operator: Target, chart: Chart, tmp_path_factory: pytest.TempPathFactory) -> Target:
    """The chart with code beside models allowed, and all versions in the store."""
    allowing = replace(operator, values=(*operator.values, "customTasks.allowed=true"))
    chart.install(allowing)
    packed = list(versions.archives(tmp_path_factory.mktemp("versions")))
    model_store.start(allowing, NAMESPACE, server_image(allowing), packed)
    return allowing


def source(version: str) -> Object:
    return {"uri": model_store.url(Path(f"{version}.tar"), NAMESPACE)}


def apply(target: Target, name: str, **spec: Any) -> None:
    content = cpu_model("", name)
    content["spec"] |= {"model": source(RIGHT), "task": {"custom": {}}, "resources": SMALL, **spec}
    target.apply(content, namespace=NAMESPACE)
    wait_for(target, name, NAMESPACE, is_ready, "the first version")


@pytest.fixture(scope="module")
def load(cluster: Target) -> Iterator[Load]:
    """One Ready pod, and clients that have begun."""
    apply(cluster, NAME, replicas=1, rollout=HALF)
    load = Load(cluster, NAMESPACE, NODES)
    load.start(server_image(cluster), NAME, pace=PACE, ask=ASK)
    yield load
    load.end()
    cluster.kubectl("delete", f"pdm/{NAME}", HERE, "--wait=false")


def change(target: Target, name: str = NAME, **spec: Any) -> None:
    patch = json.dumps({"spec": spec})
    target.kubectl("patch", f"pdm/{name}", HERE, "--type=merge", f"--patch={patch}")


def until(target: Target, good: Callable[[Object], bool], what: str, name: str = NAME) -> Object:
    return wait_for(target, name, NAMESPACE, good, what, 600)


def is_promoted(item: Object) -> bool:
    seen = item["status"].get("observedGeneration") == item["metadata"]["generation"]
    return seen and is_ready(item) and "phase" not in item["status"]["rollout"]


def is_aborted(item: Object) -> bool:
    return bool(item["status"]["rollout"].get("phase") == "Aborted")


def back(load: Load) -> None:
    """Whatever serves: the right version, by a step that ends as soon as it can, and without a mirror."""
    change(load.target, model=source(RIGHT), rollout={**HALF, "mirror": None})
    until(load.target, is_promoted, "the right version")


def test_a_good_version_takes_over_and_no_request_is_lost(load: Load) -> None:
    before, began = load.now(), time.monotonic()
    change(load.target, model=source(AGAIN))
    until(load.target, is_promoted, "a promotion")
    seconds = time.monotonic() - began
    rate = (load.now()["answered"] - before["answered"]) / seconds
    print(f"steady load: {rate:.0f} requests a second for {seconds:.0f} s")
    load.check(before, "a good version under a steady load")


def test_an_operator_that_is_killed_after_each_write_comes_to_the_same_end(node: State, load: Load) -> None:
    before = load.now()
    change(load.target, model=source(RIGHT))
    moments = killed_after_each_write(node, load.target, NAMESPACE, NAME, is_promoted)
    print(f"killed at {len(moments)} moments:", *moments, sep="\n  ")
    assert {moment[0] for moment in moments} >= {"Starting", "Promoting"}
    deployments = load.target.read("deployments", HERE, f"--selector=paddlemodel.dev/model={NAME}")["items"]
    assert [one["metadata"]["name"] for one in deployments if one["spec"]["replicas"]] == [NAME]
    load.check(before, "an operator that is killed")


def test_one_error_in_twenty_ends_a_canary_in_its_first_step(load: Load) -> None:
    """Clients see the errors of its share, for as long as it takes to be certain of them."""
    before = load.now()
    steps = [{"weight": 50, "minutes": LONG}, {"weight": 90, "minutes": 0}]
    change(load.target, model=source(FAILING), rollout={**HALF, "steps": steps})
    found = until(load.target, is_aborted, "an abort")
    record = found["status"]["rollout"]["aborted"]
    assert record["reason"] == "Errors", record
    judged = re.search(r"of (\d+) requests to the canary failed", record["message"])
    assert judged, record
    after = load.now()
    lost, answered = (after.get(key, 0) - before.get(key, 0) for key in ("lost", "answered"))
    print(f"one error in twenty: {lost} of {lost + answered} requests lost, judged by {judged[1]}")
    assert 0 < lost < 0.05 * answered
    assert all("500 " in fault for fault in after["faults"])
    back(load)


def test_three_percent_of_other_answers_are_found_by_the_mirror_alone(load: Load) -> None:
    """It is healthy and quick; no client ever sees it."""
    change(load.target, rollout=SHADOW)
    until(load.target, is_promoted, "another rollout")
    before = load.now()
    change(load.target, model=source(WRONG))
    found = until(load.target, is_aborted, "an abort")["status"]["rollout"]
    assert found["aborted"]["reason"] == "Disagreement", found
    agreement = found["agreement"]
    print(f"three percent of other answers: {agreement}")
    assert 0.9 < agreement["agreed"] / agreement["compared"] < 0.99
    assert found["canary"].get("errors", 0) == 0
    after = load.now()
    assert after.get("lost", 0) == before.get("lost", 0)
    back(load)


def waits(item: Object, reason: str) -> bool:
    return bool(condition(item, "Ready")["reason"] == reason)


def test_a_canary_that_nobody_asks_waits_or_goes_on_or_ends_as_the_spec_says(cluster: Target) -> None:
    apply(cluster, QUIET, replicas=1, rollout=HALF)
    change(cluster, QUIET, model=source(AGAIN))
    found = until(cluster, lambda item: waits(item, "CanaryNoTraffic"), "no traffic", QUIET)
    assert condition(found, "Available")["status"] == "True"
    change(cluster, QUIET, rollout={**HALF, "onNoTraffic": "Promote"})
    until(cluster, is_promoted, "a promotion", QUIET)
    change(cluster, QUIET, model=source(RIGHT), rollout={**HALF, "onNoTraffic": "Abort"})
    found = until(cluster, is_aborted, "an abort", QUIET)
    assert found["status"]["rollout"]["aborted"]["reason"] == "NoTraffic"
    cluster.kubectl("delete", f"pdm/{QUIET}", HERE, "--wait=false")
