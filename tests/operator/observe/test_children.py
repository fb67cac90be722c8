"""What is read from raw objects: the fields that matter, of the pods that count."""

from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.observe.children import Container, LiveObjects, observe

Object = dict[str, Any]


def deployment(**status: Any) -> Object:
    return {
        "metadata": {"name": "m", "namespace": "ml", "generation": 3},
        "spec": {
            "replicas": 2,
            "template": {"metadata": {"labels": {contract.REVISION_LABEL: "new"}}},
        },
        "status": status,
    }


def raw_pod(
    name: str = "a", revision: str = "new", created: str = "2026-01-01T00:00:00Z", **fields: Any
) -> Object:
    metadata = {"name": name, "labels": {contract.REVISION_LABEL: revision}, "creationTimestamp": created}
    return {"metadata": {**metadata, **fields.pop("metadata", {})}, "status": fields}


def test_only_living_pods_of_the_newest_version_count_in_order_of_age() -> None:
    pods = [
        raw_pod("young", created="2026-01-03T00:00:00Z"),
        raw_pod("old", created="2026-01-02T00:00:00Z"),
        raw_pod("previous", revision="old"),
        raw_pod("leaving", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        raw_pod("evicted", phase="Failed"),
    ]
    seen = observe(LiveObjects(deployment=deployment(), pods=pods))
    assert [pod.name for pod in seen.pods] == ["old", "young"]


def test_pods_of_another_deployment_of_the_model_do_not_count() -> None:
    """Of the same revision even: a pool on other hardware, say."""
    main = {contract.TRACK_LABEL: "stable"}
    found = deployment()
    found["spec"]["selector"] = {"matchLabels": main}
    labels = {contract.REVISION_LABEL: "new"}
    pods = [
        raw_pod("stable", metadata={"labels": {**labels, **main}}),
        raw_pod("canary", metadata={"labels": {**labels, contract.TRACK_LABEL: "canary"}}),
    ]
    assert [pod.name for pod in observe(LiveObjects(deployment=found, pods=pods)).pods] == ["stable"]


def test_a_deployment_of_the_past_is_not_current() -> None:
    seen = observe(LiveObjects(deployment=deployment(observedGeneration=2)))
    assert seen.workload is not None
    assert not seen.workload.current


def test_a_deployment_tells_its_counts_and_faults() -> None:
    conditions = [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"},
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"},
    ]
    counts = {"replicas": 3, "updatedReplicas": 2, "readyReplicas": 1}
    found = deployment(observedGeneration=3, conditions=conditions, **counts)
    seen = observe(LiveObjects(deployment=found)).workload
    assert seen is not None
    assert (seen.current, seen.desired, seen.replicas, seen.updated, seen.ready) == (True, 2, 3, 2, 1)
    assert (seen.replica_failure, seen.stuck) == ("exceeded quota", True)


def test_a_container_tells_its_last_end_while_it_runs_again() -> None:
    status = {
        "name": "server",
        "restartCount": 3,
        "ready": False,
        "state": {"running": {}},
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "message": "bye"}},
    }
    (pod,) = observe(LiveObjects(deployment=deployment(), pods=[raw_pod(containerStatuses=[status])])).pods
    assert pod.server == Container(
        running=True, restarts=3, exit_code=137, exit_reason="OOMKilled", exit_message="bye"
    )


@pytest.mark.parametrize(
    ("ready", "since", "was"),
    [
        ("False", "00", False),
        ("False", "05", False),
        ("False", "09", True),
        ("True", "07", True),
    ],
    ids=["never since it began", "of the second of its initialisation", "not any more", "now"],
)
def test_whether_a_pod_has_ever_answered(ready: str, since: str, *, was: bool) -> None:
    """A condition keeps its time while it keeps its status: the kubelet begins with False."""
    conditions = [
        {"type": kind, "status": status, "lastTransitionTime": f"2026-01-01T00:00:{at}Z"}
        for kind, status, at in (("Initialized", "True", "05"), ("Ready", ready, since))
    ]
    (pod,) = observe(LiveObjects(deployment=deployment(), pods=[raw_pod(conditions=conditions)])).pods
    assert pod.was_ready is was


def test_a_pod_that_says_nothing_of_itself_has_not_answered() -> None:
    (pod,) = observe(LiveObjects(deployment=deployment(), pods=[raw_pod()])).pods
    assert not pod.was_ready


def test_other_containers_are_none_of_our_business() -> None:
    status = {"name": "istio-proxy", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    (pod,) = observe(LiveObjects(deployment=deployment(), pods=[raw_pod(containerStatuses=[status])])).pods
    assert pod.server == Container()


def test_nothing_is_seen_as_nothing() -> None:
    seen = observe(LiveObjects())
    assert (seen.workload, seen.autoscaler, seen.pods) == (None, None, ())
    assert observe(LiveObjects(deployment=deployment(), autoscaler={"metadata": {}})).autoscaler is not None
