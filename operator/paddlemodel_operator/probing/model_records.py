"""What the operator's own metrics say of each model, counted from the start of the process; pure.

A counter of GPU-seconds has to survive the pods that it is about, and pods' own counters die with them: their
sum falls whenever one goes, and every rate over it is wrong. So the increases of the pods' counters are added
up here; a restart of the operator starts at 0, which Prometheus knows to handle.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

Key = tuple[str, str]
"""Namespace and name."""


@dataclass(slots=True)
class ModelRecord:
    """The numbers of one model."""

    gpus: int = 0
    """GPUs that its pods hold now."""
    utilization: float | None = None
    """Percent, mean over the pods that report it; None while none does."""
    held_seconds: float = 0.0
    """GPU-seconds for which pods kept a GPU from others, also while they fetched and loaded."""
    used_seconds: float = 0.0
    """GPU-seconds in which it computed, by the pods' own count."""
    ready: tuple[str, str] | None = None
    """Status and reason of Ready; None before the first reconcile."""
    desired_pods: int = 0
    ready_pods: int = 0
    scaling: tuple[str, str] | None = None
    """Status and reason of AutoscalingActive; None without autoscaling."""
    errors: int = 0
    """Reconciles that failed."""
    _at: float | None = None
    _busy: dict[str, float] = field(default_factory=dict)
    _older: Set[str] = frozenset()
    """Pods that existed before our first probe, and have not been reached since."""

    def tick(self, now: float, gpus: int, pods: Set[str], busy: Mapping[str, float]) -> None:
        """Account for one probe of the pods.

        Args:
            now: seconds of a clock that never goes back.
            gpus: that the model's pods hold.
            pods: all pods of the model, by name.
            busy: busy GPU-seconds by the pods' own counters; a pod that was not reached is missing.
        """
        if self._at is None:
            self._older = pods
        else:
            # Pods came and went somewhere between the two probes: in the middle, on average.
            self.held_seconds += (now - self._at) * (self.gpus + gpus) / 2
        for pod, seconds in busy.items():
            before = self._busy.get(pod, seconds if pod in self._older else 0.0)
            # A counter that fell belongs to a server that has started again.
            self.used_seconds += seconds - before if seconds >= before else seconds
        known = {**self._busy, **busy}  # A pod that is not reached keeps its last number.
        self._busy = {pod: seconds for pod, seconds in known.items() if pod in pods}
        self._older = (self._older & pods) - busy.keys()
        self.gpus, self._at = gpus, now

    def release(self) -> None:
        """The model has no GPUs, or none any more."""
        self.gpus, self.utilization, self._at = 0, None, None


class ModelRecords:
    """One record per model; a model that is gone takes its own along, so labels stay bounded."""

    def __init__(self) -> None:
        self._records: dict[Key, ModelRecord] = {}

    def of(self, key: Key) -> ModelRecord:
        """The record of a model, made when it is first asked for."""
        return self._records.setdefault(key, ModelRecord())

    def forget(self, key: Key) -> None:
        """The model is gone."""
        self._records.pop(key, None)

    def all(self) -> dict[Key, ModelRecord]:
        """The records of all models, in the order of their names; for another thread, too, hence the copy."""
        return dict(sorted(self._records.copy().items()))
