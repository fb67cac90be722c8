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


def build(model: PaddleModel, settings: Settings) -> Object:
    """It has the model's name, so http://NAME.NAMESPACE.svc is the model."""
    service, tls = model.spec.service, has_tls(model)
    annotations = {**(TRAEFIK_TLS if tls else {}), **(service.annotations or {})}
    protocol = {"appProtocol": "https"} if tls else {}
    return {
        **head(model, names.SERVICE, annotations),
        "spec": {
            "type": service.type,
            "selector": names.service_selector(model.name),
            "ports": [_port(names.HTTP_PORT_NAME, service.port) | protocol, *_admin(model, settings)],
        },
    }


def _admin(model: PaddleModel, settings: Settings) -> list[Object]:
    """KEDA asks a port of the pods only where the Service's EndpointSlices have it; nobody else needs it."""
    if not asks_the_pods(model, settings):
        return []
    taken = model.spec.service.port == contract.ADMIN_PORT
    return [_port(names.ADMIN_PORT_NAME, contract.ADMIN_PORT + taken)]


def _port(name: str, number: int) -> Object:
    return {"name": name, "port": number, "targetPort": name, "protocol": "TCP"}
