"""What the operator counts of each model, and the page on which Prometheus finds it."""

from typing import Any

import pytest
from paddlemodel_operator.probing.model_records import ModelRecord, ModelRecords
from paddlemodel_operator.probing.telemetry import Telemetry
from paddlemodel_operator.registration.ownership import Registration, State
from prometheus_client.parser import text_string_to_metric_families

KEY = ("ml", "resnet50")


def ticked(*ticks: tuple[float, int, dict[str, float | None]]) -> ModelRecord:
    """Scrapes: when, so many GPUs, and the busy seconds of each pod; None: it could not be reached."""
    record = ModelRecord()
    for now, gpus, pods in ticks:
        busy = {name: seconds for name, seconds in pods.items() if seconds is not None}
        record.tick(now, gpus, pods.keys(), busy)
    return record


COUNTS: dict[str, tuple[list[Any], float, float]] = {
    "nothing before the first scrape": ([(0, 2, {"a": 500})], 0, 0),
    "one pod": ([(0, 1, {"a": 500}), (60, 1, {"a": 530})], 60, 30),
    "two pods": ([(0, 2, {"a": 0, "b": 0}), (60, 2, {"a": 10, "b": 20})], 120, 30),
    "a pod that came between two scrapes": ([(0, 1, {"a": 0}), (60, 2, {"a": 10, "b": 5})], 90, 15),
    "a pod that went": ([(0, 2, {"a": 10, "b": 10}), (60, 1, {"a": 20})], 90, 10),
    "a pod that loads holds its GPU": ([(0, 1, {"a": None}), (60, 1, {"a": None})], 60, 0),
    "a server that started again": ([(0, 1, {"a": 100}), (60, 1, {"a": 8})], 60, 8),
    "a pod that could not be reached once": (
        [(0, 1, {"a": 100}), (60, 1, {"a": None}), (120, 1, {"a": 130})],
        120,
        30,
    ),
    "an old pod that could not be reached at first": (
        [(0, 1, {"a": None}), (60, 1, {"a": 900}), (120, 1, {"a": 910})],
        120,
        10,
    ),
    "a name that comes back is another pod": (
        [(0, 1, {"a": 100}), (60, 0, {}), (120, 1, {"a": 150})],
        60,
        150,
    ),
}


@pytest.mark.parametrize(("ticks", "held", "used"), COUNTS.values(), ids=COUNTS)
def test_gpu_seconds_survive_pods(ticks: list[Any], held: float, used: float) -> None:
    record = ticked(*ticks)
    assert (record.held_seconds, record.used_seconds) == (held, used)


def samples(records: ModelRecords) -> dict[tuple[str, str], float]:
    """By name and model; the process's own numbers left out."""
    page, media_type = Telemetry(records.all, lambda: None).page()
    assert media_type.startswith("text/plain")
    return {
        (one.name, one.labels["model"] + one.labels.get("reason", "")): one.value
        for family in text_string_to_metric_families(page.decode())
        for one in family.samples
        if one.labels.get("namespace") == "ml"
    }


def test_the_page_tells_each_model() -> None:
    records = ModelRecords()
    gpu = records.of(KEY)
    gpu.tick(0, 2, {"a"}, {"a": 5})
    gpu.tick(10, 2, {"a"}, {"a": 8})
    gpu.utilization, gpu.scaling = 31.5, ("False", "GPUMetricsOnMIG")
    cpu = records.of(("ml", "cpu"))
    cpu.ready, cpu.desired_pods, cpu.ready_pods, cpu.errors = ("True", "Serving"), 4, 3, 3
    assert samples(records) == {
        ("paddlemodel_gpus_requested", "resnet50"): 2,
        ("paddlemodel_gpu_utilization", "resnet50"): 31.5,
        ("paddlemodel_gpu_requested_seconds_total", "resnet50"): 20,
        ("paddlemodel_gpu_used_seconds_total", "resnet50"): 3,
        ("paddlemodel_autoscaling_active", "resnet50GPUMetricsOnMIG"): 0,
        ("paddlemodel_desired_replicas", "resnet50"): 0,
        ("paddlemodel_ready_pods", "resnet50"): 0,
        ("paddlemodel_reconcile_errors_total", "resnet50"): 0,
        ("paddlemodel_ready", "cpuServing"): 1,
        ("paddlemodel_desired_replicas", "cpu"): 4,
        ("paddlemodel_ready_pods", "cpu"): 3,
        ("paddlemodel_reconcile_errors_total", "cpu"): 3,
    }


@pytest.mark.parametrize(
    ("registration", "states"),
    [
        (None, []),
        (Registration(state=State.FOREIGN), ["Foreign"]),
        (Registration(state=State.OURS), ["Ours"]),
    ],
)
def test_who_answers_for_the_metrics_api(registration: Registration | None, states: list[str]) -> None:
    page, _ = Telemetry(ModelRecords().all, lambda: registration).page()
    families = {one.name: one for one in text_string_to_metric_families(page.decode())}
    found = families["paddlemodel_metrics_api_state"].samples
    assert [one.labels["state"] for one in found if one.value == 1] == states


def test_a_model_has_one_reason_at_a_time_and_goes_with_its_series() -> None:
    """Labels stay bounded however long the operator runs."""
    records = ModelRecords()
    for reason, status in [("Pending", "Unknown"), ("SeriesMissing", "False"), ("Active", "True")]:
        records.of(KEY).scaling = (status, reason)
    found = {name: value for name, value in samples(records).items() if "autoscaling" in name[0]}
    assert found == {("paddlemodel_autoscaling_active", "resnet50Active"): 1}
    records.forget(KEY)
    assert samples(records) == {}


@pytest.mark.parametrize("leads", [True, False])
def test_it_says_whether_this_one_leads(leads: bool) -> None:
    page, _ = Telemetry(ModelRecords().all, lambda: None, lambda: leads).page()
    assert f"paddlemodel_operator_leader {float(leads)}" in page.decode()
