"""Renders a PaddleModel into Kubernetes objects, one file per kind; every builder is pure."""

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render import deployment, disruption, hpa, ingress, scaledobject, service
from paddlemodel_operator.render.hpa import metrics_source
from paddlemodel_operator.render.metadata import Object
from paddlemodel_operator.settings import Settings

__all__ = ["Object", "metrics_source", "render"]


def render(model: PaddleModel, settings: Settings) -> dict[names.Kind, Object | None]:
    """Every child by kind, in the order of creation; None stands for one that shall not exist."""
    return {
        names.SERVICE: service.build(model, settings),
        names.DEPLOYMENT: deployment.build(model, settings),
        names.AUTOSCALER: hpa.build(model, settings),
        names.SCALED_OBJECT: scaledobject.build(model, settings),
        names.DISRUPTION_BUDGET: disruption.build(model),
        names.INGRESS: ingress.build(model),
    }
