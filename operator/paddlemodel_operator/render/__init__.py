"""Renders a PaddleModel into Kubernetes objects, one file per kind; every builder is pure."""

from collections.abc import Mapping
from typing import Final

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import SpecError
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render import deployment, disruption, hpa, scaledobject, service, updates
from paddlemodel_operator.render import rollout as rolled
from paddlemodel_operator.render.access import network_policy
from paddlemodel_operator.render.hpa import metrics_source
from paddlemodel_operator.render.metadata import Object
from paddlemodel_operator.render.rollout import AT_ONCE, Rollout
from paddlemodel_operator.render.traffic import http_route, ingress
from paddlemodel_operator.settings import Settings

__all__ = ["Children", "Object", "Rollout", "metrics_source", "render"]

NO_CUSTOM_TASKS: Final = (
    "spec.task.custom runs code that lies beside the model, which this operator does not allow: set the "
    "chart's value customTasks.allowed (PADDLEMODEL_OPERATOR_CUSTOM_TASKS), or use another task"
)
NO_ADAPTER: Final = (
    "spec.autoscaling.metricsSource is builtin, but this operator serves some namespaces only, and a metrics "
    "adapter is the whole cluster's: leave it out, or set it to what serves the metrics here, "
    "prometheusAdapter, keda or none"
)
NO_GATEWAY_API: Final = (
    "spec.gateway asks for an HTTPRoute, which this operator does not make: set the chart's value "
    "gatewayAPI.enabled (PADDLEMODEL_OPERATOR_GATEWAY_API), or use spec.ingress"
)
Children = dict[names.ChildKey, Object]


def render(
    model: PaddleModel,
    settings: Settings,
    contents: Mapping[str, str] = deployment.NONE,
    rollout: Rollout = AT_ONCE,
) -> Children:
    """Every child that shall exist, in the order of creation; what is not in it is to be deleted.

    Args:
        model: the spec.
        settings: of the operator.
        contents: the revisions of new content for which the pods are replaced, by the names of the models.
        rollout: which version gets which pods and requests; by default the newest one all of them.

    Raises:
        SpecError: the spec asks for what this operator's settings do not allow.
    """
    if model.spec.task.custom is not None and not settings.custom_tasks:
        raise SpecError(NO_CUSTOM_TASKS)
    scaling = model.spec.autoscaling
    if scaling and scaling.metrics_source == "builtin" and settings.watch_namespaces:
        raise SpecError(NO_ADAPTER)
    if model.spec.gateway is not None and not settings.gateway_api:
        raise SpecError(NO_GATEWAY_API)
    shares = {rollout.plan.divider: rollout.plan.weight}
    objects = (
        (names.NETWORK_POLICY, network_policy.build(model, settings)),
        (names.SERVICE, service.build(model, settings, shares.get("Replicas", 0))),
        (names.SERVICE, service.canary(model)),
        (names.DEPLOYMENT, rolled.stable(model, settings, contents, rollout)),
        (names.DEPLOYMENT, rolled.canary(model, settings, contents, rollout)),
        (names.AUTOSCALER, hpa.build(model, settings)),
        (names.SCALED_OBJECT, scaledobject.build(model, settings)),
        (names.DISRUPTION_BUDGET, disruption.build(model)),
        (names.INGRESS, ingress.build(model)),
        (names.INGRESS, ingress.canary(model, shares.get("IngressNginx", 0))),
        (names.HTTP_ROUTE, http_route.build(model, shares.get("Gateway", 0))),
        (names.CRON_JOB, updates.build(model, settings)),
    )
    return {
        names.ChildKey(kind, body["metadata"]["name"]): body for kind, body in objects if body is not None
    }
