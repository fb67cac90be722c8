"""The operator's own page for Prometheus, and the only file of it that imports prometheus-client.

It is served at /metrics beside /healthz. Labels are namespace and model, and a reason from the lists of the
conditions; a model that is gone takes its series along.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Metric,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from paddlemodel_operator.probing.model_records import Key, ModelRecord
from paddlemodel_operator.registration.ownership import Registration

LABELS: Final = ("namespace", "model")

Records = Callable[[], Mapping[Key, ModelRecord]]


class Telemetry:
    """Renders the present state of the records at every scrape."""

    def __init__(
        self,
        records: Records,
        registration: Callable[[], Registration | None],
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Leader(leads))
        self._registry.register(_Models(records))
        self._registry.register(_MetricsApi(registration))
        ProcessCollector(registry=self._registry)

    def page(self) -> tuple[bytes, str]:
        """The page in Prometheus' text format, and its media type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST


class _Models(Collector):
    def __init__(self, records: Records) -> None:
        self._records = records

    def collect(self) -> Iterable[Metric]:
        records = self._records()
        yield from _of_all(records)
        yield from _of_gpus({key: one for key, one in records.items() if one.gpus or one.held_seconds})


def _of_all(records: Mapping[Key, ModelRecord]) -> Iterable[Metric]:
    yield _condition(
        "paddlemodel_ready",
        "1 while a model is served, else 0; the reason is that of its condition.",
        {key: record.ready for key, record in records.items()},
    )
    yield _gauge(
        "paddlemodel_desired_replicas",
        "Pods that a model should have.",
        {key: record.desired_pods for key, record in records.items()},
    )
    yield _gauge(
        "paddlemodel_ready_pods",
        "Pods of a model that answer.",
        {key: record.ready_pods for key, record in records.items()},
    )
    yield _condition(
        "paddlemodel_autoscaling_active",
        "1 while the autoscaler of a model works, else 0; the reason is that of its condition.",
        {key: record.scaling for key, record in records.items()},
    )
    yield _counter(
        "paddlemodel_reconcile_errors",
        "Attempts to bring a model to its desired state that failed.",
        {key: record.errors for key, record in records.items()},
    )


def _of_gpus(records: Mapping[Key, ModelRecord]) -> Iterable[Metric]:
    """Only of models that hold or have held GPUs."""
    yield _gauge(
        "paddlemodel_gpus_requested",
        "GPUs that the pods of a model hold, busy or not.",
        {key: record.gpus for key, record in records.items()},
    )
    yield _gauge(
        "paddlemodel_gpu_utilization",
        "Percent, mean over the ready pods of a model; absent while none reports it.",
        {key: record.utilization for key, record in records.items() if record.utilization is not None},
    )
    yield _counter(
        "paddlemodel_gpu_requested_seconds",
        "GPU-seconds for which the pods of a model held a GPU, also while they fetched and loaded.",
        {key: record.held_seconds for key, record in records.items()},
    )
    yield _counter(
        "paddlemodel_gpu_used_seconds",
        "GPU-seconds in which the GPUs of a model computed.",
        {key: record.used_seconds for key, record in records.items()},
    )


class _MetricsApi(Collector):
    def __init__(self, registration: Callable[[], Registration | None]) -> None:
        self._registration = registration

    def collect(self) -> Iterable[Metric]:
        found = self._registration()
        family = GaugeMetricFamily(
            "paddlemodel_metrics_api_state",
            "Who serves custom.metrics.k8s.io: 1 for the state that holds.",
            labels=["state"],
        )
        if found is not None:
            family.add_metric([found.state], 1)
        yield family


class _Leader(Collector):
    def __init__(self, leads: Callable[[], bool]) -> None:
        self._leads = leads

    def collect(self) -> Iterable[Metric]:
        text = "1 in the operator that works, 0 in one that stands by."
        yield GaugeMetricFamily("paddlemodel_operator_leader", text, value=float(self._leads()))


def _condition(name: str, text: str, values: Mapping[Key, tuple[str, str] | None]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=(*LABELS, "reason"))
    for key, value in values.items():
        if value is not None:
            status, reason = value
            family.add_metric((*key, reason), float(status == "True"))
    return family


def _gauge(name: str, text: str, values: Mapping[Key, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=LABELS)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _counter(name: str, text: str, values: Mapping[Key, float]) -> Metric:
    family = CounterMetricFamily(name, text, labels=LABELS)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
