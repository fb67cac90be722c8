"""The HorizontalPodAutoscaler of a model, or None when its spec or KEDA states the number of pods."""

from typing import Any, Final

from paddlemodel_api.targets import CPU, Target, targets

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.metadata import Object, head
from paddlemodel_operator.settings import Settings

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


def build(model: PaddleModel, settings: Settings) -> Object | None:
    """It targets the Deployment, never the PaddleModel: only the user writes a spec."""
    scaling = model.spec.autoscaling
    if scaling is None or metrics_source(model, settings) == "keda":
        return None
    own = [_metric(target) for target in targets(scaling, model.spec.device)]
    return {
        **head(model, names.AUTOSCALER),
        "spec": {
            "scaleTargetRef": scale_target(model),
            "minReplicas": scaling.min_replicas,
            "maxReplicas": scaling.max_replicas,
            "metrics": [*own, *(scaling.metrics or ())],
            "behavior": behavior(model),
        },
    }


def metrics_source(model: PaddleModel, settings: Settings) -> str:
    """The model's own setting, or the chart's."""
    scaling = model.spec.autoscaling
    return (scaling and scaling.metrics_source) or settings.metrics_source


def scale_target(model: PaddleModel) -> Object:
    """The Deployment, as an autoscaler refers to it."""
    return {"apiVersion": names.DEPLOYMENT.api_version, "kind": names.DEPLOYMENT.kind, "name": model.name}


def behavior(model: PaddleModel) -> Object:
    """The behavior of the spec as a whole, or the default as a whole."""
    scaling = model.spec.autoscaling
    given = scaling.behavior if scaling else None
    return given if given is not None else DEFAULT_BEHAVIOR


def _metric(target: Target) -> Object:
    """A MetricSpec: CPU use, or the server's own gauge, which pods that still load do not report.

    CPU use is the server's container's: that of a whole pod would count the proxy of a service mesh, too, and
    could not be had where the proxy requests no CPU.
    """
    if target.metric == CPU:
        aim = {"type": "Utilization", "averageUtilization": target.value}
        part = {"name": CPU, "container": names.SERVER_CONTAINER, "target": aim}
        return {"type": "ContainerResource", "containerResource": part}
    value = {"type": "AverageValue", "averageValue": target.quantity}
    return {"type": "Pods", "pods": {"metric": {"name": target.metric}, "target": value}}
