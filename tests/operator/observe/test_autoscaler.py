"""What is read from a HorizontalPodAutoscaler, and from pods as the API server knows them."""

from typing import Any

import pytest
from paddlemodel_operator.base.quantity import amount
from paddlemodel_operator.observe.autoscaler import read_autoscaler
from paddlemodel_operator.observe.pod_samples import (
    PodSample,
    PodSamples,
    ProbeTrigger,
    addresses,
    gpus_held,
    probe_trigger,
)

Object = dict[str, Any]


def autoscaler(*metrics: Object, **active: str) -> Any:
    conditions = [{"type": "ScalingActive", "message": "m", **active}] if active else []
    found = read_autoscaler({"status": {"currentMetrics": list(metrics), "conditions": conditions}})
    assert found is not None
    return found


READINGS: dict[str, tuple[Object, dict[str, float]]] = {
    "a metric of pods": (
        {"type": "Pods", "pods": {"metric": {"name": "a"}, "current": {"averageValue": "62500m"}}},
        {"a": 62.5},
    ),
    "processor use": (
        {
            "type": "ContainerResource",
            "containerResource": {
                "name": "cpu",
                "container": "server",
                "current": {"averageUtilization": 41},
            },
        },
        {"cpu": 41.0},
    ),
    "KEDA's": (
        {"type": "External", "external": {"metric": {"name": "s0-x"}, "current": {"value": "7"}}},
        {"s0-x": 7.0},
    ),
    "one that could not be read": ({"type": ""}, {}),
    "one without a value": ({"type": "Pods", "pods": {"metric": {"name": "a"}, "current": {}}}, {}),
    "a value that is none": (
        {"type": "Pods", "pods": {"metric": {"name": "a"}, "current": {"averageValue": "much"}}},
        {},
    ),
}


@pytest.mark.parametrize(("metric", "readings"), READINGS.values(), ids=READINGS)
def test_what_an_autoscaler_has_read(metric: Object, readings: dict[str, float]) -> None:
    assert autoscaler(metric).readings == readings


@pytest.mark.parametrize("body", [{}, {"status": {}}, {"status": {"currentMetrics": None}}])
def test_an_autoscaler_that_has_not_evaluated_yet(body: Object) -> None:
    found = read_autoscaler(body)
    assert found is not None
    assert (found.readings, found.active) == ({}, ("", "", ""))


def pod(name: str, address: str = "10.0.0.1", *, ready: bool = True, **fields: Any) -> Object:
    status = {"podIP": address, "conditions": [{"type": "Ready", "status": str(ready)}]}
    metadata = {"name": name, **fields.pop("metadata", {})}
    return {"metadata": metadata, "status": {**status, **fields.pop("status", {})}, "spec": fields}


def test_only_ready_pods_are_asked_and_only_where_the_api_server_says() -> None:
    pods = [
        pod("b", "fd00::2"),
        pod("a"),
        pod("loading", ready=False),
        pod("leaving", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        pod("homeless", ""),
        {"metadata": {"name": "new"}},
    ]
    assert addresses(pods) == {"b": "fd00::2", "a": "10.0.0.1"}


def test_while_an_autoscaler_works_new_pods_are_no_trigger() -> None:
    """Else every scale-up would be probed pod by pod."""
    works = autoscaler(status="True", reason="ValidMetricFound")
    assert probe_trigger(works, [pod("a")]) == probe_trigger(works, [pod("a"), pod("b")])
    broken = autoscaler(status="False", reason="FailedGetPodsMetric")
    assert probe_trigger(broken, [pod("a")]) != probe_trigger(broken, [pod("a"), pod("b")])
    assert probe_trigger(broken, [pod("b"), pod("a")]) == probe_trigger(broken, [pod("a"), pod("b")])
    assert probe_trigger(broken, []) != probe_trigger(works, [])
    assert probe_trigger(None, []) == ProbeTrigger()


def limited(count: str, **fields: Any) -> Object:
    server = {"name": "server", "resources": {"limits": {"nvidia.com/gpu": count}}}
    return pod("a", nodeName="n", containers=[server, {"name": "sidecar"}], **fields)


def test_a_pod_holds_its_gpus_from_its_node_to_its_end() -> None:
    unscheduled = limited("8")
    del unscheduled["spec"]["nodeName"]
    pods = [
        limited("1", ready=False),
        limited("2", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        limited("4", status={"phase": "Failed"}),
        unscheduled,
    ]
    assert gpus_held(pods, "nvidia.com/gpu") == 3
    assert gpus_held(pods, "nvidia.com/mig-1g.10gb") == 0
    assert gpus_held([limited("1k")], "nvidia.com/gpu") == 1000


def test_the_mean_is_over_those_who_tell() -> None:
    pods = (
        PodSample(name="a", values={"x": 100.0}),
        PodSample(name="b", error="e"),
        PodSample(name="c", values={"x": 20.0}),
    )
    assert PodSamples(pods=pods).mean("x") == 60
    assert PodSamples(pods=pods).mean("y") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("500m", 0.5), ("2", 2), ("1Ki", 1024), ("1e3", 1000), ("", None), ("x", None), ("NaN", None)],
)
def test_a_quantity_is_a_number(text: str, value: float | None) -> None:
    assert amount(text) == value
