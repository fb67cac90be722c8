"""The chain from an autoscaler to the GPU, link by link: each case has one that is broken, and its cure."""

from paddlemodel_operator.base import names
from paddlemodel_operator.observe.autoscaler import Autoscaler
from paddlemodel_operator.observe.conditions import Condition
from paddlemodel_operator.observe.pod_samples import PodSample, PodSamples, ProbeTrigger
from paddlemodel_operator.registration.ownership import State
from paddlemodel_operator.status.reports import Fault

from tests.operator.support.cases import (
    BUSY,
    CPU,
    CUSTOM,
    EXTERNAL,
    NO_CPU,
    RESOURCES,
    THEIR_NAME,
    WORKS,
    Chain,
    case,
    gpu_pod,
    inactive,
    keda,
    registered,
    sampled,
    service,
)

CHAINS: dict[str, Chain] = {
    "an autoscaler at work": Chain(case(WORKS), "True", "Active", ("reads its metrics",)),
    "at work, with any owner of the API": Chain(
        case(WORKS, registration=registered(State.FOREIGN, owner=THEIR_NAME)), "True", "Active", ()
    ),
    "not written yet": Chain(
        case(observed={"autoscaler": None}), "Unknown", "Pending", ("is being created",)
    ),
    "refused": Chain(
        case(observed={"autoscaler": None}, refused=Fault("ChildInvalid", "spec.metrics[0]: x")),
        "False",
        "AutoscalerMissing",
        ("The HorizontalPodAutoscaler could not be written", "spec.metrics[0]: x"),
    ),
    "no evaluation yet": Chain(
        case(Autoscaler(conditions={})), "Unknown", "Pending", ("has not evaluated its metrics yet",)
    ),
    "no target to scale": Chain(
        case(Autoscaler(conditions={"AbleToScale": Condition("False", "FailedGetScale", "not found")})),
        "False",
        "FailedGetScale",
        ("not found",),
    ),
    "scaled to 0 by a person": Chain(
        case(inactive("ScalingDisabled", "scaling is disabled since the replica count is 0")),
        "False",
        "ScalingDisabled",
        ("scale it to 1",),
    ),
    "a second autoscaler": Chain(
        case(inactive("AmbiguousSelector", "pods by selector are controlled by multiple HPAs")),
        "False",
        "AmbiguousSelector",
        ("delete it", "multiple HPAs"),
    ),
    "no adapter installed": Chain(
        case(registration=registered(State.ABSENT, owner=""), adapter=""),
        "False",
        "MetricsAPIMissing",
        ("has installed no metrics adapter", "metricsSource"),
    ),
    "an adapter that is not registered": Chain(
        case(registration=registered(State.ABSENT, owner="", message="No pod is available.")),
        "False",
        "MetricsAPIMissing",
        ("registers its adapter once it runs", "No pod is available."),
    ),
    "an adapter that is down": Chain(
        case(registration=registered(State.OURS_UNAVAILABLE, message="no endpoints")),
        "False",
        "MetricsAPIUnavailable",
        ("kubectl logs -n paddlemodel-system deploy/metrics-adapter", "no endpoints", "stays as it is"),
    ),
    "an API of somebody else's": Chain(
        case(registration=registered(State.FOREIGN, owner=THEIR_NAME)),
        "False",
        "MetricsAPIOwnedByOther",
        (
            THEIR_NAME,
            "remove the other one, or set autoscaling.metricsSource to prometheusAdapter, keda or none",
        ),
    ),
    "no pod that is ready": Chain(
        case(samples=sampled()), "Unknown", "NoReadyPods", ("condition Ready says",)
    ),
    "pods behind a policy": Chain(
        case(samples=sampled(PodSample(name="pod-a", error="does not answer /metrics within 2 s"))),
        "False",
        "PodsUnreachable",
        ("Pod pod-a does not answer", "port 8081", "NetworkPolicy", "service mesh", "docs/mesh.md"),
    ),
    "one pod of two behind a policy": Chain(
        case(samples=sampled(PodSample(name="pod-b", error="x"), gpu_pod("failed"))),
        "False",
        "GPUMetricsFailed",
        (),
    ),
    "a MIG slice": Chain(
        case(samples=sampled(gpu_pod("mig"))), "False", "GPUMetricsOnMIG", ("gpuUtilization", "busyRatio")
    ),
    "no driver in the container": Chain(
        case(samples=sampled(gpu_pod("library_missing"))),
        "False",
        "GPUMetricsFailed",
        ("libnvidia-ml.so.1", "capability utility"),
    ),
    "no GPU in the container": Chain(
        case(samples=sampled(gpu_pod("no_device"))), "False", "GPUMetricsFailed", ("device plugin",)
    ),
    "a GPU that fell off the bus": Chain(
        case(samples=sampled(gpu_pod("failed"))),
        "False",
        "GPUMetricsFailed",
        ("driver may need a restart",),
    ),
    "a GPU that is not measured yet": Chain(
        case(samples=sampled(gpu_pod("loading"))), "Unknown", "Pending", ("has not measured",)
    ),
    "a server that does not know the metric": Chain(
        case(samples=sampled(gpu_pod("ok"))), "False", "SeriesMissing", ("server image may be older",)
    ),
    "a server from before all this": Chain(
        case(samples=sampled(gpu_pod(None))), "False", "SeriesMissing", ("serverImages",)
    ),
    "a pod that is ready and was not measured yet": Chain(
        case(samples=sampled(gpu_pod("ok"), settled=False)),
        "Unknown",
        "Pending",
        ("has not reported paddle_gpu_utilization yet",),
    ),
    "pods that have just begun to tell": Chain(
        case(samples=sampled(BUSY, settled=False)), "Unknown", "Pending", ("asks again within 15 s",)
    ),
    "an adapter behind a policy": Chain(
        case(samples=sampled(BUSY)),
        "False",
        "SeriesMissing",
        ("The pods export paddle_gpu_utilization", "allow it to reach", "unable to get metric"),
    ),
    "nobody has read the registration yet": Chain(
        case(registration=None), "False", "FailedGetPodsMetric", ("unable to get metric",)
    ),
    "samples for another trigger prove nothing": Chain(
        case(samples=PodSamples(pods=(gpu_pod("mig"),), trigger=ProbeTrigger(active="True"))),
        "False",
        "FailedGetPodsMetric",
        (),
    ),
    "prometheus-adapter is not there": Chain(
        case(source="prometheusAdapter", registration=registered(State.ABSENT)),
        "False",
        "MetricsAPIMissing",
        ("No server is registered for custom.metrics.k8s.io", "metricsSource to builtin"),
    ),
    "prometheus-adapter is down": Chain(
        case(
            source="prometheusAdapter",
            registration=registered(State.FOREIGN, service(CUSTOM, available=False)),
        ),
        "False",
        "MetricsAPIUnavailable",
        (CUSTOM, "no endpoints"),
    ),
    "prometheus-adapter without our rule": Chain(
        case(
            source="prometheusAdapter",
            registration=registered(State.FOREIGN, service(CUSTOM)),
            samples=sampled(BUSY),
        ),
        "False",
        "SeriesMissing",
        ("no rule for paddle_gpu_utilization", "Prometheus does not scrape"),
    ),
    "prometheus-adapter, but the pods tell nothing": Chain(
        case(
            source="prometheusAdapter",
            registration=registered(State.FOREIGN, service(CUSTOM)),
            samples=sampled(gpu_pod("mig")),
        ),
        "False",
        "GPUMetricsOnMIG",
        (),
    ),
    "somebody's own adapter without our metric": Chain(
        case(source="none", registration=registered(State.FOREIGN, service(CUSTOM)), samples=sampled(BUSY)),
        "False",
        "SeriesMissing",
        ("what serves custom.metrics.k8s.io has no series",),
    ),
    "no metrics-server": Chain(
        case(NO_CPU, device="CPU", registration=registered(State.OURS)),
        "False",
        "MetricsServerMissing",
        ("it is not installed", "busyRatio"),
    ),
    "a metrics-server that is down": Chain(
        case(NO_CPU, scaling=CPU, registration=registered(State.OURS, service(RESOURCES, available=False))),
        "False",
        "MetricsServerMissing",
        (RESOURCES, "no endpoints"),
    ),
    "a metrics-server that has not measured the pods yet": Chain(
        case(NO_CPU, sampled(BUSY), scaling=CPU, registration=registered(State.OURS, service(RESOURCES))),
        "False",
        "FailedGetContainerResourceMetric",
        ("no resource metrics API",),
    ),
    "metrics of the user's own": Chain(
        case(inactive("FailedGetExternalMetric", "no queue"), scaling={"metrics": [{"type": "External"}]}),
        "False",
        "FailedGetExternalMetric",
        ("no queue",),
    ),
    "one of two targets cannot be read": Chain(
        case(
            Autoscaler(conditions=WORKS.conditions, readings={"paddle_busy_ratio": 0.5}),
            PodSamples(
                pods=(gpu_pod("mig"),), trigger=ProbeTrigger(active="False", reason="FailedGetPodsMetric")
            ),
            scaling={"gpuUtilization": 70, "busyRatio": 60},
        ),
        "True",
        "Active",
        ("cannot read gpuUtilization", "does not lower the number of pods", "MIG"),
    ),
    "no KEDA": Chain(
        keda(observed={"missing": (names.SCALED_OBJECT,), "autoscaler": None, "scaled_object": None}),
        "False",
        "KEDAMissing",
        ("install KEDA, or set autoscaling.metricsSource to builtin",),
    ),
    "KEDA has not started": Chain(
        keda(observed={"scaled_object": {}, "autoscaler": None}),
        "Unknown",
        "Pending",
        ("KEDA's operator runs",),
    ),
    "KEDA refuses": Chain(
        keda(
            observed={
                "scaled_object": {"Ready": Condition("False", "ScaledObjectCheckFailed", "bad trigger")}
            }
        ),
        "False",
        "ScaledObjectCheckFailed",
        ("bad trigger",),
    ),
    "KEDA has made no autoscaler yet": Chain(
        keda(observed={"autoscaler": None}), "Unknown", "Pending", ("KEDA is making",)
    ),
    "KEDA is paused by a person": Chain(
        keda(
            observed={
                "scaled_object": {
                    "Ready": Condition("True", "ScaledObjectReady", "ok"),
                    "Paused": Condition("True", "ScaledObjectPaused", "paused"),
                },
                "autoscaler": None,
            }
        ),
        "False",
        "ScaledObjectPaused",
        ("annotation of the ScaledObject: remove it",),
    ),
    "the ScaledObject is refused": Chain(
        keda(observed={"scaled_object": None}, refused=Fault("AdmissionDenied", "vscaledobject denied")),
        "False",
        "AutoscalerMissing",
        ("The ScaledObject could not be written. vscaledobject denied",),
    ),
    "KEDA's API is down": Chain(
        keda(registration=registered(State.ABSENT, service(EXTERNAL, available=False))),
        "False",
        "MetricsAPIUnavailable",
        (EXTERNAL, "repair KEDA"),
    ),
    "KEDA behind a policy": Chain(
        keda(inactive("FailedGetExternalMetric", "unable"), sampled(BUSY)),
        "False",
        "SeriesMissing",
        ("KEDA cannot read them", "NetworkPolicy"),
    ),
    "KEDA at work": Chain(
        keda(
            Autoscaler(conditions=WORKS.conditions, readings={"s0-metric-api-paddle_gpu_utilization": 40.0})
        ),
        "True",
        "Active",
        ("reads its metrics",),
    ),
}
