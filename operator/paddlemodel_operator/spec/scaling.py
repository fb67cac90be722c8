"""How many pods serve the model when the load decides (`spec.autoscaling`)."""

from typing import Annotated, ClassVar, Literal, Protocol

from pydantic import Field

from paddlemodel_operator.spec.base import Block, Raw, Rule
from paddlemodel_operator.spec.serving import Resources

MetricsSource = Literal["builtin", "prometheusAdapter", "keda", "none"]
"""Who serves the pods' metrics to the autoscaler."""


class Autoscaling(Block):
    """A HorizontalPodAutoscaler on the model's Deployment."""

    min_replicas: Annotated[int, Field(ge=1, le=1000)] = Field(default=1, description="Pods at least.")
    max_replicas: Annotated[int, Field(ge=1, le=1000)] = Field(description="Pods at most.")
    gpu_utilization: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None,
        description="Percent of GPU use, averaged over the pods, that the autoscaler aims at; only on "
        "device GPU. "
        "Default: 70 on device GPU when neither cpuUtilization nor metrics is given.",
    )
    cpu_utilization: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None,
        description="Percent of the requested processor time, averaged over the pods, that the autoscaler "
        "aims at. "
        "Default: 70 on device CPU when no metrics are given.",
    )
    behavior: Raw | None = Field(
        default=None,
        description="HorizontalPodAutoscalerBehavior of autoscaling/v2, passed on as it is. Default: up by "
        "100 % or 2 "
        "pods a minute after 30 s, down by 50 % a minute after 300 s.",
    )
    metrics: Annotated[tuple[Raw, ...], Field(max_length=8)] | None = Field(
        default=None,
        description="More MetricSpecs of autoscaling/v2, passed on as they are; the largest wish wins. "
        "Default: none.",
    )
    rules: ClassVar = (
        Rule(
            cel="!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",
            holds=lambda block: block.min_replicas <= block.max_replicas,
            message="spec.autoscaling.minReplicas must not exceed maxReplicas: lower the one or raise the "
            "other",
        ),
        Rule(
            cel="!(has(self.gpuUtilization) && has(self.cpuUtilization))",
            holds=lambda block: block.gpu_utilization is None or block.cpu_utilization is None,
            message="spec.autoscaling.gpuUtilization and cpuUtilization exclude each other: keep one, "
            "and put further targets into metrics",
        ),
    )


def scaling_rules() -> tuple[Rule, ...]:
    """Belong to the spec, where replicas, device and resources are in sight."""
    return (
        Rule(
            cel="!(has(self.replicas) && has(self.autoscaling))",
            holds=lambda spec: spec.replicas is None or spec.autoscaling is None,
            message="spec.replicas and spec.autoscaling exclude each other: remove one (a value that "
            "kubectl scale "
            'wrote goes away with: kubectl patch pdm NAME --type merge -p \'{"spec":{"replicas":null}}\')',
        ),
        Rule(
            cel="!has(self.autoscaling) || !has(self.autoscaling.gpuUtilization) || self.device == 'GPU'",
            holds=lambda spec: (
                spec.autoscaling is None or spec.autoscaling.gpu_utilization is None or spec.device == "GPU"
            ),
            message="spec.autoscaling.gpuUtilization needs spec.device GPU: use cpuUtilization on device CPU",
            field="autoscaling",
        ),
        Rule(
            cel="!has(self.autoscaling) || !has(self.resources) || !(has(self.autoscaling.cpuUtilization) || "
            "(self.device == 'CPU' && !has(self.autoscaling.metrics))) || (has(self.resources.requests) && "
            "'cpu' in self.resources.requests) || (has(self.resources.limits) && 'cpu' in "
            "self.resources.limits)",
            holds=_has_processor_request,
            message="spec.autoscaling on processor use needs spec.resources.requests.cpu: set it, "
            "or leave out spec.resources to take the default",
            field="resources",
        ),
    )


class HasScaling(Protocol):
    """The part of the spec that the rules look at."""

    device: str
    autoscaling: Autoscaling | None
    resources: Resources | None


def _has_processor_request(spec: HasScaling) -> bool:
    scaling, resources = spec.autoscaling, spec.resources
    if scaling is None or resources is None:
        return True
    if scaling.cpu_utilization is None and not (spec.device == "CPU" and scaling.metrics is None):
        return True
    return "cpu" in (resources.requests or {}) or "cpu" in (resources.limits or {})
