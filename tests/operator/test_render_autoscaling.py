"""The autoscaler as it is rendered, and who then states the number of pods."""

from typing import Any

import pytest
from paddlemodel_operator import names
from paddlemodel_operator.render import render

from tests.operator.builders import SETTINGS, model
from tests.operator.expected import METADATA


def rendered(kind: names.Kind, **fields: Any) -> Any:
    return render(model(**fields), SETTINGS)[kind]


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
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def gpu(percent: str) -> Any:
    target = {"type": "AverageValue", "averageValue": percent}
    return {"type": "Pods", "pods": {"metric": {"name": "paddle_gpu_utilization"}, "target": target}}


@pytest.mark.parametrize(
    ("device", "scaling", "metrics"),
    [
        pytest.param("CPU", {}, [cpu(70)], id="on the processor its use is the default"),
        pytest.param("CPU", {"cpuUtilization": 50}, [cpu(50)], id="the target is the user's"),
        pytest.param("GPU", {"gpuUtilization": 85}, [gpu("85")], id="GPU use is an average value of pods"),
        pytest.param("GPU", {"cpuUtilization": 60}, [cpu(60)], id="a GPU model may scale by processor use"),
        pytest.param("GPU", {"metrics": [OTHER]}, [OTHER], id="metrics of the user replace the default"),
        pytest.param(
            "GPU",
            {"gpuUtilization": 85, "metrics": [OTHER]},
            [gpu("85"), OTHER],
            id="metrics add to a target",
        ),
    ],
)
def test_what_the_autoscaler_looks_at(device: str, scaling: Any, metrics: Any) -> None:
    autoscaler = rendered(names.AUTOSCALER, device=device, autoscaling={"maxReplicas": 2, **scaling})
    assert autoscaler["spec"]["metrics"] == metrics


def test_under_autoscaling_the_deployment_has_no_replicas() -> None:
    assert "replicas" not in rendered(names.DEPLOYMENT, autoscaling={"maxReplicas": 3})["spec"]


@pytest.mark.parametrize(("wish", "replicas"), [({}, 1), ({"replicas": 0}, 0), ({"replicas": 4}, 4)])
def test_replicas_are_one_unless_stated(wish: Any, replicas: int) -> None:
    assert rendered(names.DEPLOYMENT, **wish)["spec"]["replicas"] == replicas
