"""How load enters a status: what a person would care about, and no write for anything less."""

from typing import Any

import pytest
from paddlemodel_operator.observe.children import Observed
from paddlemodel_operator.observe.pod_samples import PodSample, PodSamples
from paddlemodel_operator.status.usage import gpu_column, gpu_status, scaling_status, settled

from tests.operator.support.builders import model

SHOWN: dict[str, tuple[float | None, float, float]] = {
    "the first number": (None, 3.4, 3.4),
    "a small step up": (50, 59, 50),
    "a small step down": (50, 41, 50),
    "a step up": (50, 60, 60),
    "a step down": (50, 40, 40),
    "nothing at all after a little": (8, 0, 0),
    "a little after nothing": (0, 8, 0),
    "something after nothing": (0, 10, 10),
}


@pytest.mark.parametrize(("before", "now", "shown"), SHOWN.values(), ids=SHOWN)
def test_a_number_is_shown_when_it_has_moved(before: float | None, now: float, shown: float) -> None:
    assert settled(before, now, 10) == shown


def test_a_flapping_number_comes_to_rest() -> None:
    """Whatever it was before, numbers within a step of each other are one number."""
    for start in (None, 0.0, 47.0, 100.0):
        shown, changes = start, 0
        for now in [44, 50, 53, 46, 52, 45] * 20:
            after = settled(shown, now, 10)
            changes, shown = changes + (after != shown), after
        assert changes <= 1


def status(samples: PodSamples | None, before: Any = None, **scaling: Any) -> Any:
    manifest = model(device="GPU", autoscaling={"maxReplicas": 3, **scaling})
    found = scaling_status(manifest, "builtin", samples, before or {})
    assert found is not None
    return found.model_dump(by_alias=True, exclude_none=True, mode="json")


def seen(**readings: float) -> PodSamples:
    return PodSamples(readings=readings)


RAW = {
    "type": "External",
    "external": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "1500m"}},
}
MEMORY = {
    "type": "Resource",
    "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 60}},
}


def test_every_target_has_its_metric_its_aim_and_what_was_read() -> None:
    samples = seen(paddle_gpu_utilization=63.25, paddle_busy_ratio=0.5, queue=2.0, memory=41.0)
    assert status(samples, gpuUtilization=70, busyRatio=60, queueSeconds=0.25, metrics=[RAW, MEMORY]) == {
        "source": "builtin",
        "targets": [
            {
                "name": "gpuUtilization",
                "metric": "paddle_gpu_utilization",
                "target": "70",
                "current": "63.25",
            },
            {"name": "busyRatio", "metric": "paddle_busy_ratio", "target": "60", "current": "50"},
            {"name": "queueSeconds", "metric": "paddle_queue_seconds", "target": "0.25"},
            {"name": "metrics[0]", "metric": "queue", "target": "1.5", "current": "2"},
            {"name": "metrics[1]", "metric": "memory", "target": "60", "current": "41"},
        ],
    }


def test_the_metrics_of_keda_are_told_apart_by_their_triggers() -> None:
    samples = PodSamples(readings={"s1-prometheus": 0.25, "s0-prometheus": 44.0, "cpu": 12.0})
    found = status(samples, gpuUtilization=70, busyRatio=60, cpuUtilization=50)
    assert [one["current"] for one in found["targets"]] == ["44", "25", "12"]


@pytest.mark.parametrize("raw", [{}, {"type": "Pods"}, {"type": 3, "pods": 4}, {"type": "Pods", "pods": []}])
def test_a_raw_metric_that_is_none_does_no_harm(raw: Any) -> None:
    """The API server refuses it in the autoscaler, and that is told."""
    (target,) = status(seen(), metrics=[raw])["targets"]
    assert target["name"] == "metrics[0]"


def test_a_small_move_of_a_target_s_metric_changes_nothing() -> None:
    first = status(seen(paddle_gpu_utilization=60))
    assert status(seen(paddle_gpu_utilization=66.9), {"autoscaling": first}) == first
    moved = status(seen(paddle_gpu_utilization=67), {"autoscaling": first})
    assert moved["targets"][0]["current"] == "67"


def test_what_was_shown_stays_until_the_first_probe_after_a_restart() -> None:
    first = status(seen(paddle_gpu_utilization=60))
    assert status(None, {"autoscaling": first}) == first


def test_what_was_shown_for_another_target_is_forgotten() -> None:
    first = status(seen(paddle_gpu_utilization=60))
    assert "current" not in status(None, {"autoscaling": first}, gpuUtilization=50)["targets"][0]


def test_a_metric_that_cannot_be_read_any_more_is_left_out() -> None:
    first = status(seen(paddle_gpu_utilization=60))
    assert "current" not in status(seen(), {"autoscaling": first})["targets"][0]


def pods(*utilizations: float) -> PodSamples:
    return PodSamples(
        pods=tuple(
            PodSample(name=f"pod-{index}", values={"paddle_gpu_utilization": value})
            for index, value in enumerate(utilizations)
        )
    )


@pytest.mark.parametrize(
    ("samples", "before", "utilization", "column"),
    [
        pytest.param(pods(100, 20), {}, 60, "4 at 60 %", id="the mean over the pods"),
        pytest.param(pods(0.4), {}, 0, "4 at 0 %", id="idle GPUs"),
        pytest.param(pods(), {}, None, "4", id="no pod tells it"),
        pytest.param(pods(66), {"gpu": {"utilization": 60}}, 60, "4 at 60 %", id="a small step"),
        pytest.param(None, {"gpu": {"utilization": 60}}, 60, "4 at 60 %", id="no samples yet"),
    ],
)
def test_gpus_and_their_use(
    samples: PodSamples | None, before: Any, utilization: int | None, column: str
) -> None:
    """Also for a model that states its replicas."""
    found = gpu_status(model(device="GPU"), Observed(gpus=4, samples=samples), before)
    assert found is not None
    assert (found.requested, found.utilization) == (4, utilization)
    assert gpu_column(found) == column


def test_on_the_processor_there_are_none() -> None:
    assert gpu_status(model(), Observed(), {}) is None
    assert gpu_column(None) is None
    assert scaling_status(model(), "builtin", None, {}) is None
