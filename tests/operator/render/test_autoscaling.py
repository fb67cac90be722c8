"""The autoscaler as it is rendered, and who then states the number of pods."""

from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import SpecError
from paddlemodel_operator.settings import Settings

from tests.operator.support.builders import rendered
from tests.operator.support.expected import METADATA


def test_the_gpu_autoscaler() -> None:
    assert rendered(names.AUTOSCALER, device="GPU", autoscaling={"maxReplicas": 6}) == {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": METADATA,
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "resnet50"},
            "minReplicas": 1,
            "maxReplicas": 6,
            "metrics": [
                {
                    "type": "Pods",
                    "pods": {
                        "metric": {"name": "paddle_gpu_utilization"},
                        "target": {"type": "AverageValue", "averageValue": "70"},
                    },
                }
            ],
            "behavior": {
                "scaleUp": {
                    "stabilizationWindowSeconds": 30,
                    "selectPolicy": "Max",
                    "policies": [
                        {"type": "Percent", "value": 100, "periodSeconds": 60},
                        {"type": "Pods", "value": 2, "periodSeconds": 60},
                    ],
                },
                "scaleDown": {
                    "stabilizationWindowSeconds": 300,
                    "selectPolicy": "Max",
                    "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
                },
            },
        },
    }


OTHER = {
    "type": "External",
    "external": {"metric": {"name": "queue"}, "target": {"type": "Value", "value": "5"}},
}


def cpu(percent: int) -> Any:
    target = {"type": "Utilization", "averageUtilization": percent}
    part = {"name": "cpu", "container": "server", "target": target}
    return {"type": "ContainerResource", "containerResource": part}


def pods(metric: str, average: str) -> Any:
    target = {"type": "AverageValue", "averageValue": average}
    return {"type": "Pods", "pods": {"metric": {"name": metric}, "target": target}}


def gpu(percent: str) -> Any:
    return pods("paddle_gpu_utilization", percent)


SPECS: dict[str, tuple[str, Any, Any]] = {
    "on the processor its use is the default": ("CPU", {}, [cpu(70)]),
    "no metrics are no metrics of the user": ("GPU", {"metrics": []}, [gpu("70")]),
    "the target is the user's": ("CPU", {"cpuUtilization": 50}, [cpu(50)]),
    "GPU use is an average value of pods": ("GPU", {"gpuUtilization": 85}, [gpu("85")]),
    "a GPU model may scale by processor use": ("GPU", {"cpuUtilization": 60}, [cpu(60)]),
    "GPU memory": ("GPU", {"gpuMemory": 80}, [pods("paddle_gpu_memory_utilization", "80")]),
    "a share of time is a ratio": ("CPU", {"busyRatio": 65}, [pods("paddle_busy_ratio", "650m")]),
    "the whole of the time": ("CPU", {"busyRatio": 100}, [pods("paddle_busy_ratio", "1")]),
    "requests": ("CPU", {"inflightPerReplica": 12}, [pods("paddle_inflight_requests", "12")]),
    "seconds": ("CPU", {"queueSeconds": 0.25}, [pods("paddle_queue_seconds", "250m")]),
    "seconds that no binary fraction is": (
        "CPU",
        {"queueSeconds": 1.1},
        [pods("paddle_queue_seconds", "1100m")],
    ),
    "less than Kubernetes counts": ("CPU", {"queueSeconds": 0.0001}, [pods("paddle_queue_seconds", "1m")]),
    "whole seconds": ("CPU", {"queueSeconds": 2}, [pods("paddle_queue_seconds", "2")]),
    "metrics of the user replace the default": ("GPU", {"metrics": [OTHER]}, [OTHER]),
    "metrics add to a target": ("GPU", {"gpuUtilization": 85, "metrics": [OTHER]}, [gpu("85"), OTHER]),
    "several targets, in one order": (
        "GPU",
        {"cpuUtilization": 60, "queueSeconds": 1, "gpuUtilization": 85},
        [gpu("85"), pods("paddle_queue_seconds", "1"), cpu(60)],
    ),
}


@pytest.mark.parametrize(("device", "scaling", "metrics"), SPECS.values(), ids=SPECS)
def test_what_the_autoscaler_looks_at(device: str, scaling: Any, metrics: Any) -> None:
    autoscaler = rendered(names.AUTOSCALER, device=device, autoscaling={"maxReplicas": 2, **scaling})
    assert autoscaler["spec"]["metrics"] == metrics


def test_behaviour_is_the_user_s_as_a_whole() -> None:
    """A mixture with ours would be a third behaviour that nobody has thought of."""
    mine = {"scaleDown": {"selectPolicy": "Disabled"}}
    autoscaler = rendered(names.AUTOSCALER, autoscaling={"maxReplicas": 2, "behavior": mine})
    assert autoscaler["spec"]["behavior"] == mine
    nothing = rendered(names.AUTOSCALER, autoscaling={"maxReplicas": 2, "behavior": {}})
    assert nothing["spec"]["behavior"] == {}


@pytest.mark.parametrize("source", ["builtin", "prometheusAdapter", "none"])
def test_the_autoscaler_is_the_same_for_each_source_of_metrics(source: str) -> None:
    manifest = {"maxReplicas": 6, "gpuUtilization": 60, "busyRatio": 50}
    chosen = rendered(names.AUTOSCALER, device="GPU", autoscaling={**manifest, "metricsSource": source})
    assert chosen == rendered(names.AUTOSCALER, device="GPU", autoscaling=manifest)


def test_under_autoscaling_the_deployment_has_no_replicas() -> None:
    assert "replicas" not in rendered(names.DEPLOYMENT, autoscaling={"maxReplicas": 3})["spec"]


@pytest.mark.parametrize(("manifest", "replicas"), [({}, 1), ({"replicas": 0}, 0), ({"replicas": 4}, 4)])
def test_replicas_are_one_unless_stated(manifest: Any, replicas: int) -> None:
    assert rendered(names.DEPLOYMENT, **manifest)["spec"]["replicas"] == replicas


def test_an_operator_of_some_namespaces_has_no_adapter_to_offer() -> None:
    some = Settings(watch_namespaces=("ml",), metrics_source="keda")
    with pytest.raises(
        SpecError, match=r"^spec\.autoscaling\.metricsSource is builtin, .*: leave it out, or"
    ):
        rendered(names.AUTOSCALER, some, autoscaling={"maxReplicas": 6, "metricsSource": "builtin"})
    assert rendered(names.AUTOSCALER, some, autoscaling={"maxReplicas": 6, "metricsSource": "none"})
