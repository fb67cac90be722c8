"""The Ingress of a model, or None when nobody outside shall reach it."""

from typing import Final

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.container import request_bytes, timeout_seconds
from paddlemodel_operator.render.metadata import Object, compact, head

NGINX: Final = "nginx.ingress.kubernetes.io"
NGINX_SECONDS: Final = 120
"""At least this long may a body take to arrive and an answer to come."""


def build(model: PaddleModel) -> Object | None:
    """One host, one path, to the Service."""
    ingress = model.spec.ingress
    if ingress is None:
        return None
    backend = {"service": {"name": model.name, "port": {"name": names.HTTP_PORT_NAME}}}
    path = {"path": ingress.path, "pathType": "Prefix", "backend": backend}
    tls = (
        [{"hosts": [ingress.host], "secretName": ingress.tls_secret_name}]
        if ingress.tls_secret_name
        else None
    )
    annotations = {**_nginx(model), **(ingress.annotations or {})}
    return {
        **head(model, names.INGRESS, annotations),
        "spec": compact(
            {
                "ingressClassName": ingress.class_name,
                "rules": [{"host": ingress.host, "http": {"paths": [path]}}],
                "tls": tls,
            }
        ),
    }


def _nginx(model: PaddleModel) -> dict[str, str]:
    """Without these nginx refuses bodies over 1 MB and gives up after 60 s."""
    if model.spec.ingress is None or model.spec.ingress.class_name != "nginx":
        return {}
    seconds = str(max(NGINX_SECONDS, timeout_seconds(model) + 5))
    return {
        f"{NGINX}/proxy-body-size": str(request_bytes(model)),
        f"{NGINX}/proxy-read-timeout": seconds,
        f"{NGINX}/proxy-send-timeout": seconds,
    }
