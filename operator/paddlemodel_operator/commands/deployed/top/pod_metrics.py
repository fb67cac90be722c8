"""The metrics of a pod as `paddlemodel top` uses them: the only file of it that imports prometheus-client."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from paddlemodel_api import contract
from prometheus_client.parser import text_string_to_metric_families

INFERENCE: Final = frozenset({"predict", "infer", "v1", "embeddings"})
"""The server's labels of the routes that run the model."""
DURATIONS: Final = "paddle_request_duration_seconds"
GAUGES: Final = (
    *contract.SCALING_METRICS,
    "paddle_queue_depth",
)
_RESIDENT: Final = "paddle_process_resident_memory_bytes"


@dataclass(frozen=True, kw_only=True)
class PodMetrics:
    """One reading of one pod, or what is added up of several."""

    gauges: Mapping[str, float] = field(default_factory=dict)
    """Numbers without labels, by name; absent where the pod does not export one."""
    requests: float | None = None
    """Answered since the server began, at the routes that run the model."""
    buckets: Mapping[float, float] = field(default_factory=dict)
    """How many of them took at most so many seconds."""
    memory: float | None = None
    """Bytes, of all processes."""


def read(page: str) -> PodMetrics:
    """The metrics on a page in Prometheus' text format.

    Raises:
        ValueError: it is none.
    """
    gauges: dict[str, float] = {}
    buckets: dict[float, float] = {}
    requests = memory = None
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if not sample.labels and sample.name in GAUGES and math.isfinite(sample.value):
                gauges[sample.name] = sample.value
            elif sample.name == _RESIDENT:
                memory = (memory or 0) + sample.value
            elif sample.labels.get("route") in INFERENCE and sample.name == f"{DURATIONS}_bucket":
                bound = float(sample.labels["le"])
                buckets[bound] = buckets.get(bound, 0) + sample.value
            elif sample.labels.get("route") in INFERENCE and sample.name == f"{DURATIONS}_count":
                requests = (requests or 0) + sample.value
    has_served = "paddle_inflight_requests" in gauges
    return PodMetrics(
        gauges=gauges,
        requests=requests if requests is not None or not has_served else 0.0,
        buckets=buckets,
        memory=memory,
    )


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a model, or a pod, does: over the time between two readings, and at the second one."""

    qps: float | None = None
    p95: float | None = None
    """Seconds."""
    inflight: float | None = None
    queued: float | None = None
    waited: float | None = None
    """Seconds that requests waited for a run lately."""
    busy: float | None = None
    """Share of time in which the workers ran the model."""
    gpu: float | None = None
    """Percent."""
    gpu_memory: float | None = None
    """Percent."""
    memory: float | None = None
    """Bytes."""


def load(before: Mapping[str, PodMetrics], after: Mapping[str, PodMetrics], seconds: float) -> Load:
    """The load of all pods together, each by its name; rates are of those that were read twice."""
    gained, buckets = 0.0, dict[float, float]()
    counted = [name for name, one in after.items() if name in before and one.requests is not None]
    for name in counted:
        first, second = before[name], after[name]
        if (first.requests or 0) > (second.requests or 0):
            first = PodMetrics()  # Its server has started again.
        gained += (second.requests or 0) - (first.requests or 0)
        for bound, count in second.buckets.items():
            buckets[bound] = buckets.get(bound, 0) + count - first.buckets.get(bound, 0)
    values = list(after.values())
    memory = [one.memory for one in values if one.memory is not None]
    return Load(
        qps=gained / seconds if counted and seconds > 0 else None,
        p95=quantile(0.95, buckets),
        inflight=_total(values, contract.INFLIGHT_METRIC),
        queued=_total(values, "paddle_queue_depth"),
        waited=_mean(values, contract.QUEUE_METRIC),
        busy=_mean(values, contract.BUSY_METRIC),
        gpu=_mean(values, contract.GPU_METRIC),
        gpu_memory=_mean(values, contract.GPU_MEMORY_METRIC),
        memory=sum(memory) if memory else None,
    )


def quantile(share: float, buckets: Mapping[float, float]) -> float | None:
    """As Prometheus' histogram_quantile: a straight line inside a bucket; None without observations.

    Source: https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
    """
    bounds = sorted(buckets)
    if not bounds or buckets[bounds[-1]] <= 0:
        return None
    rank, low, below = share * buckets[bounds[-1]], 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= rank:
            if math.isinf(bound):
                return low
            return low + (bound - low) * (rank - below) / (count - below)
        low, below = bound, count
    return low


def _total(pods: Sequence[PodMetrics], name: str) -> float | None:
    found = [one.gauges[name] for one in pods if name in one.gauges]
    return sum(found) if found else None


def _mean(pods: Sequence[PodMetrics], name: str) -> float | None:
    found = [one.gauges[name] for one in pods if name in one.gauges]
    return sum(found) / len(found) if found else None
