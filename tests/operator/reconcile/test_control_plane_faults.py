"""A hostile cluster: broken aggregated APIs, lost rights, a vanished definition, two operators at once."""

from collections.abc import Iterator
from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names

from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.manifests import manifest
from tests.operator.support.process import USER, Operator
from tests.repository.definition import until_served
from tests.repository.helm import charts

pytestmark = pytest.mark.control_plane

Object = dict[str, Any]


DEAD_API = {
    "apiVersion": "apiregistration.k8s.io/v1",
    "kind": "APIService",
    "metadata": {"name": "v1beta2.custom.metrics.k8s.io"},
    "spec": {
        "group": "custom.metrics.k8s.io",
        "version": "v1beta2",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"namespace": "default", "name": "nobody"},
    },
}


def test_a_dead_aggregated_api_does_not_keep_the_operator_from_starting(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    operator.stop()
    cluster.apply(DEAD_API)
    try:
        eventually(
            # JSON.
            lambda: "False" in cluster.kubectl("get", "apiservice", DEAD_API["metadata"]["name"])  # type: ignore[index]
        )
        operator.start()
        cluster.apply(manifest(namespace))
        eventually(lambda: cluster.get(names.DEPLOYMENT, namespace, "resnet50"))
    finally:
        cluster.kubectl("delete", "apiservice", "v1beta2.custom.metrics.k8s.io")


def test_a_lost_right_is_told_and_its_return_heals(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    role = charts.one(charts.render(), "ClusterRole")
    less = {**role, "rules": [rule for rule in role["rules"] if "ingresses" not in rule["resources"]]}
    cluster.apply(less)
    try:
        cluster.apply(manifest(namespace, ingress={"host": "a.example.com"}))
        eventually(lambda: cluster.ready_reason(namespace, "resnet50") == "OperatorForbidden")
        assert "restore its RBAC" in cluster.conditions(namespace, "resnet50")["Ready"]["message"]
    finally:
        cluster.apply(role)
    eventually(lambda: cluster.get(names.INGRESS, namespace, "resnet50"))
    assert operator.health()["complaints"] == []


def test_the_rights_of_the_chart_have_no_star_and_no_secret_of_another_namespace(cluster: Cluster) -> None:
    """That each of them is used is asserted in tests/repository/test_rbac.py."""
    rules = charts.one(charts.render(), "ClusterRole")["rules"]
    assert not {"*"} & {
        word for rule in rules for word in (*rule["resources"], *rule["verbs"], *rule["apiGroups"])
    }
    answer = cluster.kubectl("auth", "can-i", "get", "secrets", f"--as={USER}", "-A", check=False)
    assert answer.strip().startswith("no")


@pytest.fixture
def definition(cluster: Cluster, operator: Operator) -> Iterator[Object]:
    """The definition, which a test may take away: the others find it again."""
    found = charts.one(charts.render(), "CustomResourceDefinition")
    yield found
    install_again(cluster, found)
    operator.revive()


def install_again(cluster: Cluster, definition: Object) -> None:
    cluster.apply(definition)
    until_served(cluster.kubeconfig, cluster.cache)


def test_the_definition_may_go_and_come_back(
    cluster: Cluster, operator: Operator, namespace: str, definition: Object
) -> None:
    """As `helm uninstall` and `helm install` do when the definition is not kept.

    kopf may give up when a watched kind vanishes; the kubelet, here the test, starts the operator again. The
    old Deployment may outlive its model, since garbage collection loses sight of a kind without definition:
    when a model of that name comes back, it is collected, and made again.
    """
    cluster.apply(manifest(namespace))
    eventually(lambda: cluster.get(names.DEPLOYMENT, namespace, "resnet50"))
    cluster.kubectl("delete", "crd", contract.CRD_NAME, "--timeout=180s")
    install_again(cluster, definition)
    cluster.apply(manifest(namespace))
    uid = cluster.need(names.MODEL, namespace, "resnet50")["metadata"]["uid"]

    def adopted() -> bool:
        operator.revive()
        (owner,) = cluster.need(names.DEPLOYMENT, namespace, "resnet50")["metadata"]["ownerReferences"]
        return bool(owner["uid"] == uid)

    eventually(adopted)
    assert operator.health()["complaints"] == []


def test_an_operator_that_starts_before_the_definition_waits_for_it(
    cluster: Cluster, operator: Operator, namespace: str, definition: Object
) -> None:
    operator.stop()
    cluster.kubectl("delete", "crd", contract.CRD_NAME, "--timeout=180s")
    before = operator.log.stat().st_size
    operator.start(wait=False)
    eventually(lambda: b"Waiting for the definition" in operator.log.read_bytes()[before:])
    assert operator.health()["synced"] is False
    install_again(cluster, definition)
    cluster.apply(manifest(namespace))
    eventually(lambda: cluster.get(names.DEPLOYMENT, namespace, "resnet50"))
