"""Operators of some namespaces side by side, each under the rights that the chart gives it there alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from paddlemodel_operator.base import names

from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.manifests import manifest
from tests.operator.support.process import Operator
from tests.repository.helm import charts

pytestmark = pytest.mark.control_plane

SPACES = ("blue-1", "green-1", "green-2", "nobody-s")


@dataclass
class Team:
    """A release of the chart in a namespace of its own, and its operator."""

    name: str
    objects: list[charts.Object]
    operator: Operator

    def start(self) -> None:
        settings = charts.variables(self.objects, f"{self.name}-paddlemodel-operator")
        prefix = "PADDLEMODEL_OPERATOR_"
        given = {key.removeprefix(prefix).lower(): value for key, value in settings.items()}
        del given["log_format"]
        self.operator.start(wait=True, **given)

    @property
    def user(self) -> str:
        return f"system:serviceaccount:{self.name}:{self.name}-paddlemodel-operator"


def release(cluster: Cluster, folder: Path, name: str, *spaces: str) -> Team:
    """As `helm install` by somebody who may nothing in the cluster but in these namespaces."""
    words = [
        f"watchNamespaces={{{','.join(spaces)}}}",
        "autoscaling.metricsSource=none",
        "crds.enabled=false",
    ]
    flags = [word for setting in words for word in ("--set", setting)]
    rendered = charts.helm("template", name, str(charts.CHART), "--namespace", name, *flags)
    objects = [item for item in yaml.safe_load_all(rendered) if item]
    cluster.kubectl("create", "namespace", name)
    cluster.apply(*(item for item in objects if item["kind"] != "Deployment"))
    account = (name, f"{name}-paddlemodel-operator")
    return Team(name, objects, Operator(cluster, folder, account=account))


@pytest.fixture(scope="module")
def teams(
    cluster: Cluster, operator: Operator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Team, Team]]:
    operator.stop()
    for space in SPACES:
        cluster.kubectl("create", "namespace", space)
    blue = release(cluster, tmp_path_factory.mktemp("blue"), "blue", "blue-1")
    green = release(cluster, tmp_path_factory.mktemp("green"), "green", "green-1", "green-2")
    for team in (blue, green):
        assert all(item["metadata"].get("namespace") for item in team.objects)
        team.start()
    yield blue, green
    for team in (blue, green):
        team.operator.kill()
    cluster.kubectl("delete", "namespace", *SPACES, "blue", "green", "--wait=false")
    operator.start()


def test_each_serves_its_own_namespaces_and_touches_no_other(
    cluster: Cluster, teams: tuple[Team, Team]
) -> None:
    blue, _ = teams
    mark = cluster.mark()
    for space in SPACES:
        cluster.apply(manifest(space, autoscaling={"maxReplicas": 3}))
    for space in SPACES[:3]:
        eventually(lambda space=space: cluster.ready_reason(space, "resnet50") == "Progressing")  # type: ignore[misc]
        assert cluster.need(names.DEPLOYMENT, space, "resnet50")["metadata"]["generation"] == 1
    assert cluster.get(names.DEPLOYMENT, "nobody-s", "resnet50") is None
    for team in teams:
        written = {
            entry["objectRef"]["namespace"]
            for entry in cluster.entries(mark)
            if entry["user"]["username"] == team.user and entry["objectRef"]["resource"] != "leases"
        }
        assert written == ({"blue-1"} if team is blue else {"green-1", "green-2"})
        assert team.operator.health()["leading"]
    cluster.kubectl("delete", "deployment", "resnet50", "-n", "blue-1")
    eventually(lambda: cluster.get(names.DEPLOYMENT, "blue-1", "resnet50"))


def test_a_model_that_wants_the_cluster_s_adapter_is_told_why_not(
    cluster: Cluster, teams: tuple[Team, Team]
) -> None:
    assert teams[0].operator.is_running
    wanted = {"maxReplicas": 3, "metricsSource": "builtin"}
    cluster.apply(manifest("blue-1", "scaled", autoscaling=wanted))
    eventually(lambda: cluster.ready_reason("blue-1", "scaled") == "InvalidSpec")
    message = cluster.conditions("blue-1", "scaled")["Ready"]["message"]
    assert "set it to what serves the metrics here" in message


def test_a_namespace_that_is_forbidden_does_not_stop_the_others(
    cluster: Cluster, teams: tuple[Team, Team]
) -> None:
    """Also not an operator that starts meanwhile; and it goes on when the Role is back."""
    green = teams[1]
    name = f"{green.name}-paddlemodel-operator"
    (binding,) = (
        item
        for item in green.objects
        if item["kind"] == "RoleBinding" and item["metadata"]["namespace"] == "green-2"
    )
    cluster.kubectl("delete", "rolebinding", name, "-n", "green-2")
    green.operator.stop()
    green.start()
    cluster.apply(manifest("green-1", "new"), manifest("green-2", "new"))
    eventually(lambda: cluster.get(names.DEPLOYMENT, "green-1", "new"))
    assert "in namespace green-2, trying again while the others go on: 403" in green.operator.log.read_text()
    assert cluster.get(names.DEPLOYMENT, "green-2", "new") is None
    cluster.apply(binding)
    eventually(lambda: cluster.get(names.DEPLOYMENT, "green-2", "new"))
    assert green.operator.health()["complaints"] == []
