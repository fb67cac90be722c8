"""What the operator measured when it scraped the pods of a model itself: frozen, in memory only; pure.

The prober makes `PodSamples`; the doctor and the status read them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.quantity import amount
from paddlemodel_operator.observe.autoscaler import Autoscaler
from paddlemodel_operator.observe.conditions import Condition, read_conditions

Object = Mapping[str, Any]

SETTLE_SECONDS: Final = 20.0
"""An autoscaler asks every 15 s: what it cannot read so long after a pod began to export it is missing."""

ENDED: Final = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeTrigger:
    """What makes the prober scrape at once, when it differs from the trigger of the last scrape."""

    active: str = ""
    """Status of the autoscaler's condition ScalingActive."""
    reason: str = ""
    """Reason of the same condition."""
    addresses: tuple[tuple[str, str], ...] = ()
    """The ready pods and their addresses; left out while the autoscaler works, for pods come and go."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PodSample:
    """What one ready pod reported."""

    name: str
    values: Mapping[str, float] = field(default_factory=dict)
    """Metrics without labels, by name."""
    nvml: str | None = None
    """State of NVIDIA's library in the pod; None if the pod does not report one."""
    error: str = ""
    """Why its metrics could not be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PodSamples:
    """All ready pods of a model, of whatever version."""

    trigger: ProbeTrigger = field(default_factory=ProbeTrigger)
    settled: bool = False
    """The first scrape for the same trigger is at least SETTLE_SECONDS older, or there was no pod."""
    pods: tuple[PodSample, ...] = ()
    readings: Mapping[str, float] = field(default_factory=dict)
    """What the autoscaler had read at that moment (`Autoscaler.readings`)."""

    def mean(self, metric: str) -> float | None:
        """Over the pods that export the metric; None if none does."""
        values = [pod.values[metric] for pod in self.pods if metric in pod.values]
        return sum(values) / len(values) if values else None


def probe_trigger(autoscaler: Autoscaler | None, pods: Iterable[Object]) -> ProbeTrigger:
    """The trigger that holds now."""
    active = autoscaler.active if autoscaler else Condition()
    ready = () if active.status == "True" else tuple(sorted(addresses(pods).items()))
    return ProbeTrigger(active=active.status, reason=active.reason, addresses=ready)


def addresses(pods: Iterable[Object]) -> dict[str, str]:
    """Where the ready pods answer, by name: from the API server, never from anything that a pod says."""
    found = {}
    for pod in pods:
        status = pod.get("status", {})
        ready = read_conditions(status).get("Ready", Condition()).status == "True"
        serves = contract.UPDATE_CHECK_LABEL not in pod["metadata"].get("labels", {})
        if ready and serves and status.get("podIP") and not pod["metadata"].get("deletionTimestamp"):
            found[pod["metadata"]["name"]] = status["podIP"]
    return found


def gpus_held(pods: Iterable[Object], resource: str) -> int:
    """GPUs that nobody else can use: of every pod on a node that has not ended, loading or not."""
    return sum(
        _gpus(pod, resource)
        for pod in pods
        if pod.get("spec", {}).get("nodeName") and pod.get("status", {}).get("phase") not in ENDED
    )


def _gpus(pod: Object, resource: str) -> int:
    """The server container's limit: the fetcher's are the same GPUs, held before the server starts."""
    for container in pod["spec"].get("containers", ()):
        if container["name"] == names.SERVER_CONTAINER:
            return int(amount(container.get("resources", {}).get("limits", {}).get(resource, 0)) or 0)
    return 0
