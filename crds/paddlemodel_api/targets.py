"""What an autoscaler aims at, in the metrics that the pods export; pure.

The HorizontalPodAutoscaler, the ScaledObject, the doctor and the status all read the same list.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from paddlemodel_api import contract
from paddlemodel_api.scaling import Autoscaling

DEFAULT_PERCENT: Final = 70
CPU: Final = "cpu"


@dataclass(frozen=True, slots=True)
class Target:
    """One metric, and the average over the pods that the autoscaler keeps."""

    field: str
    """The field of spec.autoscaling, such as gpuUtilization."""
    metric: str
    """The name under which the pods export it, or cpu, which the kubelets measure."""
    scale: int
    """How many of the user's units are one of the metric's: 100 for a percentage of a ratio."""
    value: float
    """The target in the user's units."""

    @property
    def quantity(self) -> str:
        """The target in the metric's units, as Kubernetes writes a number, to a thousandth: 70, 700m."""
        thousandths = max(1, round(self.value * 1000 / self.scale))
        return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"

    @property
    def number(self) -> str:
        """The same as a decimal fraction, for KEDA: 70, 0.7."""
        return f"{max(0.001, self.value / self.scale):g}"


_METRICS: Final[Mapping[str, tuple[str, str, int]]] = {
    "gpu_utilization": ("gpuUtilization", contract.GPU_METRIC, 1),
    "gpu_memory": ("gpuMemory", contract.GPU_MEMORY_METRIC, 1),
    "busy_ratio": ("busyRatio", contract.BUSY_METRIC, 100),
    "inflight_per_replica": ("inflightPerReplica", contract.INFLIGHT_METRIC, 1),
    "queue_seconds": ("queueSeconds", contract.QUEUE_METRIC, 1),
    "cpu_utilization": ("cpuUtilization", CPU, 1),
}


def targets(scaling: Autoscaling, device: str) -> tuple[Target, ...]:
    """Those of the user, or the default of the device where there are neither targets nor raw metrics."""
    aims = dict(scaling.aims)
    if not aims and not scaling.metrics:
        aims["gpu_utilization" if device == "GPU" else "cpu_utilization"] = DEFAULT_PERCENT
    return tuple(Target(*_METRICS[field], value) for field, value in aims.items())
