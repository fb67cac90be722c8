"""A rolling update whose pods crash, at a real API server with its real Deployments and ReplicaSets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from paddlemodel_api import contract
from paddlemodel_operator.base import names

from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.deployed.world import run
from tests.operator.support.process import USER, Operator
from tests.operator.support.rollout.rollouts import NAME, NEW, NEWER, OLD, deployment, rollout, uri_of
from tests.operator.support.rollout.updates import Versions, is_given_up, is_served, pods, served, updated

pytestmark = pytest.mark.control_plane


@pytest.fixture
def versions(cluster: Cluster, operator: Operator, namespace: str) -> Iterator[Versions]:
    """The old version serves; the two after it crash."""
    with served(cluster, namespace) as found:
        found.broken = {NEW, NEWER}
        yield found
        assert operator.is_running


def say(cluster: Cluster, namespace: str, word: str | None) -> None:
    path = names.MODEL.item(namespace, NAME)
    cluster.patch(path, {"metadata": {"annotations": {contract.ROLLOUT_ANNOTATION: word}}})


def test_its_pods_go_and_those_that_serve_stay(
    cluster: Cluster, operator: Operator, namespace: str, versions: Versions, tmp_path: Path
) -> None:
    """Then the same spec changes nothing, the one before is there at once, and a retry tries again."""
    serving = pods(cluster, namespace)
    cluster.apply(updated(namespace, NEW))
    eventually(lambda: is_given_up(cluster, namespace))
    assert pods(cluster, namespace) == serving
    conditions = cluster.conditions(namespace, NAME)
    assert "given up (Crashing)" in conditions["Ready"]["message"]
    assert "ValueError: planted" in conditions["Ready"]["message"]
    assert conditions["Ready"]["message"].endswith("The previous version still serves (2 ready).")
    assert (conditions["Stalled"]["status"], conditions["Available"]["status"]) == ("True", "True")
    eventually(lambda: rollout(cluster, namespace)["phase"] == "GivenUp" and operator.is_idle())
    file = tmp_path / "model.yaml"
    file.write_text(yaml.safe_dump(updated(namespace, NEW)))
    assert run("diff", str(file), kubeconfig=cluster.kubeconfig).code == 0
    mark = cluster.mark()
    cluster.apply(updated(namespace, NEW))  # As GitOps does, again and again.
    operator.restart()
    assert cluster.writes(USER, namespace, mark) == []

    cluster.apply(updated(namespace))
    eventually(lambda: is_served(cluster, namespace, OLD))
    assert pods(cluster, namespace) == serving
    assert rollout(cluster, namespace) == {}

    cluster.apply(updated(namespace, NEW))
    eventually(lambda: is_given_up(cluster, namespace))
    versions.broken = set()
    say(cluster, namespace, f"retry@{rollout(cluster, namespace)['aborted']['revision']}")
    eventually(lambda: is_served(cluster, namespace, NEW))
    assert not set(pods(cluster, namespace)) & set(serving)


@pytest.mark.usefixtures("versions")
def test_a_second_broken_edit_is_given_up_for_the_same_version(cluster: Cluster, namespace: str) -> None:
    """And nobody's number of replicas is touched, by 0 and back neither."""
    serving = pods(cluster, namespace)
    cluster.apply(updated(namespace, NEW))
    eventually(lambda: is_given_up(cluster, namespace))
    first = rollout(cluster, namespace)["aborted"]["revision"]
    cluster.apply(updated(namespace, NEWER))
    eventually(
        lambda: (
            rollout(cluster, namespace)["aborted"]["revision"] != first and is_given_up(cluster, namespace)
        )
    )
    assert pods(cluster, namespace) == serving
    cluster.apply(updated(namespace, NEWER, replicas=0))
    eventually(lambda: pods(cluster, namespace) == {})
    eventually(lambda: cluster.ready_reason(namespace, NAME) == "ScaledToZero")
    cluster.apply(updated(namespace, NEWER, replicas=3))
    eventually(lambda: is_given_up(cluster, namespace))
    assert len(pods(cluster, namespace)) == 3


@pytest.mark.usefixtures("versions")
def test_an_autoscaler_keeps_its_number(cluster: Cluster, operator: Operator, namespace: str) -> None:
    """Of a model that is scaled while a broken version is there, and after it was given up."""
    scaled: dict[str, Any] = {"autoscaling": {"maxReplicas": 6, "cpuUtilization": 50}}

    def scale(replicas: int) -> None:
        path = names.DEPLOYMENT.item(namespace, NAME)
        cluster.patch(f"{path}/scale", {"spec": {"replicas": replicas}})

    cluster.apply(updated(namespace, **scaled))
    eventually(lambda: is_served(cluster, namespace, OLD) and operator.is_idle())
    cluster.apply(updated(namespace, NEW, **scaled))
    eventually(lambda: NEW in pods(cluster, namespace).values())
    scale(5)
    eventually(lambda: is_given_up(cluster, namespace) and len(pods(cluster, namespace)) == 5)
    scale(4)
    eventually(lambda: is_given_up(cluster, namespace) and len(pods(cluster, namespace)) == 4)
    cluster.apply(updated(namespace, **scaled))
    eventually(lambda: is_served(cluster, namespace, OLD))
    assert deployment(cluster, namespace)["spec"]["replicas"] == 4


@pytest.mark.usefixtures("versions")
def test_a_canary_tries_it_again(cluster: Cluster, namespace: str) -> None:
    """The strategy is another one: what the rolling update has given up is tried out beside what serves."""
    cluster.apply(updated(namespace, NEW))
    eventually(lambda: is_given_up(cluster, namespace))
    cluster.apply(updated(namespace, NEW, rollout={"strategy": "Canary"}))
    eventually(lambda: uri_of(deployment(cluster, namespace, names.canary(NAME))) == NEW)
    assert uri_of(deployment(cluster, namespace)) == OLD
    eventually(lambda: rollout(cluster, namespace).get("aborted", {}).get("reason") == "Crashing")


def test_the_first_version_of_a_model_stays(cluster: Cluster, operator: Operator, namespace: str) -> None:
    """Nobody serves in its place."""
    found = Versions(cluster, namespace)
    found.broken = {OLD}
    found.start()
    try:
        cluster.apply(updated(namespace))
        eventually(lambda: cluster.ready_reason(namespace, NAME) == "CrashLoop" and operator.is_idle())
        assert len(pods(cluster, namespace)) == 2
        assert rollout(cluster, namespace) == {}
    finally:
        found.close()
