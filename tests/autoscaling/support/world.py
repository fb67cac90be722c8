"""One model under a real HorizontalPodAutoscaler: its Deployment and autoscaler as the operator renders them.

The operator itself does not run in most of these tests: what is looked at is how Kubernetes behaves under the
objects that it would apply. Pods are simulated (kubelet.py, simulated.py), everything else is real.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from paddlemodel_operator.base import names

from tests.autoscaling.support.kubelet import Kubelet
from tests.autoscaling.support.simulated import page
from tests.operator.support.builders import rendered
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.simulated_pods import Behaviour, SimulatedPod

Object = dict[str, Any]

NAME = "resnet50"
AT_ONCE: Object = {
    "scaleUp": {"stabilizationWindowSeconds": 0},
    "scaleDown": {"stabilizationWindowSeconds": 0},
}
"""No stabilisation: what the autoscaler thinks is what it does."""


@dataclass
class World:
    """A namespace with at most one model in it."""

    cluster: Cluster
    kubelet: Kubelet
    namespace: str

    def begin(self, *, replicas: int = 1, newborn: Behaviour | None = None, **autoscaling: Any) -> None:
        """Apply the Deployment, wait until its pods report, and only then the autoscaler."""
        self.start_pods(replicas, newborn if newborn is not None else page(gpu=70))
        self.autoscale(**autoscaling)

    def start_pods(self, replicas: int, newborn: Behaviour) -> None:
        self.say(newborn)
        deployment = self._rendered(names.DEPLOYMENT)
        deployment["spec"]["replicas"] = replicas
        self.cluster.apply(deployment)
        eventually(lambda: len(self.servers()) == replicas)

    def autoscale(self, **autoscaling: Any) -> None:
        desired = {"maxReplicas": 6, "gpuUtilization": 70, "behavior": AT_ONCE, **autoscaling}
        self.cluster.apply(self._rendered(names.AUTOSCALER, autoscaling=desired))

    def _rendered(self, kind: names.Kind, **fields: Any) -> Object:
        """As the operator renders it, without the owner, which does not exist here."""
        desired = {"device": "GPU", **fields}
        found: Object = rendered(kind, name=NAME, namespace=self.namespace, **desired)
        del found["metadata"]["ownerReferences"]
        return found

    def pods(self) -> list[Object]:
        """Those that run, in the order of their names."""
        found = self.cluster.all(names.POD, self.namespace)
        return [pod for pod in found if pod["status"]["phase"] == "Running"]

    def servers(self) -> list[SimulatedPod]:
        """What answers for the pods, in the same order."""
        known = self.kubelet.pods
        return [known[uid] for pod in self.pods() if (uid := pod["metadata"]["uid"]) in known]

    def say(self, *answers: Behaviour) -> None:
        """The first pods, by name, tell the first answers; the rest, and those to come, the last one."""
        self.kubelet.tell(self.namespace, *answers)

    def replicas(self) -> int:
        return int(self.cluster.need(names.DEPLOYMENT, self.namespace, NAME)["spec"]["replicas"])

    def rolled_out(self, count: int) -> bool:
        """So many pods, all of the newest template."""
        deployment = self.cluster.need(names.DEPLOYMENT, self.namespace, NAME)
        status = deployment["status"]
        seen = status.get("observedGeneration") == deployment["metadata"]["generation"]
        return bool(seen and status.get("updatedReplicas") == status.get("replicas") == count)

    def becomes(self, count: int, seconds: float = 90) -> None:
        """The autoscaler brings it there."""
        eventually(lambda: self.replicas() == count, seconds)

    def runs(self, count: int) -> None:
        """So many pods answer."""
        eventually(lambda: len(self.servers()) == count)

    def wait_syncs(self, times: int) -> None:
        """Wait until the autoscaler has asked about every pod so often again, or since the pod began.

        It asks once in a synchronisation: what has not happened after some of them is not going to happen.
        """
        before = {one.address: one.requests for one in self.servers()}

        def asked() -> bool:
            return all(one.requests - before.get(one.address, 0) >= times for one in self.servers())

        eventually(asked)

    def autoscaler(self, name: str = NAME) -> Object:
        return self.cluster.need(names.AUTOSCALER, self.namespace, name)

    def condition(self, kind: str, name: str = NAME) -> tuple[str, str]:
        """Status and reason of one of an autoscaler's conditions."""
        for one in self.autoscaler(name).get("status", {}).get("conditions", ()):
            if one["type"] == kind:
                return one["status"], one["reason"]
        return "", ""

    def message(self, kind: str = "ScalingActive") -> str:
        conditions = self.autoscaler().get("status", {}).get("conditions", ())
        return next((str(one["message"]) for one in conditions if one["type"] == kind), "")

    def is_active(self) -> bool:
        return self.condition("ScalingActive") == ("True", "ValidMetricFound")

    def average(self) -> str:
        """What the autoscaler last read of its first metric; empty before it has."""
        (first, *_) = self.autoscaler().get("status", {}).get("currentMetrics") or [{}]
        return str(first.get("pods", {}).get("current", {}).get("averageValue", ""))

    def failures(self) -> int:
        """How many synchronisations failed without a metric, from the autoscaler's own Events."""
        return sum(
            one.get("deprecatedCount") or 1
            for one in self.cluster.all(names.EVENT, self.namespace)
            if one["regarding"]["kind"] == names.AUTOSCALER.kind and one["reason"] == "FailedGetPodsMetric"
        )

    def failed(self, times: int) -> None:
        """Wait for further failing synchronisations."""
        start = self.failures()
        eventually(lambda: self.failures() - start >= times)

    @contextmanager
    def watched(self) -> Iterator[Callable[[], list[int]]]:
        """Afterwards, the values that replicas took, one after the other, from the API server's stream."""
        path = names.DEPLOYMENT.collection(self.namespace)
        start = self.cluster.http.get(path).raise_for_status().json()["metadata"]["resourceVersion"]
        first = self.replicas()

        def values() -> list[int]:
            return self._history(start, first)

        yield values

    def _history(self, start: str, first: int) -> list[int]:
        """Read until a mark of our own, so that it ends also where nothing has changed."""
        marked = {"metadata": {"annotations": {"example.com/seen-until": start}}}
        self.cluster.patch(names.DEPLOYMENT.item(self.namespace, NAME), marked)
        last = self.cluster.need(names.DEPLOYMENT, self.namespace, NAME)["metadata"]["resourceVersion"]
        seen = [first]
        query = {"watch": "true", "resourceVersion": start, "timeoutSeconds": "60"}
        path = names.DEPLOYMENT.collection(self.namespace)
        with self.cluster.http.stream("GET", path, params=query) as stream:
            for line in stream.iter_lines():
                found = json.loads(line)["object"]
                if found["metadata"]["name"] != NAME:
                    continue
                if found["spec"]["replicas"] != seen[-1]:
                    seen.append(found["spec"]["replicas"])
                if found["metadata"]["resourceVersion"] == last:
                    return seen
        raise AssertionError("the stream ended before the last change")
