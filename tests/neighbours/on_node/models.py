"""Models on the node, each served while a test looks at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from devcluster.demo.paddlemodels import condition, is_ready, wait_for
from devcluster.target import Target
from tests.cluster.manifests import NAMESPACE, cpu_model
from tests.operator.support.cluster import eventually

Object = dict[str, Any]

HERE = f"--namespace={NAMESPACE}"


class Model:
    """One that is served, until the test ends."""

    def __init__(self, target: Target, name: str, manifest: Object) -> None:
        self.target = target
        self.name = name
        target.apply(manifest, namespace=NAMESPACE)
        wait_for(target, name, NAMESPACE, is_ready, "Ready")

    def wait_condition(self, status: str, reason: str) -> str:
        """Wait for the condition AutoscalingActive; its message."""

        def good(item: Object) -> bool:
            found = condition(item, "AutoscalingActive")
            return (found.get("status"), found.get("reason")) == (status, reason)

        item = wait_for(self.target, self.name, NAMESPACE, good, f"AutoscalingActive={status} {reason}")
        return str(condition(item, "AutoscalingActive")["message"])

    def becomes(self, replicas: int) -> None:
        """Wait until so many pods are ready, and wanted."""

        def there() -> bool:
            found = self.target.read("deployment", self.name, HERE)
            return bool(found["spec"]["replicas"] == found["status"].get("readyReplicas") == replicas)

        eventually(there, 240)

    def autoscalers(self) -> list[str]:
        return [one["metadata"]["name"] for one in self.target.read("hpa", HERE)["items"]]


@contextmanager
def served(target: Target, name: str, url: str, **spec: Any) -> Iterator[Model]:
    manifest = cpu_model(url, name)
    del manifest["spec"]["replicas"]
    manifest["spec"] |= spec
    try:
        yield Model(target, name, manifest)
    finally:
        target.kubectl("delete", f"pdm/{name}", HERE, "--wait")
