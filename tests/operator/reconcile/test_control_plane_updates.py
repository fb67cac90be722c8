"""New content, from the pod that looks to the pods that are replaced: a real API server and real controllers.

There is no kubelet: a test writes the pods' reports to their status, as a kubelet would. CronJobs are asked
to look at once, as a person may.
"""

import itertools
from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names

from tests.operator.support.builders import DIGEST, words
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.manifests import manifest, settled
from tests.operator.support.process import USER, Operator

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("operator")]

Object = dict[str, Any]
PLACE = "https://models.example.com/m.tar"
UPDATE = "ModelUpdateAvailable"
_hours = itertools.count(1)


def ended(name: str, report: str, code: int = 0) -> Object:
    """A container's status; each ends later than those before."""
    at = f"2026-01-01T{next(_hours):02}:00:00Z"
    state = {"terminated": {"exitCode": code, "finishedAt": at, "startedAt": at, "message": report}}
    return {
        "name": name,
        "image": "x",
        "imageID": "x",
        "restartCount": 0,
        "ready": code == 0,
        "state": state,
    }


def serving(revision: str) -> Object:
    running = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    server = {
        "name": "server",
        "image": "x",
        "imageID": "x",
        "restartCount": 0,
        "ready": True,
        "state": running,
    }
    return {
        "phase": "Running",
        "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}],
        "initContainerStatuses": [
            ended("fetch", words(digest=DIGEST, format="PIR", bytes=1, revision=revision))
        ],
        "containerStatuses": [server],
    }


def pods(cluster: Cluster, namespace: str, *, looking: bool) -> list[Object]:
    return [
        pod
        for pod in cluster.all(names.POD, namespace)
        if (contract.UPDATE_CHECK_LABEL in pod["metadata"]["labels"]) is looking
        and pod.get("status", {}).get("phase") == "Pending"
        and not pod["metadata"].get("deletionTimestamp")
    ]


def look(cluster: Cluster, namespace: str, report: str, code: int = 0) -> None:
    """One look, with what its fetcher says."""
    # Of two within a second, the CronJob's history keeps the one that is later in the order of names.
    job = f"look-{next(_hours):02}"
    cluster.kubectl("create", "job", job, "--from=cronjob/resnet50", "-n", namespace)
    (pod,) = eventually(lambda: pods(cluster, namespace, looking=True))
    phase = "Succeeded" if code == 0 else "Failed"
    cluster.set_pod_status(pod, {"phase": phase, "containerStatuses": [ended("check", report, code)]})


def serve(cluster: Cluster, namespace: str, revision: str) -> None:
    (pod,) = eventually(lambda: pods(cluster, namespace, looking=False))
    cluster.set_pod_status(pod, serving(revision))


def reason(cluster: Cluster, namespace: str) -> str:
    return str(cluster.conditions(namespace, "resnet50").get(UPDATE, {}).get("reason"))


def template(cluster: Cluster, namespace: str) -> Object:
    found: Object = cluster.need(names.DEPLOYMENT, namespace, "resnet50")["spec"]["template"]
    return found


def start(cluster: Cluster, operator: Operator, namespace: str, policy: str) -> None:
    """A model that serves revision v1, and whose CronJob never comes to its turn by itself."""
    cluster.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    model = {"uri": PLACE, "updatePolicy": policy, "checkMinutes": 1440, "credentials": {"secretName": "s"}}
    cluster.apply(manifest(namespace, model=model))
    settled(cluster, operator, namespace)
    serve(cluster, namespace, "v1")
    eventually(lambda: reason(cluster, namespace) == "NotChecked")


def complete(cluster: Cluster, namespace: str) -> bool:
    """The old pod is gone, and its controller has counted what is left."""
    status = cluster.need(names.MODEL, namespace, "resnet50")["status"]
    done = cluster.conditions(namespace, "resnet50")["Progressing"]["reason"] == "Complete"
    return done and (status["replicas"], status["readyReplicas"]) == (1, 1)


def test_notify_tells_and_replaces_nothing(cluster: Cluster, operator: Operator, namespace: str) -> None:
    start(cluster, operator, namespace, "Notify")
    before = template(cluster, namespace)
    look(cluster, namespace, words(revision="v1"))
    eventually(lambda: reason(cluster, namespace) == "UpToDate")
    look(cluster, namespace, words(revision="v2"))
    eventually(lambda: reason(cluster, namespace) == "NewContent")
    cluster.kubectl("wait", f"--for=condition={UPDATE}", "pdm/resnet50", "-n", namespace, "--timeout=60s")
    assert "has revision v2 now" in cluster.conditions(namespace, "resnet50")[UPDATE]["message"]
    look(cluster, namespace, words(reason="NotAllowed", message="The token is not allowed to."), code=1)
    eventually(lambda: reason(cluster, namespace) == "NotAllowed")
    assert cluster.ready_reason(namespace, "resnet50") == "Serving"  # whatever a look finds
    assert template(cluster, namespace) == before
    eventually(operator.is_idle)
    columns = cluster.kubectl("get", "pdm", "resnet50", "-n", namespace, "-o", "wide")
    assert "NotAllowed" in columns
    assert "v1" in columns


def test_auto_replaces_the_pods_once(cluster: Cluster, operator: Operator, namespace: str) -> None:
    start(cluster, operator, namespace, "Auto")
    look(cluster, namespace, words(revision="v1"))
    eventually(lambda: reason(cluster, namespace) == "UpToDate")
    assert "annotations" not in template(cluster, namespace)["metadata"]

    look(cluster, namespace, words(revision="v2"))
    eventually(lambda: reason(cluster, namespace) == "RollingOut")
    annotated = template(cluster, namespace)
    assert annotated["metadata"]["annotations"] == {contract.revision_annotation("model"): "v2"}
    serve(cluster, namespace, "v2")
    eventually(lambda: reason(cluster, namespace) == "UpToDate")
    assert cluster.need(names.MODEL, namespace, "resnet50")["status"]["model"]["revision"] == "v2"

    eventually(lambda: complete(cluster, namespace))
    eventually(operator.is_idle)
    mark = cluster.mark()
    operator.stop()
    operator.start()
    eventually(operator.is_idle)
    assert cluster.writes(USER, namespace, mark) == []

    # Nobody looks any more: the pods stay as they are, and the condition goes with the CronJob.
    model = {"uri": PLACE, "credentials": {"secretName": "s"}}
    cluster.apply(manifest(namespace, model=model))
    eventually(lambda: cluster.get(names.CRON_JOB, namespace, "resnet50") is None)
    eventually(lambda: UPDATE not in cluster.conditions(namespace, "resnet50"))
    assert template(cluster, namespace) == annotated
