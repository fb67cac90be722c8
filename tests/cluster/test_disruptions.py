"""A model under constant load: whatever happens to its pods on purpose, no request is lost.

Clients run on every node and reach the model through its Service, as pods of other applications do. They are
counted by `steady_load.py`, and nobody tries again.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devcluster.demo.paddlemodels import condition, is_ready, wait_for
from devcluster.demo.play import server_image
from devcluster.paths import State
from devcluster.target import Target
from tests.cluster.load import Load
from tests.cluster.manifests import NAMESPACE, cpu_model
from tests.models import trained_model
from tests.serving_image.support.command_line import command

pytestmark = pytest.mark.node
NAME = "steady"
NODES = 2
PACE = (
    0.4  # 24 clients, 42 requests a second: more would take half a core from the pods, and show nothing else
)
HERE = f"--namespace={NAMESPACE}"
MODEL_PODS = f"paddlemodel.dev/model={NAME}"
SPREAD = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "DoNotSchedule",
    "nodeTaintsPolicy": "Honor",  # a node that is drained does not count
    "labelSelector": {"matchLabels": {"paddlemodel.dev/model": NAME}},
    "matchLabelKeys": ["pod-template-hash"],
}


@pytest.fixture(scope="module")
def load(operator: Target, model_url: str) -> Iterator[Load]:
    """One Ready pod, and clients that have begun."""
    content = cpu_model(model_url, NAME)
    fronts = {"name": "PADDLEMODEL_HTTP_WORKERS", "value": "2"}  # one would hide what goes wrong between two
    content["spec"] |= {"replicas": 1, "pod": {"topologySpreadConstraints": [SPREAD], "env": [fronts]}}
    operator.apply(content, namespace=NAMESPACE)
    settled(operator, 1)
    load = Load(operator, NAMESPACE, NODES)
    load.start(server_image(operator), NAME, pace=PACE)
    yield load
    load.end()
    operator.kubectl("delete", f"pdm/{NAME}", HERE, "--wait=false")


def model_pods(target: Target) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = target.read("pods", HERE, "-l", MODEL_PODS)["items"]
    return items


def nodes_of(target: Target) -> list[str]:
    return sorted(pod["spec"]["nodeName"] for pod in model_pods(target))


def settled(target: Target, replicas: int) -> None:
    """Until so many pods are Ready and new, and every other one is gone."""

    def good(item: dict[str, Any]) -> bool:
        done = condition(item, "Progressing").get("reason") == "Complete"
        ready = is_ready(item) and item["status"].get("readyReplicas") == replicas
        return done and ready and len(model_pods(target)) == replicas

    wait_for(target, NAME, NAMESPACE, good, f"{replicas} Ready pods and no other")


def scale(target: Target, replicas: int) -> None:
    target.kubectl("scale", f"pdm/{NAME}", f"--replicas={replicas}", HERE)
    settled(target, replicas)


def test_a_rolling_update_of_the_only_pod_loses_no_request(load: Load) -> None:
    (old,) = model_pods(load.target)
    before = load.now()
    patch = json.dumps({"spec": {"server": {"queueSize": 300}}})
    load.target.kubectl("patch", f"pdm/{NAME}", HERE, "--type=merge", f"--patch={patch}")
    settled(load.target, 1)
    load.check(before, "rolling update")
    (new,) = model_pods(load.target)
    assert new["metadata"]["name"] != old["metadata"]["name"]


def verified(load: Load, recording: str) -> None:
    wanted = {"recording": {"configMap": {"name": recording}}}
    patch = json.dumps({"spec": {"verification": wanted}})
    load.target.kubectl("patch", f"pdm/{NAME}", HERE, "--type=merge", f"--patch={patch}")


def recorded(load: Load, name: str, lines: list[dict[str, Any]]) -> None:
    data = {"verify.jsonl": "\n".join(json.dumps(line) for line in lines)}
    load.target.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data},
        namespace=NAMESPACE,
        server_side=True,
    )


def test_a_version_that_answers_otherwise_than_recorded_gets_no_request(load: Load, tmp_path: Path) -> None:
    """What was recorded of the model here is what it answers in the pod; what is 0.5 off is not."""
    model, recording = trained_model("textline-orientation"), tmp_path / "verify.jsonl"
    command("verify", model, recording, "--record", "--count", 2, "--shape", "x=1,3,48,192")
    lines = [json.loads(line) for line in recording.read_text().splitlines()]
    recorded(load, "right", lines)
    lines[1]["response"]["outputs"][0]["data"][0] += 0.5
    recorded(load, "wrong", lines)
    verified(load, "right")
    settled(load.target, 1)
    item = load.target.read("pdm", NAME, HERE)
    assert condition(item, "ModelVerified").get("reason") == "Verified"
    (serving,) = model_pods(load.target)

    before = load.now()
    verified(load, "wrong")
    refused = wait_for(
        load.target,
        NAME,
        NAMESPACE,
        lambda item: condition(item, "Ready").get("reason") == "VerificationFailed",
        "refused",
    )
    assert condition(refused, "ModelVerified").get("reason") == "VerificationFailed"
    ready = condition(refused, "Ready")
    assert (
        "1 of 2 recorded requests is answered differently (key verify.jsonl of ConfigMap wrong)"
        in (ready["message"])
    )
    assert ready["message"].endswith("The previous version still serves (1 ready).")
    told = refused["status"]["verification"]
    assert (told["requests"], told["agreed"]) == (2, 1)
    recorded_value, found = (float(told["worst"][key]) for key in ("expected", "actual"))
    assert told["worst"]["index"] == "[0][0]"
    assert recorded_value - found == pytest.approx(0.5, abs=1e-3)
    assert float(told["worst"]["absolute"]) == pytest.approx(0.5, abs=1e-3)
    verified(load, "right")
    settled(load.target, 1)
    load.check(before, "a version that is refused")
    assert [pod["metadata"]["uid"] for pod in model_pods(load.target)] == [serving["metadata"]["uid"]]
    disagrees_alone(load, lines)


def disagrees_alone(load: Load, poisoned: list[dict[str, Any]]) -> None:
    """A pod that comes later, and sees another answer than it should, is named with its node; the rest serve.

    Another recording under the same name is what only new pods see, as they alone see a faulty device.
    """
    right = load.target.read("configmap", "right", HERE)["data"]
    before = load.now()
    recorded(load, "right", poisoned)
    load.target.kubectl("scale", f"pdm/{NAME}", "--replicas=2", HERE)
    found = wait_for(
        load.target,
        NAME,
        NAMESPACE,
        lambda item: condition(item, "ModelVerified").get("reason") == "PodDisagrees",
        "a pod that disagrees",
    )
    assert condition(found, "Ready")["status"] == "True"
    told = found["status"]["verification"]
    (pod,) = [one for one in model_pods(load.target) if one["metadata"]["name"] == told["pod"]]
    assert told["node"] == pod["spec"]["nodeName"]
    message = condition(found, "ModelVerified")["message"]
    assert f"Pod {told['pod']} on node {told['node']} does not get traffic" in message
    recorded(load, "right", [json.loads(line) for line in right["verify.jsonl"].splitlines()])
    scale(load.target, 1)
    load.check(before, "a pod that disagrees alone")


def test_scaling_up_loses_no_request(load: Load) -> None:
    before = load.now()
    scale(load.target, 3)
    load.check(before, "scale from one pod to three")


def test_draining_a_node_with_two_pods_of_three_loses_no_request(load: Load, node: State) -> None:
    """Whatever else runs there goes too, the operator and the model store perhaps."""
    scale(load.target, 3)
    (full, count), (other, _) = Counter(nodes_of(load.target)).most_common()
    assert count == 2
    before = load.now()
    try:
        load.target.kubectl(
            "drain", full, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=180s"
        )
        settled(load.target, 3)
    finally:
        load.target.kubectl("uncordon", full)
    load.check(before, "drain of a node with two pods of three")
    assert nodes_of(load.target) == [other] * 3
    evictions = [line for line in (node.logs / "audit.log").read_text().splitlines() if "/eviction" in line]
    held_back = [line for line in evictions if NAME in line and '"code":429' in line]
    assert held_back, "the budget had to hold the second pod back"


def test_scaling_down_loses_no_request(load: Load) -> None:
    before = load.now()
    scale(load.target, 1)
    load.check(before, "scale down to one pod")
