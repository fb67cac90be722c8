"""A model whose pods have a proxy that demands certificates: it is served and watched as any other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devcluster.demo.play import server_image
from devcluster.paths import State
from devcluster.target import Target
from tests.neighbours.on_node.mesh import LABEL, PROXY, Mesh
from tests.neighbours.on_node.models import HERE, Model, served
from tests.operator.support.cluster import eventually

pytestmark = pytest.mark.node

Object = dict[str, Any]

CLIENTS, ADMIN = 8080, 8081
PATH = "/v2/health/ready"


@pytest.fixture
def mesh(node: State, installed: Target, tmp_path: Path) -> Iterator[Mesh]:
    found = Mesh(node, installed, tmp_path, server_image(installed))
    yield found
    found.remove()


@pytest.fixture
def model(installed: Target, mesh: Mesh, model_url: str) -> Iterator[Model]:
    del mesh  # which has to be there first
    spec = {
        "device": "GPU",
        "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "autoscaling": {"maxReplicas": 2, "gpuUtilization": 70},
        "pod": {"labels": {LABEL: "true"}},
    }
    with served(installed, "meshed", model_url, **spec) as found:
        yield found


def test_only_members_ask_and_everything_else_goes_on(mesh: Mesh, model: Model) -> None:
    pod = the_pod(model)
    assert is_first(pod)
    mesh.lead(pod, CLIENTS)
    eventually(lambda: mesh.asked(pod, PATH, "as a member") == "200", 120)
    assert mesh.asked(pod, PATH, "in clear").startswith("nothing")
    assert mesh.asked(pod, PATH, "by TLS").startswith("nothing")
    model.wait_condition("True", "Active")  # the adapter reads port 8081

    mesh.lead(pod, CLIENTS, ADMIN)  # as a mesh does that was not told of the port
    said = model.wait_condition("False", "PodsUnreachable")
    assert f"Pod {pod['metadata']['name']} ends the connection without an answer" in said
    assert "the proxy of a service mesh does that demands mutual TLS" in said
    assert mesh.asked(pod, PATH, "as a member") == "200"

    mesh.lead(pod, CLIENTS)
    model.wait_condition("True", "Active")
    assert the_pod(model)["metadata"]["uid"] == pod["metadata"]["uid"]


def the_pod(model: Model) -> Object:
    (pod,) = model.target.read("pods", HERE, f"--selector=paddlemodel.dev/model={model.name}")["items"]
    return dict(pod)


def is_first(pod: Object) -> bool:
    """The proxy is a native sidecar: it had started when the model began to be fetched."""
    proxy, fetch = pod["spec"]["initContainers"][:2]
    states = {one["name"]: one["state"] for one in pod["status"]["initContainerStatuses"]}
    began = states[PROXY]["running"]["startedAt"]
    return bool(
        (proxy["name"], proxy["restartPolicy"]) == (PROXY, "Always")
        and began <= states[fetch["name"]]["terminated"]["startedAt"]
    )
