"""Which link between an autoscaler and one of its metrics is broken, and the cure; pure.

metrics API -> pods -> NVML, for the pods' own metrics; metrics-server for processor use. `doctor` asks for
each target that an autoscaler cannot read.
"""

from dataclasses import dataclass
from typing import Final

from paddlemodel_api import contract
from paddlemodel_api.targets import CPU, Target

from paddlemodel_operator.base import names
from paddlemodel_operator.observe.autoscaler import Autoscaler
from paddlemodel_operator.observe.children import Observed
from paddlemodel_operator.observe.pod_samples import Look, PodLook
from paddlemodel_operator.registration.ownership import Registration, Service, State
from paddlemodel_operator.status.readiness_checks import Fault

PENDING: Final = "Pending"
GPU_METRICS: Final = frozenset({contract.GPU_METRIC, contract.GPU_MEMORY_METRIC})
INSTEAD: Final = "aim at busyRatio, inflightPerReplica or queueSeconds instead"


@dataclass(frozen=True, slots=True)
class Finding:
    """The condition AutoscalingActive before it gets its times."""

    status: str
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """Everything that the doctor may look at."""

    source: str
    """builtin, prometheusAdapter, keda or none."""
    targets: tuple[Target, ...]
    observed: Observed
    adapter: str = ""
    """The chart's, as namespace/name; empty where it installs none."""
    registration: Registration | None = None
    """None while nobody has read it."""
    refused: Fault | None = None
    """Why the autoscaler could not be written."""

    @property
    def look(self) -> Look | None:
        """None where the last one was for another occasion: it would tell of a world that is gone."""
        look = self.observed.look
        return look if look is not None and look.occasion == self.observed.occasion else None

    @property
    def autoscaler(self) -> Autoscaler:
        """The HorizontalPodAutoscaler, ours or KEDA's; one without conditions where there is none."""
        return self.observed.autoscaler or Autoscaler(conditions={})

    @property
    def kind(self) -> str:
        """What scales, for a person."""
        return names.SCALED_OBJECT.kind if self.source == "keda" else names.AUTOSCALER.kind


def broken(reason: str, message: str) -> Finding:
    """A link that somebody has to mend."""
    return Finding("False", reason, message.strip())


def pending(message: str) -> Finding:
    """Nothing is known to be wrong."""
    return Finding("Unknown", PENDING, message)


def broken_link(case: Case, target: Target) -> Finding | None:
    """None where no link is found broken."""
    if target.metric == CPU:
        return _metrics_server_is_missing(case) or _no_pod_is_ready(case)
    return (
        _metrics_api_is_broken(case)
        or _no_pod_is_ready(case)
        or _no_pod_is_reached(case)
        or _no_pod_exports(case, target)
        or _series_is_missing(case, target)
    )


def _metrics_server_is_missing(case: Case) -> Finding | None:
    if case.registration is None:
        return None
    services = case.registration.group("metrics.k8s.io")
    if any(one.available for one in services):
        return None
    why = f"{services[0].name} is not available: {services[0].message}" if services else "nobody serves it"
    return broken(
        "MetricsServerMissing",
        f"cpuUtilization needs metrics-server, which answers metrics.k8s.io; {why}. Install or repair it, or "
        f"{INSTEAD}.",
    )


def _metrics_api_is_broken(case: Case) -> Finding | None:
    found = case.registration
    if found is None:
        return None
    if case.source == "builtin":
        return _adapter_is_broken(case, found)
    if case.source == "keda":
        return _api_of(found.group("external.metrics.k8s.io"), "external.metrics.k8s.io", "repair KEDA")
    cure = "install or repair what serves it, or set autoscaling.metricsSource to builtin"
    return _api_of(found.group(names.CUSTOM_METRICS_GROUP), names.CUSTOM_METRICS_GROUP, cure)


def _adapter_is_broken(case: Case, found: Registration) -> Finding | None:
    finding = None
    match found.state:
        case State.FOREIGN:
            finding = broken(
                "MetricsAPIOwnedByOther",
                f"{found.owner or 'Somebody else'} serves custom.metrics.k8s.io, so the operator's adapter "
                "stands down: remove theirs, or set autoscaling.metricsSource to prometheusAdapter, keda or "
                f"none. {found.message}",
            )
        case State.ABSENT if not case.adapter:
            finding = broken(
                "MetricsAPIMissing",
                "The chart has installed no metrics adapter: set its autoscaling.metricsSource to builtin, "
                "or the model's to what serves the metrics here.",
            )
        case State.ABSENT:
            finding = broken(
                "MetricsAPIMissing",
                "Nobody has registered custom.metrics.k8s.io yet; the operator registers its adapter once it "
                f"runs. {_logs(case)} {found.message}",
            )
        case State.OURS_UNAVAILABLE:
            finding = broken(
                "MetricsAPIUnavailable",
                f"The metrics adapter does not answer; the number of pods stays as it is. {_logs(case)} "
                f"The API server says: {found.message}",
            )
    return finding


def _api_of(services: list[Service], group: str, cure: str) -> Finding | None:
    if any(one.available for one in services):
        return None
    if not services:
        return broken("MetricsAPIMissing", f"Nobody serves {group}: {cure}.")
    one = services[0]
    return broken("MetricsAPIUnavailable", f"{one.name} does not answer: {cure}. {one.message}".strip())


def _no_pod_is_ready(case: Case) -> Finding | None:
    if case.look is None or case.look.pods:
        return None
    return Finding(
        "Unknown", "NoReadyPods", "No pod is ready, so none tells its load: the condition Ready says why."
    )


def _no_pod_is_reached(case: Case) -> Finding | None:
    if case.look is None or any(not pod.error for pod in case.look.pods):
        return None
    pod = case.look.pods[0]
    return broken(
        "PodsUnreachable",
        f"Pod {pod.name} {pod.error}: allow the operator and what reads the metrics to reach the pods' port "
        f"{contract.ADMIN_PORT} (NetworkPolicy, service mesh).",
    )


def _no_pod_exports(case: Case, target: Target) -> Finding | None:
    if case.look is None:
        return None
    pods = [pod for pod in case.look.pods if not pod.error]
    if not pods or any(target.metric in pod.values for pod in pods):
        return None
    if target.metric in GPU_METRICS:
        told = next((pod for pod in pods if pod.nvml not in {None, "ok", "loading"}), pods[0])
        if (finding := _nvml(told, target)) is not None:
            return finding
    if not case.look.settled:  # A utilisation is there a second or two after the model.
        return pending(f"Pod {pods[0].name} is ready, and has not told {target.metric} yet.")
    return broken(
        "SeriesMissing",
        f"Pod {pods[0].name} is ready, but does not export {target.metric}: its server image may be older "
        "than the operator; look at the chart's serverImages.",
    )


def _nvml(pod: PodLook, target: Target) -> Finding | None:
    """What NVIDIA's library says in a pod, which is why the pod exports nothing."""
    match pod.nvml:
        case "mig":
            return broken(
                "GPUMetricsOnMIG",
                f"The GPUs are MIG slices, of which NVIDIA's library tells no {target.field}: {INSTEAD}.",
            )
        case "library_missing":
            cause = "finds no libnvidia-ml.so.1: let NVIDIA's container runtime mount the driver with the "
            cure = "capability utility (runtimeClassName, NVIDIA_DRIVER_CAPABILITIES)"
        case "no_device":
            cause, cure = "sees no GPU of the model's", ": look at the device plugin and the node's driver"
        case "failed":
            cause, cure = (
                "cannot read its GPU",
                ": see kubectl logs of it; the node's driver may need a restart",
            )
        case "loading":
            return pending(f"Pod {pod.name} has not measured its GPU yet.")
        case _:
            return None
    return broken(
        "GPUMetricsFailed",
        f"Pod {pod.name} {cause}{cure}. The number of pods stays as it is; or {INSTEAD}.",
    )


def _series_is_missing(case: Case, target: Target) -> Finding | None:
    """The pods export it, and still the autoscaler has not got it."""
    look = case.look
    if look is None or not any(target.metric in pod.values for pod in look.pods):
        return None
    if not look.settled:
        return pending(f"The pods export {target.metric}; the autoscaler asks again within 15 s.")
    said = case.autoscaler.active[2]
    cures = {
        "builtin": "the metrics adapter cannot read them: allow it to reach the pods' port "
        f"{contract.ADMIN_PORT} (NetworkPolicy). {_logs(case)}",
        "prometheusAdapter": f"prometheus-adapter has no series of it: no rule for {target.metric}, or "
        "Prometheus does not scrape the pods (both take up to two minutes to be noticed)",
        "keda": f"KEDA cannot read them: allow its operator to reach the pods' port {contract.ADMIN_PORT} "
        "(NetworkPolicy), and see its log",
        "none": f"what serves custom.metrics.k8s.io has no series of it: no rule for {target.metric}",
    }
    return broken(
        "SeriesMissing", f"The pods export {target.metric}, but {cures[case.source]}. It says: {said}".strip()
    )


def _logs(case: Case) -> str:
    namespace, _, name = case.adapter.partition("/")
    return f"See kubectl logs -n {namespace} deploy/{name}." if name else ""
