"""A rolling update at a real API server: its pods answer, or crash, as a test says of each version."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx
from paddlemodel_operator.base import names

from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.manifests import manifest
from tests.operator.support.rollout.rollouts import NAME, OLD, deployment, uri_of
from tests.operator.support.simulated_pods import now_text

Object = dict[str, Any]

BEGUN: Final = "2026-01-01T00:00:00Z"


def updated(namespace: str, uri: str = OLD, **fields: Any) -> Object:
    scaled = {} if "autoscaling" in fields else {"replicas": 2}
    return manifest(namespace, model={"uri": uri}, **{**scaled, **fields})


def _answers(pod: Mapping[str, Any]) -> Object:
    del pod
    return {"phase": "Running", "conditions": _conditions("True", now_text()), "containerStatuses": []}


def _crashes(pod: Mapping[str, Any]) -> Object:
    """It has never answered, and waits to be started for the fourth time."""
    image = pod["spec"]["containers"][0]["image"]
    server = {
        "name": names.SERVER_CONTAINER,
        "ready": False,
        "restartCount": 3,
        "image": image,
        "imageID": "",
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "message": "ValueError: planted"}},
    }
    return {"phase": "Running", "conditions": _conditions("False", BEGUN), "containerStatuses": [server]}


def _conditions(ready: str, since: str) -> list[Object]:
    return [
        {"type": "Initialized", "status": "True", "lastTransitionTime": BEGUN},
        {"type": "Ready", "status": ready, "lastTransitionTime": since},
    ]


class Versions:
    """Plays the kubelet of a namespace; pods of a version in `broken` crash."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace
        self.broken: set[str] = set()
        self._said: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.2):
            for pod in self._cluster.all(names.POD, self._namespace):
                uid = pod["metadata"]["uid"]
                if uid in self._said:
                    continue
                self._said.add(uid)
                status = (_crashes if _uri(pod) in self.broken else _answers)(pod)
                with contextlib.suppress(httpx.HTTPStatusError):  # It was deleted meanwhile.
                    self._cluster.set_pod_status(pod, status)


def _uri(pod: Mapping[str, Any]) -> str:
    return uri_of({"spec": {"template": pod}})


def pods(cluster: Cluster, namespace: str) -> dict[str, str]:
    """The version of each living pod, by its uid."""
    return {
        pod["metadata"]["uid"]: _uri(pod)
        for pod in cluster.all(names.POD, namespace)
        if "deletionTimestamp" not in pod["metadata"]
    }


def is_served(cluster: Cluster, namespace: str, uri: str) -> bool:
    """Ready, and by pods of this version alone."""
    live = deployment(cluster, namespace)
    assert cluster.ready_reason(namespace, NAME) == "Serving"
    assert live["status"].get("readyReplicas") == live["spec"]["replicas"]
    return uri_of(live) == uri and set(pods(cluster, namespace).values()) == {uri}


def is_given_up(cluster: Cluster, namespace: str, serving: str = OLD) -> bool:
    """No pod of the broken version is left, and all of the one before are there."""
    live = deployment(cluster, namespace)
    assert cluster.ready_reason(namespace, NAME) == "VersionGivenUp"
    assert live["status"].get("readyReplicas") == live["spec"]["replicas"]
    assert uri_of(live) == serving
    return set(pods(cluster, namespace).values()) == {serving}


@contextmanager
def served(cluster: Cluster, namespace: str, **fields: Any) -> Iterator[Versions]:
    """A namespace in which the old version serves."""
    found = Versions(cluster, namespace)
    found.start()
    try:
        cluster.apply(updated(namespace, **fields))
        eventually(lambda: is_served(cluster, namespace, OLD))
        yield found
    finally:
        found.close()
