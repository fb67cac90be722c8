"""Which link between an autoscaler and one of its metrics is broken, and the cure; pure.

metrics API -> pods -> NVML, for the pods' own metrics; metrics-server for CPU use. `doctor` runs them for
each target that an autoscaler cannot read.
"""

from dataclasses import dataclass
from typing import Final

from paddlemodel_api import contract
from paddlemodel_api.targets import CPU, Target

from paddlemodel_operator.base import names
from paddlemodel_operator.observe.autoscaler import Autoscaler
from paddlemodel_operator.observe.children import Observed
from paddlemodel_operator.observe.conditions import Condition
from paddlemodel_operator.observe.pod_samples import PodSample, PodSamples
from paddlemodel_operator.registration.ownership import Registration, Service, State
from paddlemodel_operator.status.reports import Fault

PENDING: Final = "Pending"
GPU_METRICS: Final = frozenset({contract.GPU_METRIC, contract.GPU_MEMORY_METRIC})
INSTEAD: Final = "aim at busyRatio, inflightPerReplica or queueSeconds instead"


@dataclass(frozen=True, kw_only=True)
class Case:
    """Everything that the doctor decides by."""

    source: str
    """builtin, prometheusAdapter, keda or none."""
    targets: tuple[Target, ...]
    observed: Observed
    adapter: str = ""
    """The chart's, as namespace/name; empty where it installs none."""
    registration: Registration | None = None
    """None before the registrar's first round."""
    refused: Fault | None = None
    """Why the autoscaler could not be written."""

    @property
    def samples(self) -> PodSamples | None:
        """None where the last ones were for another trigger: they describe a state that is over."""
        samples = self.observed.samples
        return samples if samples is not None and samples.trigger == self.observed.trigger else None

    @property
    def autoscaler(self) -> Autoscaler:
        """The HorizontalPodAutoscaler, ours or KEDA's; one without conditions where there is none."""
        return self.observed.autoscaler or Autoscaler(conditions={})

    @property
    def kind(self) -> str:
        """What scales, for a person."""
        return names.SCALED_OBJECT.kind if self.source == "keda" else names.AUTOSCALER.kind


def broken(reason: str, message: str) -> Condition:
    """A link is broken until a person repairs it."""
    return Condition("False", reason, message.strip())


def pending(message: str) -> Condition:
    """Nothing is known to be wrong yet."""
    return Condition("Unknown", PENDING, message)


def broken_link(case: Case, target: Target) -> Condition | None:
    """The first broken link between the autoscaler and a target; None where none is found."""
    if target.metric == CPU:
        return _metrics_server_is_missing(case) or _no_pod_is_ready(case)
    return (
        _metrics_api_is_broken(case)
        or _no_pod_is_ready(case)
        or _no_pod_is_reached(case)
        or _no_pod_exports(case, target)
        or _series_is_missing(case, target)
    )


def _metrics_server_is_missing(case: Case) -> Condition | None:
    if case.registration is None:
        return None
    services = case.registration.group("metrics.k8s.io")
    if any(one.available for one in services):
        return None
    why = f"{services[0].name} is not available: {services[0].message}" if services else "it is not installed"
    return broken(
        "MetricsServerMissing",
        f"cpuUtilization needs metrics-server, which serves metrics.k8s.io; {why}. Install or repair it, or "
        f"{INSTEAD}.",
    )


def _metrics_api_is_broken(case: Case) -> Condition | None:
    found = case.registration
    if found is None:
        return None
    if case.source == "builtin":
        return _adapter_is_broken(case, found)
    if case.source == "keda":
        return _api_of(found.group("external.metrics.k8s.io"), "external.metrics.k8s.io", "repair KEDA")
    cure = "install or repair what serves it, or set autoscaling.metricsSource to builtin"
    return _api_of(found.group(names.CUSTOM_METRICS_GROUP), names.CUSTOM_METRICS_GROUP, cure)


def _adapter_is_broken(case: Case, found: Registration) -> Condition | None:
    result = None
    match found.state:
        case State.FOREIGN:
            result = broken(
                "MetricsAPIOwnedByOther",
                f"{found.owner or 'Another server'} serves custom.metrics.k8s.io, so the operator's adapter "
                "stands down: remove the other one, or set autoscaling.metricsSource to prometheusAdapter, "
                f"keda or none. {found.message}",
            )
        case State.ABSENT if not case.adapter:
            result = broken(
                "MetricsAPIMissing",
                "The chart has installed no metrics adapter: set its autoscaling.metricsSource to builtin, "
                "or the model's to what serves the metrics here.",
            )
        case State.ABSENT:
            result = broken(
                "MetricsAPIMissing",
                "custom.metrics.k8s.io is not registered yet; the operator registers its adapter once it "
                f"runs. {_logs(case)} {found.message}",
            )
        case State.OURS_UNAVAILABLE:
            result = broken(
                "MetricsAPIUnavailable",
                f"The metrics adapter does not answer; the number of pods stays as it is. {_logs(case)} "
                f"The API server says: {found.message}",
            )
    return result


def _api_of(services: list[Service], group: str, cure: str) -> Condition | None:
    if any(one.available for one in services):
        return None
    if not services:
        return broken("MetricsAPIMissing", f"No server is registered for {group}: {cure}.")
    one = services[0]
    return broken("MetricsAPIUnavailable", f"{one.name} does not answer: {cure}. {one.message}".strip())


def _no_pod_is_ready(case: Case) -> Condition | None:
    if case.samples is None or case.samples.pods:
        return None
    return Condition(
        "Unknown", "NoReadyPods", "No pod is ready, so none reports its load: the condition Ready says why."
    )


def _no_pod_is_reached(case: Case) -> Condition | None:
    if case.samples is None or any(not pod.error for pod in case.samples.pods):
        return None
    pod = case.samples.pods[0]
    return broken(
        "PodsUnreachable",
        f"Pod {pod.name} {pod.error}: allow the operator and what reads the metrics to reach the pods' port "
        f"{contract.ADMIN_PORT}, which a NetworkPolicy or the proxy of a service mesh may keep closed "
        "(docs/mesh.md).",
    )


def _no_pod_exports(case: Case, target: Target) -> Condition | None:
    if case.samples is None:
        return None
    pods = [pod for pod in case.samples.pods if not pod.error]
    if not pods or any(target.metric in pod.values for pod in pods):
        return None
    if target.metric in GPU_METRICS:
        failing = next((pod for pod in pods if pod.nvml not in {None, "ok", "loading"}), pods[0])
        if (found := _nvml(failing, target)) is not None:
            return found
    if not case.samples.settled:  # A utilisation follows the model by a second or two.
        return pending(f"Pod {pods[0].name} is ready, and has not reported {target.metric} yet.")
    return broken(
        "SeriesMissing",
        f"Pod {pods[0].name} is ready, but does not export {target.metric}: its server image may be older "
        "than the operator; check the chart's serverImages.",
    )


def _nvml(pod: PodSample, target: Target) -> Condition | None:
    """The state of NVIDIA's library in a pod that exports no GPU metric."""
    match pod.nvml:
        case "mig":
            return broken(
                "GPUMetricsOnMIG",
                f"The GPUs are MIG slices, for which NVIDIA's library reports no {target.field}: {INSTEAD}.",
            )
        case "library_missing":
            cause = "finds no libnvidia-ml.so.1: let NVIDIA's container runtime mount the driver with the "
            cure = "capability utility (runtimeClassName, NVIDIA_DRIVER_CAPABILITIES)"
        case "no_device":
            cause, cure = "sees no GPU of the model's", ": check the device plugin and the node's driver"
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


def _series_is_missing(case: Case, target: Target) -> Condition | None:
    """The pods export it, and still the autoscaler has not got it."""
    samples = case.samples
    if samples is None or not any(target.metric in pod.values for pod in samples.pods):
        return None
    if not samples.settled:
        return pending(f"The pods export {target.metric}; the autoscaler asks again within 15 s.")
    said = case.autoscaler.active.message
    cures = {
        "builtin": "the metrics adapter cannot read them: allow it to reach the pods' port "
        f"{contract.ADMIN_PORT} (NetworkPolicy). {_logs(case)}",
        "prometheusAdapter": f"prometheus-adapter has no series of it: no rule for {target.metric}, or "
        "Prometheus does not scrape the pods (both can take two minutes to show)",
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
