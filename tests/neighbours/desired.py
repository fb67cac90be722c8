"""A model as its user has it: a PaddleModel and the operator's process; its pods tell what a test says."""

from dataclasses import dataclass
from typing import Any

from paddlemodel_operator.base import names

from tests.autoscaling.support.world import AT_ONCE, NAME, World
from tests.operator.support.cluster import eventually
from tests.operator.support.manifests import manifest
from tests.operator.support.simulated_pods import Behaviour

Object = dict[str, Any]

MOST = 3
#: Two devices in each pod, so that a mean over a pod's devices is one of several.
GPU: Object = {"device": "GPU", "gpu": {"count": 2}}


@dataclass
class Desired(World):
    """In a namespace of its own; the rest is World's."""

    def manifest(self, newborn: Behaviour, **autoscaling: Any) -> None:
        """Apply the PaddleModel; pods that come tell `newborn`."""
        self.say(newborn)
        scaling = {"maxReplicas": MOST, "behavior": AT_ONCE, **autoscaling}
        self.cluster.apply(manifest(self.namespace, NAME, **GPU, autoscaling=scaling))

    def change(self, **autoscaling: Any) -> None:
        """Merge into `spec.autoscaling`, as `kubectl patch` does."""
        self.cluster.patch(names.MODEL.item(self.namespace, NAME), {"spec": {"autoscaling": autoscaling}})

    def autoscaling(self) -> tuple[str, str]:
        """Status and reason of the model's condition AutoscalingActive."""
        found = self.cluster.conditions(self.namespace, NAME).get("AutoscalingActive", {})
        return str(found.get("status")), str(found.get("reason"))

    def sentence(self) -> str:
        """The condition's message."""
        return str(self.cluster.conditions(self.namespace, NAME)["AutoscalingActive"]["message"])

    def wait_condition(self, status: str, reason: str) -> None:
        """Wait for a condition; the doctor looks at every event and from time to time."""
        eventually(lambda: self.autoscaling() == (status, reason), 180)
