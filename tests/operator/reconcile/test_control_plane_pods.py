"""What pods tell, and how it reaches the person: under a real API server and real controllers.

There is no kubelet: a test writes a pod's report to its status, as a kubelet would; the API is the same.
"""

from typing import Any

import pytest
from paddlemodel_operator.base import names

from tests.operator.support.builders import words
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.manifests import everything, manifest, settled
from tests.operator.support.process import Operator

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("operator")]

Object = dict[str, Any]


def test_events_tell_of_turns_only(cluster: Cluster, operator: Operator, namespace: str) -> None:
    cluster.apply(manifest(namespace))
    settled(cluster, operator, namespace)
    (pod,) = eventually(lambda: cluster.all(names.POD, namespace))
    cluster.set_pod_status(pod, READY_POD)
    eventually(lambda: cluster.ready_reason(namespace, "resnet50") == "Serving")
    eventually(operator.is_idle)
    events = [one for one in cluster.all(names.EVENT, namespace) if one["regarding"]["kind"] == "PaddleModel"]
    assert [one["reason"] for one in sorted(events, key=lambda one: one["eventTime"])] == [
        "Progressing",
        "Serving",
    ]


FETCHED = {
    "name": "fetch",
    "image": "x",
    "imageID": "x",
    "restartCount": 0,
    "ready": True,
    "state": {
        "terminated": {"exitCode": 0, "message": words(digest="sha256:" + "b" * 64, format="PIR", bytes=1)}
    },
}
READY_POD: Object = {
    "phase": "Running",
    "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}],
    "initContainerStatuses": [FETCHED],
    "containerStatuses": [
        {
            "name": "server",
            "image": "x",
            "imageID": "x",
            "restartCount": 0,
            "ready": True,
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        }
    ],
}


def test_a_ready_pod_makes_the_model_ready(cluster: Cluster, operator: Operator, namespace: str) -> None:
    cluster.apply(manifest(namespace))
    settled(cluster, operator, namespace)
    (pod,) = eventually(lambda: cluster.all(names.POD, namespace))
    cluster.set_pod_status(pod, READY_POD)
    cluster.kubectl("wait", "--for=condition=Ready", "pdm/resnet50", "-n", namespace, "--timeout=180s")
    status = eventually(
        lambda: (
            (found := cluster.need(names.MODEL, namespace, "resnet50")["status"])["readyReplicas"] and found
        )
    )
    assert status["model"]["digest"] == "sha256:" + "b" * 64
    assert status["columns"] == {"replicas": "1/1", "digest": "sha256:bbbbbbbbbbbb", "access": "Open"}


def test_a_model_that_outsiders_may_use_is_warned_of_once(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    """And no more once its Secret is named; the wide output shows both."""

    def warnings() -> list[Object]:
        return [one for one in cluster.all(names.EVENT, namespace) if one["reason"] == "Open"]

    def shown() -> list[str]:
        lines = cluster.kubectl("get", "pdm", "resnet50", "-n", namespace, "-o", "wide").splitlines()
        at = lines[0].index("ACCESS")
        return [line[at:].split("  ")[0].strip() for line in lines]

    cluster.apply(manifest(namespace, ingress={"host": "a.example.com"}))
    settled(cluster, operator, namespace)
    assert [(one["type"], one["regarding"]["kind"]) for one in eventually(warnings)] == [
        ("Warning", "PaddleModel")
    ]
    assert shown() == ["ACCESS", "Open"]
    jwt = {"issuer": "https://a", "audiences": ["b"], "keys": {"configMapName": "issuer"}}
    access = {"jwt": jwt, "rateLimits": [{"per": "Client", "requests": 9}]}
    cluster.apply(manifest(namespace, ingress={"host": "a.example.com"}, access=access))
    condition = eventually(
        lambda: (
            (found := cluster.conditions(namespace, "resnet50")["AccessConfigured"])["reason"] == "Pending"
            and found
        )
    )
    assert condition["status"] == "Unknown"
    eventually(operator.is_idle)
    assert shown() == ["ACCESS", "Tokens, Limits"]
    assert len(warnings()) == 1


def test_a_gpu_model_without_gpus_says_so(cluster: Cluster, operator: Operator, namespace: str) -> None:
    cluster.apply(manifest(namespace, device="GPU"))
    settled(cluster, operator, namespace)
    (pod,) = eventually(lambda: cluster.all(names.POD, namespace))
    sentence = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    pending = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": sentence}
    cluster.set_pod_status(pod, {"conditions": [pending]})
    eventually(lambda: cluster.ready_reason(namespace, "resnet50") == "NoGPU")
    assert sentence in cluster.conditions(namespace, "resnet50")["Ready"]["message"]


def test_a_quota_that_forbids_the_pods_is_told(cluster: Cluster, namespace: str) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": namespace},
        "spec": {"hard": {"pods": "0"}},
    }
    cluster.apply(quota)
    eventually(
        lambda: cluster.kubectl(
            "get", "resourcequota", "none", "-n", namespace, "-o", "jsonpath={.status.hard}"
        )
    )
    cluster.apply(manifest(namespace))
    eventually(lambda: cluster.ready_reason(namespace, "resnet50") == "QuotaExceeded")


def test_the_pods_satisfy_the_restricted_level(cluster: Cluster, namespace: str) -> None:
    """Pod Security admission of the real API server lets them in."""
    cluster.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    cluster.apply(everything(namespace))
    assert eventually(lambda: cluster.all(names.POD, namespace))
