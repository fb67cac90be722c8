"""A broken rolling update on a node: its pod and its GPU go, the version before serves all the time.

Real pods with simulated GPUs, of which two are there: one for the version that serves, one for the new one.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from devcluster import cluster
from devcluster.builders import images
from devcluster.demo.paddlemodels import condition, is_ready, wait_for
from devcluster.demo.play import server_image
from devcluster.nodes import gpus
from devcluster.nodes.node import NAME as FIRST_NODE
from devcluster.paths import State
from devcluster.target import Target
from tests.cluster.conftest import Chart
from tests.cluster.load import Load
from tests.cluster.manifests import NAMESPACE, cpu_model
from tests.models import trained_model
from tests.serving_image.support.command_line import command

pytestmark = [pytest.mark.node, pytest.mark.slow]

Object = dict[str, Any]
NAME = "lasting"
HERE = f"--namespace={NAMESPACE}"
PACE = 0.4


@pytest.fixture(scope="module")
def operator(target: Target, node: State, chart: Chart) -> Iterator[Target]:
    """The chart with its defaults, but for the GPU models' image: one with CUDA cannot be built here."""
    tag = images.ours()[1].name.rpartition(":")[2]
    ready = replace(target, values=(*target.values, f"serverImages.gpu.tag={tag}"))
    first = next(iter(cluster.nodes(node)))
    gpus.plug(node, 2, at=first)
    chart.install(ready)
    ready.kubectl("create", "namespace", NAMESPACE)
    yield ready
    ready.kubectl("delete", "namespace", NAMESPACE, "--timeout=180s")
    gpus.unplug(node, at=first)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    """Recorded requests that the model answers so."""
    model, recording = (
        trained_model("textline-orientation"),
        tmp_path_factory.mktemp("recorded") / "verify.jsonl",
    )
    command("verify", model, recording, "--record", "--count", 2, "--shape", "x=1,3,48,192")
    return [json.loads(line) for line in recording.read_text().splitlines()]


@pytest.fixture(scope="module")
def load(operator: Target, model_url: str, lines: list[Object]) -> Iterator[Load]:
    """One Ready pod on a GPU, whose recorded requests are right, and clients that have begun."""
    recorded(operator, "right", lines)
    content = cpu_model(model_url, NAME)
    content["spec"] |= {
        "device": "GPU",
        "replicas": 1,
        "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "verification": by("right"),
    }
    operator.apply(content, namespace=NAMESPACE)
    wait_for(operator, NAME, NAMESPACE, is_ready, "the first version")
    load = Load(operator, NAMESPACE, 1)
    load.start(server_image(operator), NAME, at=FIRST_NODE, pace=PACE)
    yield load
    load.end()
    operator.kubectl("delete", f"pdm/{NAME}", HERE, "--wait=false")


def by(recording: str) -> Object:
    return {"recording": {"configMap": {"name": recording}}}


def recorded(target: Target, name: str, lines: list[Object]) -> None:
    data = {"verify.jsonl": "\n".join(json.dumps(line) for line in lines)}
    content = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
    target.apply(content, namespace=NAMESPACE, server_side=True)


def change(load: Load, recording: str) -> None:
    patch = json.dumps({"spec": {"verification": by(recording)}})
    load.target.kubectl("patch", f"pdm/{NAME}", HERE, "--type=merge", f"--patch={patch}")


def pods(load: Load) -> list[str]:
    items = load.target.read("pods", HERE, "-l", f"paddlemodel.dev/model={NAME}")["items"]
    return [pod["metadata"]["uid"] for pod in items]


def is_served(item: Object) -> bool:
    seen = item["status"].get("observedGeneration") == item["metadata"]["generation"]
    return seen and is_ready(item) and "rollout" not in item["status"]


def given_up(load: Load) -> Object:
    """The status once the pod of the new version is gone, and its GPU free."""

    def good(item: Object) -> bool:
        told = condition(item, "Ready").get("reason") == "VersionGivenUp"
        return told and item["status"]["gpu"]["requested"] == 1 and len(pods(load)) == 1

    status: Object = wait_for(load.target, NAME, NAMESPACE, good, "a version that is given up", 600)["status"]
    return status


def test_a_version_that_is_refused_three_times_holds_no_gpu(load: Load, lines: list[Object]) -> None:
    """The spec before is there at once, and a retry of what was mended goes through."""
    before, serving = load.now(), pods(load)
    wrong = json.loads(json.dumps(lines))
    wrong[1]["response"]["outputs"][0]["data"][0] += 0.5
    recorded(load.target, "wrong", wrong)
    change(load, "wrong")
    status = given_up(load)
    assert pods(load) == serving
    item = load.target.read("pdm", NAME, HERE)
    assert "given up (VerificationFailed)" in condition(item, "Ready")["message"]
    assert condition(item, "Ready")["message"].endswith("The previous version still serves (1 ready).")
    assert condition(item, "ModelVerified")["reason"] == "VerificationFailed"
    assert (status["verification"]["requests"], status["verification"]["agreed"]) == (2, 1)

    change(load, "right")
    wait_for(load.target, NAME, NAMESPACE, is_served, "the version before")
    assert pods(load) == serving

    change(load, "wrong")
    revision = given_up(load)["rollout"]["aborted"]["revision"]
    assert pods(load) == serving
    recorded(load.target, "wrong", lines)
    load.target.kubectl("annotate", f"pdm/{NAME}", HERE, f"paddlemodel.dev/rollout=retry@{revision}")
    wait_for(
        load.target, NAME, NAMESPACE, lambda item: is_ready(item) and pods(load) != serving, "a retry", 600
    )
    load.check(before, "a version that is given up")
