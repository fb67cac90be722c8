"""The HorizontalPodAutoscaler of a model, or None when its spec states the number of pods."""

from typing import Any, Final

from paddlemodel_operator import names
from paddlemodel_operator.model import PaddleModel
from paddlemodel_operator.render.metadata import Object, head
from paddlemodel_operator.spec.scaling import Autoscaling

DEFAULT_TARGET: Final = 70

DEFAULT_BEHAVIOR: Final[dict[str, Any]] = {
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
}


def build(model: PaddleModel) -> Object | None:
    """It targets the Deployment, never the PaddleModel: nobody but the user writes a spec."""
    scaling = model.spec.autoscaling
    if scaling is None:
        return None
    target = {"apiVersion": names.DEPLOYMENT.api_version, "kind": names.DEPLOYMENT.kind, "name": model.name}
    return {
        **head(model, names.AUTOSCALER),
        "spec": {
            "scaleTargetRef": target,
            "minReplicas": scaling.min_replicas,
            "maxReplicas": scaling.max_replicas,
            "metrics": _metrics(scaling, model.spec.device),
            "behavior": scaling.behavior if scaling.behavior is not None else DEFAULT_BEHAVIOR,
        },
    }


def _metrics(scaling: Autoscaling, device: str) -> list[Object]:
    extra = list(scaling.metrics or ())
    if scaling.gpu_utilization is not None:
        return [_gpu(scaling.gpu_utilization), *extra]
    if scaling.cpu_utilization is not None:
        return [_cpu(scaling.cpu_utilization), *extra]
    return extra or [_gpu(DEFAULT_TARGET) if device == "GPU" else _cpu(DEFAULT_TARGET)]


def _gpu(percent: int) -> Object:
    """The server's own gauge, 0 to 100; pods that still load do not report it."""
    target = {"type": "AverageValue", "averageValue": str(percent)}
    return {"type": "Pods", "pods": {"metric": {"name": names.GPU_METRIC}, "target": target}}


def _cpu(percent: int) -> Object:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}
