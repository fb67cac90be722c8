"""The whole operator against a real API server and the real controllers, under the chart's own rights.

There is no kubelet: pods stay Pending; test_control_plane_pods.py plays their reports.
"""

from typing import Any

import pytest
from paddlemodel_operator.base import names

from tests.operator.support.cluster import CHILDREN, Cluster, eventually
from tests.operator.support.expected import SELECTOR
from tests.operator.support.manifests import everything, manifest, settled
from tests.operator.support.process import USER, Operator

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("operator")]

Object = dict[str, Any]


def test_a_model_gets_its_children_and_a_status(cluster: Cluster, operator: Operator, namespace: str) -> None:
    cluster.apply(everything(namespace))
    found = settled(cluster, operator, namespace)
    for kind in CHILDREN:
        (owner,) = cluster.need(kind, namespace, "resnet50")["metadata"]["ownerReferences"]
        assert owner["uid"] == found["metadata"]["uid"]
    assert set(found["metadata"]) & {"finalizers", "annotations"} == set()
    assert found["status"]["url"] == "https://a.example.com"
    assert found["status"]["columns"] == {
        "replicas": "0/1",
        "gpus": "0",
        "access": "Keys, TLS, Limits, Network",
    }
    conditions = cluster.conditions(namespace, "resnet50")
    always = {"Ready", "Available", "Progressing", "ModelFetched", "Reconciling"}
    assert set(conditions) == always | {"ModelUpdateAvailable", "AutoscalingActive", "AccessConfigured"}
    for condition in conditions.values():
        assert condition["observedGeneration"] == 1


def test_kubectl_get_shows_the_state(cluster: Cluster, operator: Operator, namespace: str) -> None:
    cluster.apply(manifest(namespace))
    settled(cluster, operator, namespace)
    header, line = cluster.kubectl("get", "pdm", "-n", namespace).splitlines()
    assert header.split() == ["NAME", "READY", "URL", "REPLICAS", "DEVICE", "MODEL", "AGE"]
    assert line.split()[:5] == ["resnet50", "False", f"http://resnet50.{namespace}.svc", "0/1", "CPU"]
    assert "REASON" in cluster.kubectl("get", "pdm", "-n", namespace, "-o", "wide")


def test_an_update_reaches_the_children(cluster: Cluster, operator: Operator, namespace: str) -> None:
    cluster.apply(manifest(namespace))
    settled(cluster, operator, namespace)
    cluster.apply(manifest(namespace, server={"queueSize": 9}, service={"port": 9000}))
    settled(cluster, operator, namespace)
    deployment = cluster.need(names.DEPLOYMENT, namespace, "resnet50")
    (server,) = deployment["spec"]["template"]["spec"]["containers"]
    assert {"name": "PADDLEMODEL_QUEUE_SIZE", "value": "9"} in server["env"]
    assert cluster.need(names.SERVICE, namespace, "resnet50")["spec"]["ports"][0]["port"] == 9000
    assert len(cluster.need(names.SERVICE, namespace, "resnet50")["spec"]["ports"]) == 1


def test_kubectl_scale_works(cluster: Cluster, operator: Operator, namespace: str) -> None:
    """Also on a spec that says nothing about replicas."""
    cluster.apply(manifest(namespace))
    settled(cluster, operator, namespace)
    cluster.kubectl("scale", "pdm/resnet50", "--replicas=3", "-n", namespace)
    eventually(lambda: cluster.need(names.DEPLOYMENT, namespace, "resnet50")["spec"]["replicas"] == 3)
    eventually(lambda: cluster.need(names.MODEL, namespace, "resnet50")["status"]["replicas"] == 3)
    scale = cluster.kubectl("get", "--raw", f"{names.MODEL.item(namespace, 'resnet50')}/scale")
    selector = ",".join(f"{key}={value}" for key, value in SELECTOR.items())
    assert f'"selector":"{selector}"' in scale


def test_a_scaled_model_is_told_how_to_choose_autoscaling(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    cluster.apply(manifest(namespace))
    settled(cluster, operator, namespace)
    cluster.kubectl("scale", "pdm/resnet50", "--replicas=3", "-n", namespace)
    scaled = cluster.kubectl(
        "patch", "pdm", "resnet50", "-n", namespace, "--type=merge", "-p", AUTOSCALED, check=False
    )
    assert 'kubectl patch pdm NAME --type merge -p \'{"spec":{"replicas":null}}\'' in scaled
    cluster.kubectl(
        "patch", "pdm", "resnet50", "-n", namespace, "--type=merge", "-p",
        '{"spec":{"replicas":null,"autoscaling":{"maxReplicas":5}}}',
    )  # fmt: skip
    eventually(lambda: cluster.get(names.AUTOSCALER, namespace, "resnet50"))


AUTOSCALED = '{"spec":{"autoscaling":{"maxReplicas":5}}}'

INSIDE: Object = {"network": {"from": [{"podSelector": {}}]}}
DRIFTS: dict[str, tuple[names.Kind, Object]] = {
    "another image": (names.DEPLOYMENT, {"spec": {"paused": True, "revisionHistoryLimit": 9}}),
    "other replicas": (names.DEPLOYMENT, {"spec": {"replicas": 7}}),
    "a lost label": (names.DEPLOYMENT, {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}),
    "another port": (names.SERVICE, {"spec": {"ports": [{"name": "http", "port": 1234}]}}),
    "another selector": (names.SERVICE, {"spec": {"selector": {"paddlemodel.dev/model": "other"}}}),
    "a larger budget": (names.DISRUPTION_BUDGET, {"spec": {"maxUnavailable": 9}}),
    "an open policy": (names.NETWORK_POLICY, {"spec": {"ingress": [{}]}}),
    "another host": (names.INGRESS, {"spec": {"rules": [{"host": "evil.example.com"}]}}),
}


@pytest.mark.parametrize("drift", DRIFTS.values(), ids=DRIFTS)
def test_drift_is_repaired(
    cluster: Cluster, operator: Operator, namespace: str, drift: tuple[names.Kind, Object]
) -> None:
    kind, change = drift
    cluster.apply(manifest(namespace, ingress={"host": "a.example.com"}, replicas=2, access=INSIDE))
    settled(cluster, operator, namespace)
    before = cluster.need(kind, namespace, "resnet50")
    cluster.patch(kind.item(namespace, "resnet50"), change)

    def repaired() -> bool:
        after = cluster.need(kind, namespace, "resnet50")
        after["spec"].pop("paused", None)  # A field that we do not apply stays theirs.
        return bool(
            after["spec"] == before["spec"] and after["metadata"]["labels"] == before["metadata"]["labels"]
        )

    eventually(repaired)


@pytest.mark.parametrize("kind", names.CHILD_KINDS, ids=lambda kind: kind.kind)
def test_a_deleted_child_comes_back(
    cluster: Cluster, operator: Operator, namespace: str, kind: names.Kind
) -> None:
    cluster.apply(everything(namespace))
    settled(cluster, operator, namespace)
    uid = cluster.need(kind, namespace, "resnet50")["metadata"]["uid"]
    cluster.kubectl("delete", kind.plural, "resnet50", "-n", namespace, "--wait=false")
    eventually(lambda: cluster.need(kind, namespace, "resnet50")["metadata"]["uid"] != uid)


def test_what_is_no_longer_desired_is_pruned(cluster: Cluster, operator: Operator, namespace: str) -> None:
    more: dict[str, Any] = {
        "ingress": {"host": "a.example.com"},
        "autoscaling": {"maxReplicas": 2},
        "access": INSIDE,
    }
    cluster.apply(manifest(namespace, **more))
    settled(cluster, operator, namespace)
    cluster.apply(manifest(namespace))
    eventually(lambda: cluster.get(names.NETWORK_POLICY, namespace, "resnet50") is None)
    eventually(lambda: cluster.get(names.INGRESS, namespace, "resnet50") is None)
    eventually(lambda: cluster.get(names.AUTOSCALER, namespace, "resnet50") is None)
    eventually(lambda: cluster.get(names.DISRUPTION_BUDGET, namespace, "resnet50") is None)


def test_a_deleted_model_takes_its_children_along(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    """Garbage collection by the real controller; the operator does nothing, and could be gone."""
    cluster.apply(everything(namespace))
    settled(cluster, operator, namespace)
    mark = cluster.mark()
    cluster.kubectl("delete", "pdm", "resnet50", "-n", namespace, "--timeout=180s")
    eventually(lambda: not any(cluster.get(kind, namespace, "resnet50") for kind in CHILDREN))
    eventually(operator.is_idle)
    assert cluster.writes(USER, namespace, mark) == []


def test_a_restart_writes_nothing(cluster: Cluster, operator: Operator, namespace: str) -> None:
    """Counted in the API server's audit log: neither at the start nor at the end of it."""
    for name, model in [("a", everything(namespace, "a")), ("b", manifest(namespace, "b", replicas=2))]:
        cluster.apply(model)
        settled(cluster, operator, namespace, name)
    cluster.apply(manifest(namespace, "c", task={"imageClassification": {"labels": ["犬" * 128] * 1000}}))
    eventually(lambda: cluster.ready_reason(namespace, "c") == "InvalidSpec")
    eventually(
        lambda: cluster.conditions(namespace, "a")["AutoscalingActive"]["reason"] == "MetricsAPIMissing"
    )
    eventually(operator.is_idle)
    before = [cluster.need(names.MODEL, namespace, name)["status"] for name in "abc"]
    mark = cluster.mark()
    operator.restart()
    assert [cluster.need(names.MODEL, namespace, name)["status"] for name in "abc"] == before
    assert cluster.writes(USER, namespace, mark) == []


def test_a_killed_operator_goes_on_where_it_was(cluster: Cluster, operator: Operator, namespace: str) -> None:
    operator.kill()
    cluster.apply(manifest(namespace))
    operator.start()
    settled(cluster, operator, namespace)


def test_two_models_of_one_name_in_two_namespaces(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    other = f"{namespace}-other"
    cluster.kubectl("create", "namespace", other)
    cluster.apply(manifest(namespace, replicas=2), manifest(other, replicas=3))
    settled(cluster, operator, namespace)
    settled(cluster, operator, other)
    assert cluster.need(names.DEPLOYMENT, namespace, "resnet50")["spec"]["replicas"] == 2
    assert cluster.need(names.DEPLOYMENT, other, "resnet50")["spec"]["replicas"] == 3
    cluster.kubectl("delete", "namespace", other, "--wait=false")
    eventually(lambda: cluster.get(names.DEPLOYMENT, other, "resnet50") is None)
    assert cluster.need(names.DEPLOYMENT, namespace, "resnet50")


def test_an_object_of_somebody_else_is_never_touched(cluster: Cluster, namespace: str) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "resnet50", "namespace": namespace},
        "spec": {"ports": [{"port": 1}]},
    }
    cluster.apply(foreign)
    before = cluster.need(names.SERVICE, namespace, "resnet50")
    cluster.apply(manifest(namespace))
    eventually(lambda: cluster.ready_reason(namespace, "resnet50") == "NameConflict")
    message = cluster.conditions(namespace, "resnet50")["Ready"]["message"]
    assert message == (
        "Service resnet50 exists and belongs to somebody else: delete or rename it, "
        "or give the model another name."
    )
    assert cluster.need(names.SERVICE, namespace, "resnet50") == before
    cluster.kubectl("delete", "service", "resnet50", "-n", namespace)
    eventually(lambda: cluster.ready_reason(namespace, "resnet50") == "Progressing")


def test_a_spec_that_cannot_be_read_is_told(cluster: Cluster, operator: Operator, namespace: str) -> None:
    """Within the schema, but too large for one environment variable; what ran before goes on."""
    cluster.apply(manifest(namespace))
    settled(cluster, operator, namespace)
    before = cluster.need(names.DEPLOYMENT, namespace, "resnet50")
    cluster.apply(manifest(namespace, task={"imageClassification": {"labels": ["犬" * 128] * 1000}}))
    eventually(lambda: cluster.ready_reason(namespace, "resnet50") == "InvalidSpec")
    assert (
        "spec.task.imageClassification.labelsFile"
        in cluster.conditions(namespace, "resnet50")["Ready"]["message"]
    )
    assert cluster.need(names.DEPLOYMENT, namespace, "resnet50")["spec"] == before["spec"]
    cluster.apply(manifest(namespace))
    eventually(lambda: cluster.ready_reason(namespace, "resnet50") == "Progressing")


def test_a_child_that_the_api_refuses_is_told_without_a_hot_loop(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    mark = cluster.mark()
    cluster.apply(manifest(namespace, pod={"tolerations": [{"key": "a", "operator": "Nonsense"}]}))
    eventually(lambda: cluster.ready_reason(namespace, "resnet50") == "ChildInvalid")
    assert "Nonsense" in cluster.conditions(namespace, "resnet50")["Ready"]["message"]
    assert len([one for one in cluster.writes(USER, namespace, mark) if "/deployments/" in one]) < 6
    cluster.apply(manifest(namespace))
    settled(cluster, operator, namespace)


def test_a_paused_model_is_left_as_it_is_until_it_is_resumed(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    """What its spec says, what somebody changes by hand, and what is deleted all wait; then they do not."""
    scaled: Object = {"autoscaling": {"maxReplicas": 3}}
    cluster.apply(manifest(namespace, **scaled))
    settled(cluster, operator, namespace)
    cluster.kubectl("annotate", "pdm", "resnet50", "paddlemodel.dev/paused=true", "-n", namespace)
    eventually(lambda: "Paused" in cluster.conditions(namespace, "resnet50"))
    assert cluster.kubectl("get", "pdm", "-n", namespace).splitlines()[1].split()[3:5] == ["0/1,", "paused"]
    mark, deployment = cluster.mark(), names.DEPLOYMENT.item(namespace, "resnet50")
    kept = cluster.need(names.DEPLOYMENT, namespace, "resnet50")["spec"]["revisionHistoryLimit"]
    cluster.patch(deployment, {"spec": {"revisionHistoryLimit": 9, "replicas": 2}})
    cluster.kubectl("delete", "service", "resnet50", "-n", namespace)
    cluster.apply(manifest(namespace, **scaled, server={"queueSize": 9}))
    eventually(lambda: cluster.ready_reason(namespace, "resnet50") == "Paused")
    eventually(lambda: "Service resnet50" in cluster.conditions(namespace, "resnet50")["Paused"]["message"])
    assert "Deployment resnet50" in cluster.conditions(namespace, "resnet50")["Paused"]["message"]
    assert cluster.need(names.MODEL, namespace, "resnet50")["status"]["observedGeneration"] == 1
    eventually(operator.is_idle)
    wrote = cluster.writes(USER, namespace, mark)
    assert [one for one in wrote if "/paddlemodels/" not in one and "/events" not in one] == []
    cluster.kubectl("annotate", "pdm", "resnet50", "paddlemodel.dev/paused-", "-n", namespace)
    eventually(lambda: cluster.get(names.SERVICE, namespace, "resnet50"))
    assert "paused" not in settled(cluster, operator, namespace)["status"]["columns"]["replicas"]
    spec = cluster.need(names.DEPLOYMENT, namespace, "resnet50")["spec"]
    assert spec["revisionHistoryLimit"] == kept != 9
    assert spec["replicas"] == 2  # The autoscaler's to change, paused or not.
    (server,) = spec["template"]["spec"]["containers"]
    assert {"name": "PADDLEMODEL_QUEUE_SIZE", "value": "9"} in server["env"]
    assert "Paused" not in cluster.conditions(namespace, "resnet50")


def test_a_paused_model_can_be_deleted(cluster: Cluster, operator: Operator, namespace: str) -> None:
    """Also one that was made paused, and has no children yet."""
    paused = manifest(namespace)
    paused["metadata"]["annotations"] = {"paddlemodel.dev/paused": "true"}
    cluster.apply(paused)
    eventually(lambda: cluster.ready_reason(namespace, "resnet50") == "Paused")
    assert cluster.get(names.DEPLOYMENT, namespace, "resnet50") is None
    cluster.kubectl("annotate", "pdm", "resnet50", "paddlemodel.dev/paused-", "-n", namespace)
    settled(cluster, operator, namespace)
    cluster.kubectl("annotate", "pdm", "resnet50", "paddlemodel.dev/paused=true", "-n", namespace)
    eventually(lambda: "Paused" in cluster.conditions(namespace, "resnet50"))
    cluster.kubectl("delete", "pdm", "resnet50", "-n", namespace, "--timeout=180s")
    eventually(lambda: all(cluster.get(kind, namespace, "resnet50") is None for kind in CHILDREN))
