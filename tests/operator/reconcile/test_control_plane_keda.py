"""Scaling through KEDA, as far as it is the operator's part: when the kind comes, and who owns replicas when.

The kind is a definition of KEDA's name that the test makes. KEDA itself, of which a test plays the one act
that matters here (it makes an autoscaler of a ScaledObject), runs in tests/neighbours.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.drift import owns

from tests.operator.reconcile.test_control_plane_replicas import (
    replicas,
    scale_as_the_autoscaler_does,
    watched,
)
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.manifests import manifest
from tests.operator.support.process import USER, Operator

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("operator")]

Object = dict[str, Any]

NAME = "resnet50"
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "scaledobjects.keda.sh"},
    "spec": {
        "group": "keda.sh",
        "names": {"kind": "ScaledObject", "plural": "scaledobjects", "singular": "scaledobject"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            part: {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                            for part in ("spec", "status")
                        },
                    }
                },
            }
        ],
    },
}

BY_KEDA = {"maxReplicas": 6, "queueSeconds": 1, "metricsSource": "keda"}
BY_US = {"maxReplicas": 6, "queueSeconds": 1}


@pytest.fixture
def without_keda(cluster: Cluster) -> None:
    cluster.kubectl("delete", "crd", "scaledobjects.keda.sh", "--ignore-not-found", "--timeout=180s")


@pytest.fixture
def keda(cluster: Cluster) -> Iterator[None]:
    """The kind is there."""
    cluster.apply(DEFINITION)
    eventually(lambda: cluster.http.get(names.SCALED_OBJECT.collection()).is_success)
    yield
    cluster.kubectl("delete", "crd", "scaledobjects.keda.sh", "--ignore-not-found", "--timeout=180s")


def scaling(cluster: Cluster, namespace: str) -> Object:
    return cluster.conditions(namespace, NAME).get("AutoscalingActive", {})


def reason(cluster: Cluster, namespace: str) -> str:
    return str(scaling(cluster, namespace).get("reason"))


def act_as_keda(cluster: Cluster, namespace: str) -> None:
    """Make an autoscaler of the ScaledObject, with its labels and owned by it, and say that all is well."""
    body = eventually(lambda: cluster.need(names.SCALED_OBJECT, namespace, NAME))
    owner = {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "name": NAME,
        "uid": body["metadata"]["uid"],
        "controller": True,
    }
    value = {"metric": {"name": "s0-x"}, "target": {"type": "Value", "value": "1"}}
    cluster.apply(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {
                "name": f"keda-hpa-{NAME}",
                "namespace": namespace,
                "labels": body["metadata"]["labels"],
                "ownerReferences": [owner],
            },
            "spec": {
                "scaleTargetRef": body["spec"]["scaleTargetRef"],
                "minReplicas": body["spec"]["minReplicaCount"],
                "maxReplicas": body["spec"]["maxReplicaCount"],
                "metrics": [{"type": "External", "external": value}],
            },
        }
    )
    ready = {"type": "Ready", "status": "True", "reason": "ScaledObjectReady", "message": "ok"}
    item = names.SCALED_OBJECT.item(namespace, NAME)
    cluster.patch(f"{item}/status", {"status": {"conditions": [ready]}})


def scaled_by_keda(cluster: Cluster, operator: Operator, namespace: str, count: int) -> None:
    cluster.apply(manifest(namespace, autoscaling=BY_KEDA))
    act_as_keda(cluster, namespace)
    scale_as_the_autoscaler_does(cluster, namespace, count)
    eventually(operator.is_idle)


@pytest.mark.usefixtures("without_keda")
def test_without_keda_models_are_served_and_the_condition_names_the_cure(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    """And when KEDA comes, nobody has to do anything."""
    cluster.apply(manifest(namespace, autoscaling=BY_KEDA))
    eventually(lambda: reason(cluster, namespace) == "KEDAMissing")
    found = scaling(cluster, namespace)
    assert "install KEDA, or set autoscaling.metricsSource to builtin" in found["message"]
    assert cluster.get(names.DEPLOYMENT, namespace, NAME)
    assert cluster.ready_reason(namespace, NAME) == "Progressing"
    assert operator.health()["complaints"] == []
    try:
        cluster.apply(DEFINITION)
        eventually(lambda: cluster.get(names.SCALED_OBJECT, namespace, NAME))
        eventually(lambda: reason(cluster, namespace) == "Pending")
        assert "check that KEDA's operator runs" in scaling(cluster, namespace)["message"]
        cluster.kubectl("delete", "crd", "scaledobjects.keda.sh", "--timeout=180s")
        eventually(lambda: reason(cluster, namespace) == "KEDAMissing")
    finally:
        cluster.kubectl("delete", "crd", "scaledobjects.keda.sh", "--ignore-not-found", "--timeout=180s")


@pytest.mark.usefixtures("keda")
def test_raw_metrics_are_refused_where_the_chart_chose_keda(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    raw = {
        "type": "Resource",
        "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 50}},
    }
    operator.stop()
    operator.start(metrics_source="keda")
    try:
        cluster.apply(manifest(namespace, autoscaling={"maxReplicas": 3, "metrics": [raw]}))
        eventually(lambda: cluster.ready_reason(namespace, NAME) == "InvalidSpec")
        assert (
            "set spec.autoscaling.metricsSource to builtin"
            in (cluster.conditions(namespace, NAME)["Ready"]["message"])
        )
        cluster.apply(manifest(namespace, autoscaling={"maxReplicas": 3, "queueSeconds": 1}))
        eventually(lambda: cluster.get(names.SCALED_OBJECT, namespace, NAME))
    finally:
        operator.restart()
    eventually(lambda: cluster.get(names.SCALED_OBJECT, namespace, NAME) is None)
    eventually(lambda: cluster.get(names.AUTOSCALER, namespace, NAME))


@pytest.mark.usefixtures("keda")
def test_to_keda_our_autoscaler_is_gone_before_the_scaled_object_comes(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    """KEDA's webhook refuses a Deployment that an autoscaler already scales."""
    cluster.apply(manifest(namespace, autoscaling=BY_US))
    eventually(lambda: cluster.get(names.AUTOSCALER, namespace, NAME))
    scale_as_the_autoscaler_does(cluster, namespace, 5)
    eventually(operator.is_idle)
    mark = cluster.mark()
    with watched(cluster, namespace) as seen:
        cluster.apply(manifest(namespace, autoscaling=BY_KEDA))
        eventually(lambda: cluster.get(names.SCALED_OBJECT, namespace, NAME))
        eventually(operator.is_idle)
    assert seen == {5}
    assert cluster.get(names.AUTOSCALER, namespace, NAME) is None
    writes = [one.partition("?")[0] for one in cluster.writes(USER, namespace, mark)]
    wanted = [
        f"delete {names.AUTOSCALER.item(namespace, NAME)}",
        f"patch {names.SCALED_OBJECT.item(namespace, NAME)}",
    ]
    assert [one for one in writes if one in wanted] == wanted


@pytest.mark.usefixtures("keda")
def test_from_keda_its_autoscaler_is_gone_before_ours_comes(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    scaled_by_keda(cluster, operator, namespace, 5)
    with watched(cluster, namespace) as seen:
        cluster.apply(manifest(namespace, autoscaling=BY_US))
        ours = eventually(lambda: cluster.need(names.AUTOSCALER, namespace, NAME))
        eventually(operator.is_idle)
    assert seen == {5}
    assert cluster.get(names.AUTOSCALER, namespace, f"keda-hpa-{NAME}") is None
    assert cluster.get(names.SCALED_OBJECT, namespace, NAME) is None
    assert ours["spec"]["maxReplicas"] == 6


@pytest.mark.usefixtures("keda")
def test_from_keda_to_replicas_of_the_spec_no_other_number_is_passed(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    scaled_by_keda(cluster, operator, namespace, 5)
    with watched(cluster, namespace) as seen:
        cluster.apply(manifest(namespace, replicas=4))
        eventually(lambda: replicas(cluster, namespace) == 4)
        eventually(operator.is_idle)
    assert seen <= {5, 4}
    assert cluster.get(names.AUTOSCALER, namespace, f"keda-hpa-{NAME}") is None


@pytest.mark.usefixtures("keda")
def test_from_replicas_of_the_spec_to_keda_the_pods_stay(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    cluster.apply(manifest(namespace, replicas=3))
    eventually(lambda: replicas(cluster, namespace) == 3)
    eventually(operator.is_idle)
    with watched(cluster, namespace) as seen:
        cluster.apply(manifest(namespace, autoscaling=BY_KEDA))
        eventually(lambda: cluster.get(names.SCALED_OBJECT, namespace, NAME))
        eventually(lambda: not owns(cluster.need(names.DEPLOYMENT, namespace, NAME), "spec", "replicas"))
        eventually(operator.is_idle)
    assert seen == {3}


@pytest.mark.usefixtures("keda")
def test_the_condition_tells_what_keda_s_autoscaler_says(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    """It has no external metrics API here; our watch tells of it because it has the ScaledObject's labels."""
    scaled_by_keda(cluster, operator, namespace, 2)
    eventually(lambda: reason(cluster, namespace) == "MetricsAPIMissing")
    assert "external.metrics.k8s.io" in scaling(cluster, namespace)["message"]
    before = cluster.need(names.MODEL, namespace, NAME)["status"]["autoscaling"]
    assert before == {
        "source": "keda",
        "targets": [{"name": "queueSeconds", "metric": "paddle_queue_seconds", "target": "1"}],
    }


@pytest.mark.usefixtures("keda")
def test_a_scaled_object_that_somebody_edits_or_deletes_is_put_right(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    """No watch tells of it: the list does, every 30 s."""
    cluster.apply(manifest(namespace, autoscaling=BY_KEDA), manifest(namespace, "other", autoscaling=BY_KEDA))
    first = eventually(lambda: cluster.need(names.SCALED_OBJECT, namespace, NAME))
    eventually(lambda: cluster.get(names.SCALED_OBJECT, namespace, "other"))
    eventually(operator.is_idle)
    cluster.patch(names.SCALED_OBJECT.item(namespace, "other"), {"spec": {"maxReplicaCount": 99}})
    cluster.kubectl("delete", "scaledobjects.keda.sh", NAME, "-n", namespace)
    second = eventually(lambda: cluster.need(names.SCALED_OBJECT, namespace, NAME))
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    assert second["spec"] == first["spec"]
    eventually(lambda: most(cluster, namespace, "other") == 6)


def most(cluster: Cluster, namespace: str, name: str) -> int:
    return int(cluster.need(names.SCALED_OBJECT, namespace, name)["spec"]["maxReplicaCount"])


@pytest.mark.usefixtures("keda")
def test_an_unchanged_scaled_object_costs_no_write(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    scaled_by_keda(cluster, operator, namespace, 2)
    eventually(lambda: reason(cluster, namespace) == "MetricsAPIMissing")
    eventually(operator.is_idle)
    mark = cluster.mark()
    operator.restart()
    assert cluster.writes(USER, namespace, mark) == []


@pytest.mark.usefixtures("keda")
def test_what_a_removed_keda_holds_is_named_with_the_cure(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    scaled_by_keda(cluster, operator, namespace, 2)
    item = names.SCALED_OBJECT.item(namespace, NAME)
    cluster.patch(item, {"metadata": {"finalizers": ["finalizer.keda.sh/x"]}})
    cluster.apply(manifest(namespace, replicas=2))
    cure = f"kubectl patch scaledobject {NAME} --namespace {namespace} --type merge"
    eventually(lambda: cure in cluster.conditions(namespace, NAME)["Ready"]["message"])
    cluster.patch(item, {"metadata": {"finalizers": None}})
    eventually(lambda: cluster.get(names.SCALED_OBJECT, namespace, NAME) is None)
