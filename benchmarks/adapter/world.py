"""What the adapter meets: a real control plane with the pods of many models, and an address behind each pod.

No kubelet runs: the Pod objects are real, their reports are written by us, and what answers at their
addresses is one process that sends everybody the page of a real server.
"""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paddlemodel_operator.base import names

from benchmarks.adapter.pods import address
from tests.autoscaling.support.kubelet import running
from tests.operator.support.builders import rendered
from tests.operator.support.cluster import Cluster, eventually

NAMESPACES = 20
WRITERS = 8


@dataclass(frozen=True)
class Fleet:
    """So many models with so many pods each, spread over some namespaces."""

    models: int
    pods_per_model: int

    @property
    def pods(self) -> int:
        return self.models * self.pods_per_model

    def model(self, number: int) -> tuple[str, str]:
        """Namespace and name."""
        return f"team-{number % NAMESPACES}", f"model-{number}"


def fill(cluster: Cluster, fleet: Fleet) -> None:
    """Write every Pod as the operator would have it, and what its kubelet would report of it."""
    for number in range(NAMESPACES):
        cluster.kubectl("create", "namespace", f"team-{number}")
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda number: _write(cluster, fleet, number), range(fleet.pods)))


def _write(cluster: Cluster, fleet: Fleet, number: int) -> None:
    namespace, name = fleet.model(number // fleet.pods_per_model)
    template = rendered(names.DEPLOYMENT, name=name, namespace=namespace, device="GPU")["spec"]["template"]
    identity = {"name": f"{name}-{number % fleet.pods_per_model}", "namespace": namespace}
    pod = {
        "apiVersion": names.POD.api_version,
        "kind": names.POD.kind,
        "metadata": {**template["metadata"], **identity},
        "spec": template["spec"],
    }
    # Until its default service account exists, a new namespace refuses pods.
    eventually(lambda: cluster.http.post(names.POD.collection(namespace), json=pod).raise_for_status())
    cluster.set_pod_status(pod, running(address(number)))


@contextmanager
def answering(fleet: Fleet, page: Path) -> Iterator[None]:
    """The process behind the addresses, while this lasts."""
    command = [sys.executable, "-m", "benchmarks.adapter.pods", str(fleet.pods), str(page)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise SystemExit(
                    "the addresses of the pods could not be opened; is the benchmark running twice?"
                )
            yield
        finally:
            process.terminate()
