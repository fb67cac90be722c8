"""How many pods serve the model when the load decides (`spec.autoscaling`)."""

from typing import Annotated, ClassVar, Final, Literal, Protocol

from pydantic import Field

from paddlemodel_api.base import Block, Raw, Rule
from paddlemodel_api.serving import Resources

MetricsSource = Literal["builtin", "prometheusAdapter", "keda", "none"]
"""Who serves the pods' metrics to the autoscaler."""

Percent = Annotated[int, Field(ge=1, le=100)]

TARGETS: Final = (
    "gpu_utilization",
    "gpu_memory",
    "busy_ratio",
    "inflight_per_replica",
    "queue_seconds",
    "cpu_utilization",
)
"""The fields that each name something to aim at, in the order in which the autoscaler gets them."""


class Autoscaling(Block):
    """A HorizontalPodAutoscaler on the model's Deployment.

    Of several targets the highest recommendation wins.
    """

    min_replicas: Annotated[int, Field(ge=1, le=1000)] = Field(default=1, description="Pods at least.")
    max_replicas: Annotated[int, Field(ge=1, le=1000)] = Field(description="Pods at most.")
    gpu_utilization: Percent | None = Field(
        default=None,
        description="Percent of GPU use, averaged over the pods, that the autoscaler aims at; only on "
        "device GPU. Default: 70 on device GPU when no other target and no metrics are given.",
    )
    gpu_memory: Percent | None = Field(
        default=None,
        description="Percent of GPU memory in use, averaged over the pods; only on device GPU. Paddle keeps "
        "memory that it has allocated, so this seldom falls. Default: none.",
    )
    busy_ratio: Percent | None = Field(
        default=None,
        description="Percent of the time in which a pod's model runs, averaged over the pods; also right on "
        "MIG slices, shared GPUs and the CPU. Default: none.",
    )
    inflight_per_replica: Annotated[int, Field(ge=1, le=100000)] | None = Field(
        default=None,
        description="Requests that a pod has accepted and not answered yet, averaged over the pods. "
        "Default: none.",
    )
    queue_seconds: Annotated[float, Field(gt=0, le=60)] | None = Field(
        default=None,
        description="Seconds that a request waits for the model, averaged over the pods and 30 s. "
        "Default: none.",
    )
    cpu_utilization: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None,
        description="Percent of the processor time that the server requests, averaged over the pods, that "
        "the autoscaler aims at. Default: 70 on device CPU when no other target and no metrics are given.",
    )
    behavior: Raw | None = Field(
        default=None,
        description="HorizontalPodAutoscalerBehavior of autoscaling/v2, passed on as it is and as a whole. "
        "Default: up by 100 % or 2 pods a minute after 30 s, down by 50 % a minute after 300 s.",
    )
    metrics: Annotated[tuple[Raw, ...], Field(max_length=8)] | None = Field(
        default=None,
        description="More MetricSpecs of autoscaling/v2, passed on as they are. Default: none.",
    )
    metrics_source: MetricsSource | None = Field(
        default=None,
        description="Who serves the pods' metrics: builtin (the operator's adapter), prometheusAdapter, "
        "keda (a ScaledObject in place of the HorizontalPodAutoscaler), or none (whatever serves "
        "custom.metrics.k8s.io). Default: the chart's autoscaling.metricsSource.",
    )
    rules: ClassVar = (
        Rule(
            cel="!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",
            holds=lambda block: block.min_replicas <= block.max_replicas,
            message="spec.autoscaling.minReplicas must not exceed maxReplicas: lower the one or raise the "
            "other",
        ),
        Rule(
            cel="!(has(self.metrics) && size(self.metrics) > 0 && has(self.metricsSource) && "
            "self.metricsSource == 'keda')",
            holds=lambda block: not (block.metrics and block.metrics_source == "keda"),
            message="spec.autoscaling.metrics are of autoscaling/v2 and have no place in KEDA's "
            "ScaledObject: remove them, or set metricsSource to builtin",
            field="metrics",
        ),
    )

    @property
    def aims(self) -> dict[str, int | float]:
        """What the user aims at, by field, in the order of TARGETS; without the raw metrics."""
        given = ((field, getattr(self, field)) for field in TARGETS)
        return {field: value for field, value in given if value is not None}


def scaling_rules() -> tuple[Rule, ...]:
    """Belong to the spec, where replicas, device and resources are in sight."""
    return (
        Rule(
            cel="!(has(self.replicas) && has(self.autoscaling))",
            holds=lambda spec: spec.replicas is None or spec.autoscaling is None,
            message="spec.replicas and spec.autoscaling exclude each other: remove one (a value that kubectl "
            "scale wrote goes away with: kubectl patch pdm NAME --type merge -p "
            '\'{"spec":{"replicas":null}}\')',
        ),
        _only_on_gpu("gpu_utilization", "gpuUtilization"),
        _only_on_gpu("gpu_memory", "gpuMemory"),
        Rule(
            cel="!has(self.autoscaling) || !has(self.resources) || !(has(self.autoscaling.cpuUtilization) || "
            "(self.device == 'CPU' && "
            "(!has(self.autoscaling.metrics) || size(self.autoscaling.metrics) == 0) && "
            "!has(self.autoscaling.busyRatio) && !has(self.autoscaling.inflightPerReplica) && "
            "!has(self.autoscaling.queueSeconds))) || "
            "(has(self.resources.requests) && 'cpu' in self.resources.requests) || "
            "(has(self.resources.limits) && 'cpu' in self.resources.limits)",
            holds=_has_processor_request,
            message="spec.autoscaling on processor use needs spec.resources.requests.cpu: set it, "
            "or leave out spec.resources to take the default",
            field="resources",
        ),
    )


class HasScaling(Protocol):
    """The part of the spec that the rules read."""

    device: str
    autoscaling: Autoscaling | None
    resources: Resources | None


def _only_on_gpu(field: str, camel: str) -> Rule:
    def holds(spec: HasScaling) -> bool:
        scaling = spec.autoscaling
        return scaling is None or getattr(scaling, field) is None or spec.device == "GPU"

    return Rule(
        cel=f"!has(self.autoscaling) || !has(self.autoscaling.{camel}) || self.device == 'GPU'",
        holds=holds,
        message=f"spec.autoscaling.{camel} needs spec.device GPU: use busyRatio or cpuUtilization on device "
        "CPU",
        field="autoscaling",
    )


def _has_processor_request(spec: HasScaling) -> bool:
    scaling, resources = spec.autoscaling, spec.resources
    if scaling is None or resources is None:
        return True
    by_default = spec.device == "CPU" and not scaling.metrics and not scaling.aims
    if scaling.cpu_utilization is None and not by_default:
        return True
    return "cpu" in (resources.requests or {}) or "cpu" in (resources.limits or {})
