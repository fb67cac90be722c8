"""KEDA's ScaledObject of a model, or None where something else states the number of pods.

KEDA makes a HorizontalPodAutoscaler of it, so the operator makes none. All values are averages over the pods
already, hence metricType Value: AverageValue would divide by the pods once more.
"""

from typing import Final

from paddlemodel_api import contract
from paddlemodel_api.targets import CPU, Target, targets

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import SpecError
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.hpa import behavior, metrics_source, scale_target
from paddlemodel_operator.render.metadata import Object, head
from paddlemodel_operator.settings import Settings

POLL_SECONDS: Final = 15
LONGEST_WHOLE: Final = 46
"""A pod is called MODEL-HASH-SUFFIX; of a longer name Kubernetes cuts the hash and the dash behind it."""


def build(model: PaddleModel, settings: Settings) -> Object | None:
    """Raises SpecError for what KEDA cannot express and the definition cannot know: the chart chose KEDA."""
    scaling = model.spec.autoscaling
    if scaling is None or metrics_source(model, settings) != "keda":
        return None
    if scaling.metrics:
        raise SpecError(
            "spec.autoscaling.metrics are of autoscaling/v2 and have no place in KEDA's ScaledObject, which "
            "the chart's autoscaling.metricsSource asks for: remove them, or set "
            "spec.autoscaling.metricsSource to builtin"
        )
    return {
        **head(model, names.SCALED_OBJECT),
        "spec": {
            "scaleTargetRef": scale_target(model),
            "minReplicaCount": scaling.min_replicas,
            "maxReplicaCount": scaling.max_replicas,
            "pollingInterval": POLL_SECONDS,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior(model)}},
            "triggers": [_trigger(model, one, settings) for one in targets(scaling, model.spec.device)],
        },
    }


def asks_the_pods(model: PaddleModel, settings: Settings) -> bool:
    """Whether KEDA reads the pods' own metrics, which it finds by way of the Service."""
    scaling = model.spec.autoscaling
    if scaling is None or metrics_source(model, settings) != "keda" or settings.keda_prometheus:
        return False
    return any(target.metric != CPU for target in targets(scaling, model.spec.device))


def _trigger(model: PaddleModel, target: Target, settings: Settings) -> Object:
    if target.metric == CPU:
        metadata = {"value": target.number, "containerName": names.SERVER_CONTAINER}
        return {"type": "cpu", "metricType": "Utilization", "metadata": metadata}
    if settings.keda_prometheus:
        return {"type": "prometheus", "metricType": "Value", "metadata": _query(model, target, settings)}
    return {"type": "metrics-api", "metricType": "Value", "metadata": _endpoints(model, target)}


def _endpoints(model: PaddleModel, target: Target) -> Object:
    """KEDA asks every ready pod behind the Service; the port is the pods', not the Service's."""
    return {
        "url": f"http://{model.name}.{model.namespace}.svc:{contract.ADMIN_PORT}/metrics",
        "format": "prometheus",
        "valueLocation": target.metric,
        "aggregateFromKubeServiceEndpoints": "true",
        "aggregationType": "average",
        "targetValue": target.number,
    }


def _query(model: PaddleModel, target: Target, settings: Settings) -> Object:
    """A series that is not there is an error, not 0: replicas are held, as with the other sources."""
    suffix = "[a-z0-9]+-[a-z0-9]{5}" if len(model.name) <= LONGEST_WHOLE else "[a-z0-9-]+"
    selector = f'namespace="{model.namespace}",pod=~"{model.name}-{suffix}"'
    return {
        "serverAddress": settings.keda_prometheus,
        "query": f"avg({target.metric}{{{selector}}})",
        "threshold": target.number,
        "ignoreNullValues": "false",
    }
