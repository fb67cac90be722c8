"""An autoscaler goes from 2 to 6 pods in the middle of a canary: only the GPUs are simulated."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from devcluster.builders import images
from devcluster.demo.paddlemodels import is_ready, wait_for
from devcluster.demo.play import server_image
from devcluster.nodes import gpus
from devcluster.nodes.node import NAME as FIRST_NODE
from devcluster.paths import State
from devcluster.target import Target
from tests.cluster.conftest import Chart
from tests.cluster.load import Load
from tests.cluster.manifests import NAMESPACE, cpu_model

pytestmark = [pytest.mark.node, pytest.mark.slow]

Object = dict[str, Any]
NAME = "growing"
HERE = f"--namespace={NAMESPACE}"
GPUS = 9  # six stable pods, two of the canary, and one that comes before another one goes
RUN_MS = 150  # so that six GPUs are busy with some 40 requests a second, and two cores are not
QUIET, BUSY = 0.05, 0.8  # about 5 and 42 requests a second
LONG, SHORT = 60, 0  # minutes
AUTOSCALING: Object = {
    "minReplicas": 2,
    "maxReplicas": 6,
    "gpuUtilization": 60,
    "behavior": {
        "scaleUp": {"stabilizationWindowSeconds": 0},
        "scaleDown": {"stabilizationWindowSeconds": 3600},
    },
}
SMALL: Object = {"requests": {"cpu": "20m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}


def rollout(minutes: int) -> Object:
    """A quarter of the requests: one pod beside two, two beside six."""
    return {
        "strategy": "Canary",
        "steps": [{"weight": 25, "minutes": minutes}],
        "abortOn": {"minRequests": 50, "p95RatioAbove": "10"},
    }


@pytest.fixture(scope="module")
def operator(target: Target, node: State, chart: Chart) -> Iterator[Target]:
    """The chart with its defaults, but for the GPU models' image: one with CUDA cannot be built here."""
    tag = images.ours()[1].name.rpartition(":")[2]
    ready = replace(target, values=(*target.values, f"serverImages.gpu.tag={tag}"))
    gpus.plug(node, GPUS, run_ms=RUN_MS)
    chart.install(ready)
    ready.kubectl("create", "namespace", NAMESPACE)
    yield ready
    ready.kubectl("delete", "namespace", NAMESPACE, "--timeout=180s")
    gpus.unplug(node)


@pytest.fixture(scope="module")
def load(operator: Target, model_url: str) -> Iterator[Load]:
    """Two Ready pods on GPUs, and clients that have begun."""
    content = cpu_model(model_url, NAME)
    del content["spec"]["replicas"]
    content["spec"] |= {
        "device": "GPU",
        "resources": SMALL,
        "server": {"batching": {"maxBatchSize": 1}},  # a run for every request: use is proportional to load
        "autoscaling": AUTOSCALING,
        "rollout": rollout(LONG),
    }
    operator.apply(content, namespace=NAMESPACE)
    wait_for(operator, NAME, NAMESPACE, is_ready, "the first version")
    load = Load(operator, NAMESPACE, 1)
    load.start(server_image(operator), NAME, at=FIRST_NODE, pace=QUIET)
    yield load
    load.end()
    operator.kubectl("delete", f"pdm/{NAME}", HERE, "--wait=false")


def change(load: Load, **spec: Any) -> None:
    patch = json.dumps({"spec": spec})
    load.target.kubectl("patch", f"pdm/{NAME}", HERE, "--type=merge", f"--patch={patch}")


def until(load: Load, good: Callable[[Object], bool], what: str) -> Object:
    return wait_for(load.target, NAME, NAMESPACE, good, what, 600)


def pods(load: Load, name: str) -> tuple[int, int]:
    """How many a Deployment is to have, and how many are ready."""
    found = load.target.read("deployment", name, HERE)
    return found["spec"]["replicas"], found["status"].get("readyReplicas", 0)


def test_from_two_to_six_in_mid_canary_and_no_request_is_lost(load: Load) -> None:
    before = load.now()
    change(load, server={"batching": {"maxBatchSize": 1}, "queueSize": 300})
    begun = until(load, lambda item: item["status"]["rollout"].get("phase") == "Stepping", "its first step")
    since = begun["status"]["rollout"]["since"]
    assert (pods(load, NAME), pods(load, f"{NAME}-canary")) == ((2, 2), (1, 1))

    load.pace(BUSY)
    grown = until(
        load,
        lambda _: (pods(load, NAME), pods(load, f"{NAME}-canary")) == ((6, 6), (2, 2)),
        "six pods, and two of the canary",
    )
    assert load.target.read("hpa", NAME, HERE)["status"]["currentReplicas"] == 6, "stable pods alone"
    found = grown["status"]["rollout"]
    assert (found["phase"], found["step"], found["since"]) == ("Stepping", 1, since)
    assert "aborted" not in found

    load.pace(QUIET)
    change(load, rollout=rollout(SHORT))
    promoted = until(
        load, lambda item: is_ready(item) and "phase" not in item["status"]["rollout"], "its promotion"
    )
    assert promoted["status"]["observedGeneration"] == promoted["metadata"]["generation"]
    assert pods(load, NAME) == (6, 6)
    load.check(before, "from 2 to 6 pods in mid-canary")
