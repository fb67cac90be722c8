"""Cases for the doctor: a test states only what differs from an autoscaler that can read nothing."""

from typing import Any, NamedTuple

from paddlemodel_api.scaling import Autoscaling
from paddlemodel_api.targets import targets
from paddlemodel_operator.observe.autoscaler import Autoscaler
from paddlemodel_operator.observe.children import Observed
from paddlemodel_operator.observe.conditions import Condition
from paddlemodel_operator.observe.pod_samples import PodSample, PodSamples, ProbeTrigger
from paddlemodel_operator.registration.ownership import Registration, Service, State
from paddlemodel_operator.status.autoscaling_checks import Case

OWN = "paddlemodel-system/metrics-adapter"
THEIR_NAME = "monitoring/prometheus-adapter"
CUSTOM = "v1beta1.custom.metrics.k8s.io"
RESOURCES = "v1beta1.metrics.k8s.io"
EXTERNAL = "v1beta1.external.metrics.k8s.io"


def service(name: str, *, available: bool = True) -> Service:
    return Service(name=name, owner="a/b", available=available, message="" if available else "no endpoints")


def registered(state: State = State.OURS, *services: Service, owner: str = OWN, message: str = "") -> Any:
    return Registration(
        state=state, owner=owner, message=message, services={one.name: one for one in services}
    )


BUSY = PodSample(name="pod-a", values={"paddle_gpu_utilization": 80.0, "paddle_busy_ratio": 0.8}, nvml="ok")
MUTE = {"paddle_busy_ratio": 0.8}


def gpu_pod(nvml: str | None) -> PodSample:
    """A ready pod without a GPU metric."""
    return PodSample(name="pod-a", values=MUTE, nvml=nvml)


UNREAD = ProbeTrigger(active="False", reason="FailedGetPodsMetric")


def sampled(*pods: PodSample, settled: bool = True) -> PodSamples:
    return PodSamples(pods=pods, settled=settled, trigger=UNREAD)


def inactive(reason: str = "FailedGetPodsMetric", message: str = "unable to get metric") -> Autoscaler:
    return Autoscaler(
        conditions={
            "AbleToScale": Condition("True", "x", ""),
            "ScalingActive": Condition("False", reason, message),
        }
    )


def case(
    autoscaler: Autoscaler | None = None,
    samples: PodSamples | None = None,
    *,
    device: str = "GPU",
    scaling: Any = None,
    observed: dict[str, Any] | None = None,
    **fields: Any,
) -> Case:
    """A model that aims at GPU use, with the builtin adapter at work and an autoscaler that reads nothing."""
    manifest = Autoscaling.model_validate({"maxReplicas": 3, **(scaling or {})})
    seen = Observed(
        autoscaler=autoscaler or inactive(),
        trigger=UNREAD,
        samples=samples,
    )
    changed = {name: getattr(seen, name) for name in ("autoscaler", "trigger", "samples")} | (observed or {})
    defaults: dict[str, Any] = {"source": "builtin", "adapter": OWN, "registration": registered()}
    return Case(
        **{**defaults, "targets": targets(manifest, device), "observed": Observed(**changed), **fields},
    )


def keda(autoscaler: Autoscaler | None = None, samples: PodSamples | None = None, **fields: Any) -> Case:
    seen = {
        "scaled_object": {"Ready": Condition("True", "ScaledObjectReady", "ok")},
        **fields.pop("observed", {}),
    }
    fields.setdefault("registration", registered(State.ABSENT, service(EXTERNAL)))
    return case(autoscaler, samples, source="keda", observed=seen, **fields)


class Chain(NamedTuple):
    """A case, and what the doctor says."""

    case: Case
    status: str
    reason: str
    parts: tuple[str, ...]


CPU = {"cpuUtilization": 60}
NO_CPU = inactive("FailedGetContainerResourceMetric", "no resource metrics API")
WORKS = Autoscaler(
    conditions={"ScalingActive": Condition("True", "ValidMetricFound", "ok")},
    readings={"paddle_gpu_utilization": 63.0},
)
