"""`paddlemodel diff` of models that come, change and lose objects, under a real API server."""

from pathlib import Path

import pytest
import yaml
from paddlemodel_operator.base import names

from tests.operator.support.cluster import Cluster
from tests.operator.support.deployed.world import run
from tests.operator.support.manifests import manifest, settled
from tests.operator.support.process import Operator

pytestmark = pytest.mark.control_plane


def test_what_would_be_deleted_is_shown(
    cluster: Cluster, operator: Operator, namespace: str, tmp_path: Path
) -> None:
    scaled = manifest(namespace, "a", autoscaling={"maxReplicas": 2})
    cluster.apply(scaled)
    settled(cluster, operator, namespace, "a")
    file = tmp_path / "fixed.yaml"
    file.write_text(yaml.safe_dump(manifest(namespace, "a")))
    found = run("diff", str(file), kubeconfig=cluster.kubeconfig)
    assert found.code == 1
    assert f"--- live/autoscaling.v2.HorizontalPodAutoscaler.{namespace}.a" in found.out
    assert "-kind: HorizontalPodAutoscaler\n" in found.out


def test_a_model_that_was_applied_from_the_client_side(
    cluster: Cluster, operator: Operator, namespace: str, tmp_path: Path
) -> None:
    """What the file has left out since is gone, as after `kubectl apply`."""
    file = tmp_path / "a.yaml"
    file.write_text(yaml.safe_dump(manifest(namespace, "a", replicas=2, server={"queueSize": 50})))
    cluster.kubectl("apply", "-f", str(file))
    settled(cluster, operator, namespace, "a")
    assert run("diff", str(file), kubeconfig=cluster.kubeconfig).code == 0
    file.write_text(yaml.safe_dump(manifest(namespace, "a", replicas=2)))
    found = run("diff", str(file), kubeconfig=cluster.kubeconfig)
    assert found.code == 1
    assert "-    queueSize: 50\n" in found.out


def test_a_new_model_is_all_new(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(yaml.safe_dump(manifest(namespace, "new")))
    found = run("diff", str(file), kubeconfig=cluster.kubeconfig)
    assert found.code == 1
    lines = [line for line in found.out.splitlines() if not line.startswith(("---", "@@"))]
    assert lines
    assert all(line.startswith("+") for line in lines)
    assert "+kind: Deployment" in lines
    assert "00000000" not in found.out
    assert cluster.get(names.MODEL, namespace, "new") is None


def test_an_object_of_somebody_else_is_in_the_way(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    cluster.kubectl("create", "service", "clusterip", "a", "--tcp=80", "-n", namespace)
    file = tmp_path / "a.yaml"
    file.write_text(yaml.safe_dump_all([manifest(namespace, "a"), manifest(namespace, "b")]))
    found = run("diff", str(file), kubeconfig=cluster.kubeconfig)
    assert found.code == 2
    # There is no Deployment of the operator here.
    assert found.err.startswith("==> the operator's settings are taken from this shell: no Deployment has ")
    assert found.err.count("==> the operator's settings") == 1
    assert found.err.endswith("paddlemodel diff: Service a: Service a exists and belongs to somebody else\n")
    assert "+kind: Deployment" in found.out
