"""A canary at a real API server, with real Deployments; pods and their numbers are simulated."""

import json
from collections.abc import Iterator

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.drift import owned_part

from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.process import USER, Operator
from tests.operator.support.rollout.kubelet import Kubelet, Traffic
from tests.operator.support.rollout.rollouts import (
    CANARY,
    GOOD,
    LONG,
    NAME,
    NEW,
    NEWER,
    OLD,
    Object,
    annotate,
    bad,
    deployment,
    good,
    is_canary,
    is_ended,
    is_served,
    of,
    rollout,
    selects,
    served,
    uri_of,
)

pytestmark = pytest.mark.control_plane


@pytest.fixture
def kubelet(cluster: Cluster, operator: Operator, namespace: str) -> Iterator[Kubelet]:
    """Of a namespace in which the old version serves; the canary of another version is good."""
    with served(cluster, namespace, good) as found:
        yield found
        assert operator.is_running


@pytest.mark.usefixtures("kubelet")
def test_a_good_version_is_promoted(cluster: Cluster, namespace: str) -> None:
    before = deployment(cluster, namespace)
    assert (
        cluster.need(names.SERVICE, namespace, CANARY)["spec"]["selector"][contract.TRACK_LABEL] == "canary"
    )
    mark = cluster.mark()
    cluster.apply(of(namespace, NEW))
    eventually(lambda: uri_of(deployment(cluster, namespace, CANARY)) == NEW)
    assert deployment(cluster, namespace)["metadata"]["generation"] == before["metadata"]["generation"]
    eventually(lambda: selects(cluster, namespace) is None)
    assert cluster.conditions(namespace, NAME)["Available"]["status"] == "True"
    assert cluster.ready_reason(namespace, NAME).startswith("Canary")
    eventually(lambda: is_served(cluster, namespace, NEW))
    writes = cluster.writes(USER, namespace, mark)
    service, canary = names.SERVICE.item(namespace, NAME), names.DEPLOYMENT.item(namespace, CANARY)
    away = max(number for number, one in enumerate(writes) if one.startswith(f"patch {service}?"))
    gone = next(number for number, one in enumerate(writes) if one.startswith(f"delete {canary}"))
    assert away < gone  # No new request, and only then no pods.
    assert selects(cluster, namespace) == "stable"


def test_a_version_with_errors_is_ended_and_stays_so(
    cluster: Cluster, operator: Operator, namespace: str, kubelet: Kubelet
) -> None:
    before = deployment(cluster, namespace)
    kubelet.traffic = bad
    cluster.apply(of(namespace, NEW))
    eventually(lambda: is_ended(cluster, namespace))
    ready = cluster.conditions(namespace, NAME)["Ready"]
    assert (ready["status"], ready["reason"]) == ("False", "CanaryAborted")
    assert "aborted (Errors)" in ready["message"]
    assert "retry@" in ready["message"]
    eventually(operator.is_idle)
    mark = cluster.mark()
    cluster.apply(of(namespace, NEW))  # As GitOps does, again and again.
    operator.restart()
    assert cluster.writes(USER, namespace, mark) == []
    cluster.apply(of(namespace))
    eventually(lambda: is_served(cluster, namespace, OLD))
    assert deployment(cluster, namespace)["metadata"]["generation"] == before["metadata"]["generation"]


@pytest.mark.slow
@pytest.mark.usefixtures("kubelet")
def test_what_the_spec_says_of_no_pod_is_applied_at_once(cluster: Cluster, namespace: str) -> None:
    """While a canary runs, and without another one."""
    cluster.apply(of(namespace, NEW, LONG))
    eventually(lambda: rollout(cluster, namespace).get("phase") == "Stepping")
    since = rollout(cluster, namespace)["since"]
    cluster.apply(of(namespace, NEW, LONG, replicas=6, service={"port": 8000}))
    eventually(lambda: deployment(cluster, namespace)["spec"]["replicas"] == 6)
    assert uri_of(deployment(cluster, namespace)) == OLD
    assert cluster.need(names.SERVICE, namespace, NAME)["spec"]["ports"][0]["port"] == 8000
    assert cluster.need(names.SERVICE, namespace, CANARY)["spec"]["ports"][0]["port"] == 8000
    assert rollout(cluster, namespace)["since"] == since
    half = {**LONG, "steps": [{"weight": 50, "minutes": 60}]}
    cluster.apply(of(namespace, NEW, half, replicas=6))
    eventually(lambda: deployment(cluster, namespace, CANARY)["spec"]["replicas"] == 6)
    eventually(lambda: rollout(cluster, namespace)["weight"] == 50)


@pytest.mark.slow
@pytest.mark.usefixtures("kubelet")
def test_an_autoscaler_moves_the_stable_version_in_mid_canary_and_the_canary_follows(
    cluster: Cluster, namespace: str
) -> None:
    """From two to six and back; nothing begins anew, and the autoscaler's number stays the autoscaler's."""
    half = {**LONG, "steps": [{"weight": 50, "minutes": 60}]}
    scaling = {"autoscaling": {"minReplicas": 2, "maxReplicas": 8}}

    def sent(uri: str) -> Object:
        made = of(namespace, uri, half, **scaling)
        del made["spec"]["replicas"]
        return made

    cluster.apply(sent(OLD))
    eventually(lambda: cluster.get(names.AUTOSCALER, namespace, NAME))
    cluster.apply(sent(NEW))
    eventually(lambda: rollout(cluster, namespace).get("phase") == "Stepping")
    before = rollout(cluster, namespace)
    assert deployment(cluster, namespace, CANARY)["spec"]["replicas"] == 2
    for count in (6, 3):
        path = f"{names.DEPLOYMENT.item(namespace, NAME)}/scale"
        cluster.patch(
            path, {"spec": {"replicas": count}}
        )  # As the autoscaler does, which has no metrics here.
        eventually(lambda count=count: deployment(cluster, namespace, CANARY)["spec"]["replicas"] == count)  # type: ignore[misc]
        eventually(lambda count=count: deployment(cluster, namespace)["status"]["readyReplicas"] == count)  # type: ignore[misc]
    after = rollout(cluster, namespace)
    assert (after["phase"], after["step"], after["since"]) == ("Stepping", 1, before["since"])
    assert deployment(cluster, namespace)["spec"]["replicas"] == 3
    assert uri_of(deployment(cluster, namespace)) == OLD


@pytest.mark.slow
def test_a_canary_without_requests_waits_and_says_so(
    cluster: Cluster, namespace: str, kubelet: Kubelet
) -> None:
    cluster.apply(of(namespace))
    kubelet.traffic = lambda labels: Traffic(requests=0.0) if is_canary(labels) else GOOD
    cluster.apply(of(namespace, NEW))
    eventually(lambda: cluster.ready_reason(namespace, NAME) == "CanaryNoTraffic")
    assert rollout(cluster, namespace)["phase"] == "Stepping"
    assert uri_of(deployment(cluster, namespace)) == OLD
    annotate(cluster, namespace, "promote")
    eventually(lambda: is_served(cluster, namespace, NEW))


@pytest.mark.slow
@pytest.mark.usefixtures("kubelet")
def test_a_second_edit_replaces_the_canary_and_the_first_spec_ends_it(
    cluster: Cluster, namespace: str
) -> None:
    before = deployment(cluster, namespace)
    cluster.apply(of(namespace, NEW, LONG))
    eventually(lambda: rollout(cluster, namespace).get("phase") == "Stepping")
    first = rollout(cluster, namespace)["canaryRevision"]
    cluster.apply(of(namespace, NEWER, LONG))
    eventually(lambda: uri_of(deployment(cluster, namespace, CANARY)) == NEWER)
    eventually(lambda: rollout(cluster, namespace).get("phase") == "Stepping")
    assert rollout(cluster, namespace)["canaryRevision"] != first
    mark = cluster.mark()
    cluster.apply(of(namespace, OLD, LONG))
    eventually(lambda: is_served(cluster, namespace, OLD))
    assert deployment(cluster, namespace)["metadata"]["generation"] == before["metadata"]["generation"]
    written = names.DEPLOYMENT.item(namespace, CANARY)
    changed = [one for one in cluster.writes(USER, namespace, mark) if written in one]
    assert [one.split()[0] for one in changed] == ["delete"]  # It leaves as it was.


@pytest.mark.slow
@pytest.mark.usefixtures("kubelet")
def test_the_canary_serves_while_a_stable_deployment_that_somebody_deletes_is_made_again(
    cluster: Cluster, namespace: str
) -> None:
    cluster.apply(of(namespace, NEW, LONG))
    eventually(lambda: rollout(cluster, namespace).get("phase") == "Stepping")
    mark = cluster.mark()
    cluster.kubectl("delete", "deployment", NAME, "-n", namespace)
    eventually(lambda: is_served(cluster, namespace, NEW))
    writes = cluster.writes(USER, namespace, mark)
    service, canary = names.SERVICE.item(namespace, NAME), names.DEPLOYMENT.item(namespace, CANARY)
    made = next(number for number, one in enumerate(writes) if "/deployments" in one and CANARY not in one)
    away = max(number for number, one in enumerate(writes) if one.startswith(f"patch {service}?"))
    gone = next(number for number, one in enumerate(writes) if one.startswith(f"delete {canary}"))
    assert made < away < gone


@pytest.mark.slow
@pytest.mark.usefixtures("kubelet")
def test_what_a_person_says_of_a_revision(cluster: Cluster, namespace: str) -> None:
    cluster.apply(of(namespace, NEW, LONG))
    eventually(lambda: rollout(cluster, namespace).get("phase") == "Stepping")
    annotate(cluster, namespace, "pause")
    eventually(lambda: cluster.ready_reason(namespace, NAME) == "CanaryPaused")
    annotate(cluster, namespace, "")
    eventually(lambda: rollout(cluster, namespace).get("phase") == "Stepping")
    annotate(cluster, namespace, "abort")
    eventually(lambda: rollout(cluster, namespace).get("phase") == "Aborted")
    annotate(cluster, namespace, "retry")
    eventually(lambda: rollout(cluster, namespace).get("phase") == "Stepping")
    annotate(cluster, namespace, "promote")
    eventually(lambda: is_served(cluster, namespace, NEW))


@pytest.mark.slow
@pytest.mark.usefixtures("kubelet")
def test_a_model_that_sleeps_or_is_paused_or_deleted_in_the_middle(cluster: Cluster, namespace: str) -> None:
    cluster.apply(of(namespace, NEW, LONG))
    eventually(lambda: rollout(cluster, namespace).get("phase") == "Stepping")
    cluster.apply(of(namespace, NEW, LONG, replicas=0))
    eventually(lambda: cluster.ready_reason(namespace, NAME) == "ScaledToZero")
    eventually(lambda: deployment(cluster, namespace, CANARY)["spec"]["replicas"] == 0)
    assert uri_of(deployment(cluster, namespace)) == OLD
    cluster.apply(of(namespace, NEW, LONG))
    eventually(lambda: rollout(cluster, namespace).get("phase") == "Stepping")
    assert uri_of(deployment(cluster, namespace)) == OLD
    path = names.MODEL.item(namespace, NAME)
    cluster.patch(path, {"metadata": {"annotations": {contract.PAUSED_ANNOTATION: "true"}}})
    eventually(lambda: "Paused" in cluster.conditions(namespace, NAME))
    annotate(cluster, namespace, "promote")
    eventually(lambda: "Deployment" in cluster.conditions(namespace, NAME)["Paused"]["message"])
    assert uri_of(deployment(cluster, namespace)) == OLD
    cluster.kubectl("delete", "pdm", NAME, "-n", namespace)
    for name in (NAME, CANARY):
        eventually(lambda name=name: cluster.get(names.DEPLOYMENT, namespace, name) is None)  # type: ignore[misc]


@pytest.mark.slow
@pytest.mark.usefixtures("kubelet")
def test_an_operator_that_writes_templates_otherwise_replaces_no_pod(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    """As after an upgrade: what the version before had written has another name, and a field more."""
    live = deployment(cluster, namespace)
    operator.stop()
    metadata = {"name": NAME, "namespace": namespace, **owned_part(live, "metadata")}
    metadata["annotations"] |= {contract.TEMPLATE_ANNOTATION: "0123456789"}
    spec = owned_part(live, "spec")
    labels = (contract.REVISION_LABEL, contract.CANONICAL_REVISION_LABEL)
    spec["template"]["metadata"]["labels"] |= dict.fromkeys(labels, "0123456789")
    spec["template"]["spec"]["terminationGracePeriodSeconds"] = 77
    answer = cluster.http.patch(
        names.DEPLOYMENT.item(namespace, NAME),
        params={"fieldManager": names.FIELD_MANAGER, "force": "true"},
        content=json.dumps(
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
        ),
        headers={"Content-Type": "application/apply-patch+yaml"},
    )
    assert answer.is_success, answer.text
    eventually(lambda: deployment(cluster, namespace)["status"].get("updatedReplicas") == 2)
    older_generation = deployment(cluster, namespace)["metadata"]["generation"]
    operator.start()
    found = deployment(cluster, namespace)
    assert found["metadata"]["generation"] == older_generation != live["metadata"]["generation"]
    assert cluster.get(names.DEPLOYMENT, namespace, CANARY) is None
    cluster.apply(of(namespace, NEW))
    eventually(lambda: is_served(cluster, namespace, NEW))
    spec = deployment(cluster, namespace)["spec"]["template"]["spec"]
    assert spec["terminationGracePeriodSeconds"] != 77
