"""The Service in front of a model's pods: clients' port, and the admin port where KEDA finds pods by it."""

from typing import Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.access import has_tls
from paddlemodel_operator.render.metadata import Object, head
from paddlemodel_operator.render.scaledobject import asks_the_pods
from paddlemodel_operator.settings import Settings

TRAEFIK_TLS: Final = {"traefik.ingress.kubernetes.io/service.serversscheme": "https"}
"""Traefik reads it from the Service, the other controllers theirs from the Ingress."""


def build(model: PaddleModel, settings: Settings, weight: int = 0) -> Object:
    """It has the model's name, so http://NAME.NAMESPACE.svc is the model.

    Args:
        model: the spec.
        settings: of the operator.
        weight: percent of the requests that it gives to a canary now; above 0 its pods are behind it as well.
    """
    service = model.spec.service
    alone = model.spec.rollout.strategy == "Canary" and weight == 0
    return {
        **head(model, names.SERVICE, {**_traefik(model), **(service.annotations or {})}),
        "spec": {
            "type": service.type,
            "selector": names.pod_selector(model.name) if alone else names.service_selector(model.name),
            "ports": [_clients_port(model), *_admin(model, settings)],
        },
    }


def canary(model: PaddleModel) -> Object | None:
    """In front of the pods of a canary alone: where mirrored requests go, also while there is none."""
    if model.spec.rollout.strategy != "Canary":
        return None
    return {
        **head(model, names.SERVICE, _traefik(model), names.canary(model.name)),
        "spec": {
            "type": "ClusterIP",
            "selector": names.pod_selector(model.name, contract.TRACK_CANARY),
            "ports": [_clients_port(model)],
        },
    }


def _traefik(model: PaddleModel) -> dict[str, str]:
    return dict(TRAEFIK_TLS) if has_tls(model) else {}


def _clients_port(model: PaddleModel) -> Object:
    """Gateways and service meshes go by its appProtocol, which names what the pods speak."""
    protocol = "https" if has_tls(model) else "http"
    return _port(names.HTTP_PORT_NAME, model.spec.service.port) | {"appProtocol": protocol}


def _admin(model: PaddleModel, settings: Settings) -> list[Object]:
    """KEDA asks a port of the pods only where the Service's EndpointSlices have it; nobody else needs it."""
    if not asks_the_pods(model, settings):
        return []
    taken = model.spec.service.port == contract.ADMIN_PORT
    return [_port(names.ADMIN_PORT_NAME, contract.ADMIN_PORT + taken)]


def _port(name: str, number: int) -> Object:
    return {"name": name, "port": number, "targetPort": name, "protocol": "TCP"}
