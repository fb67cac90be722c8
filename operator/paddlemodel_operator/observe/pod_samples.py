"""What the operator saw when it looked at the pods of a model itself: frozen, in memory only; pure.

`insight` makes a Look, the doctor and the status read it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from paddlemodel_operator.base import names
from paddlemodel_operator.base.quantity import amount
from paddlemodel_operator.observe.autoscaler import Autoscaler

Object = Mapping[str, Any]

SETTLE_SECONDS: Final = 20.0
"""An autoscaler asks every 15 s: what it could not read so long after a pod has told it is really missing."""

ENDED: Final = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Occasion:
    """Why to look at once, when it differs from that of the last look."""

    active: str = ""
    reason: str = ""
    """Of the autoscaler's condition ScalingActive."""
    addresses: tuple[tuple[str, str], ...] = ()
    """The ready pods and their addresses; left out while the autoscaler works, for pods come and go."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PodLook:
    """One ready pod."""

    name: str
    values: Mapping[str, float] = field(default_factory=dict)
    nvml: str | None = None
    error: str = ""
    """Why its metrics could not be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """All ready pods of a model, of whatever version."""

    occasion: Occasion = field(default_factory=Occasion)
    settled: bool = False
    """The look before, for the same occasion, is at least SETTLE_SECONDS older."""
    pods: tuple[PodLook, ...] = ()
    readings: Mapping[str, float] = field(default_factory=dict)
    """What the autoscaler had read at that moment (see autoscaler.py)."""

    def mean(self, metric: str) -> float | None:
        """Over the pods that tell it."""
        values = [pod.values[metric] for pod in self.pods if metric in pod.values]
        return sum(values) / len(values) if values else None


def occasion(autoscaler: Autoscaler | None, pods: Iterable[Object]) -> Occasion:
    """The present one."""
    status, reason, _ = autoscaler.active if autoscaler else ("", "", "")
    known = () if status == "True" else tuple(sorted(addresses(pods).items()))
    return Occasion(active=status, reason=reason, addresses=known)


def addresses(pods: Iterable[Object]) -> dict[str, str]:
    """Where the ready pods answer, by name: from the API server, never from anything that a pod says."""
    found = {}
    for pod in pods:
        status = pod.get("status", {})
        ready = any(
            one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ()
        )
        if ready and status.get("podIP") and not pod["metadata"].get("deletionTimestamp"):
            found[pod["metadata"]["name"]] = status["podIP"]
    return found


def gpus_held(pods: Iterable[Object], resource: str) -> int:
    """GPUs that are taken from everybody else: by every pod on a node that has not ended, loading or not."""
    return sum(
        _gpus(pod, resource)
        for pod in pods
        if pod.get("spec", {}).get("nodeName") and pod.get("status", {}).get("phase") not in ENDED
    )


def _gpus(pod: Object, resource: str) -> int:
    """Of the server's container: the fetcher's limits are the same GPUs, held before it starts."""
    for container in pod["spec"].get("containers", ()):
        if container["name"] == names.SERVER_CONTAINER:
            return int(amount(container.get("resources", {}).get("limits", {}).get(resource, 0)) or 0)
    return 0
