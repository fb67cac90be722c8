"""Plays the kubelet of every model's pods: Running and Ready as soon as they exist, each with its address.

The ReplicaSet controller is real and makes ordinary Pod objects; what a kubelet reports is written to their
status. A pod that no scheduler has bound is deleted at once, so there is nothing to do at its end.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from paddlemodel_operator.base import names

from tests.autoscaling.support.simulated import NETWORK
from tests.operator.support.cluster import Cluster
from tests.operator.support.simulated_pods import Behaviour, SimulatedPod, address

Object = dict[str, Any]


class Kubelet:
    """Watches pods in a thread of its own until `end`."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.pods: dict[str, SimulatedPod] = {}
        """What answers for each pod, by uid."""
        self._names: dict[str, tuple[str, str]] = {}
        self._newborn: dict[str, Behaviour] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="kubelet")
        self._thread.start()

    def tell(self, namespace: str, *answers: Behaviour) -> None:
        """Pods in the order of their names; the rest, and those to come, tell the last answer.

        In a namespace of which nothing was said nothing runs.
        """
        with self._lock:
            self._newborn[namespace] = answers[-1]
            mine = sorted((name, uid) for uid, (home, name) in self._names.items() if home == namespace)
            for number, (_, uid) in enumerate(mine):
                self.pods[uid].behave = answers[min(number, len(answers) - 1)]

    def end(self) -> None:
        self._ended.set()
        self._thread.join(timeout=180)
        self._bury(alive=set())
        assert self._fault is None, self._fault

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self._watch()
        except BaseException as fault:  # told by `end`, where a test can see it
            self._fault = fault
            raise

    def _watch(self) -> None:
        """One look at all pods, then their changes for a while."""
        query = {"labelSelector": names.CHILD_SELECTOR}
        listing = self.cluster.http.get(names.POD.collection(), params=query).raise_for_status().json()
        for pod in listing["items"]:
            self._look(pod)
        self._bury({pod["metadata"]["uid"] for pod in listing["items"]})
        watch = {**query, "watch": "true", "resourceVersion": listing["metadata"]["resourceVersion"]}
        with self._stream({**watch, "timeoutSeconds": "2"}) as lines:
            for line in lines:
                event = json.loads(line)
                if event["type"] == "DELETED":
                    self._close(event["object"]["metadata"]["uid"])
                elif event["type"] in {"ADDED", "MODIFIED"}:
                    self._look(event["object"])

    @contextmanager
    def _stream(self, query: dict[str, str]) -> Iterator[Iterator[str]]:
        with self.cluster.http.stream("GET", names.POD.collection(), params=query) as answer:
            yield answer.iter_lines()

    def _look(self, pod: Object) -> None:
        metadata = pod["metadata"]
        with self._lock:
            if metadata["uid"] in self.pods or metadata["namespace"] not in self._newborn:
                return
            started = SimulatedPod(self._newborn[metadata["namespace"]], address(NETWORK))
            self.pods[metadata["uid"]] = started
            self._names[metadata["uid"]] = metadata["namespace"], metadata["name"]
        try:
            self.cluster.set_pod_status(pod, running(started.address))
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 404:  # deleted meanwhile
                raise

    def _bury(self, alive: set[str]) -> None:
        for uid in set(self.pods) - alive:
            self._close(uid)

    def _close(self, uid: str) -> None:
        with self._lock:
            pod = self.pods.pop(uid, None)
            self._names.pop(uid, None)
        if pod is not None:
            pod.close()


def running(address: str) -> Object:
    """The report of a kubelet whose pod serves."""
    started = "2026-01-01T00:00:00Z"
    server: Object = {
        "name": names.SERVER_CONTAINER,
        "image": "x",
        "imageID": "x",
        "restartCount": 0,
        "ready": True,
        "started": True,
        "state": {"running": {"startedAt": started}},
    }
    conditions = [{"type": kind, "status": "True"} for kind in ("PodScheduled", "ContainersReady", "Ready")]
    return {
        "phase": "Running",
        "startTime": started,
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": conditions,
        "containerStatuses": [server],
    }
