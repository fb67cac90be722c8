"""The Ingress of a model, or None when it is not reached from outside."""

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.access import has_tls
from paddlemodel_operator.render.container import request_bytes
from paddlemodel_operator.render.metadata import Object, compact, head
from paddlemodel_operator.render.traffic import seconds


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
    annotations = {**_limits(model), **_backend(model), **(ingress.annotations or {})}
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


def _limits(model: PaddleModel) -> dict[str, str]:
    """Body size and time-outs in the words of each controller; the others ignore what is not theirs.

    A class may have any name and may be the cluster's default, so the name does not tell the controller.
    Without these, nginx refuses bodies over 1 MB and gives up after 60 s, HAProxy after 50 s. Traefik has no
    such annotations: it limits no body and waits for any answer.
    """
    size, wait = str(request_bytes(model)), str(seconds(model))
    return {
        "nginx.ingress.kubernetes.io/proxy-body-size": size,
        "nginx.ingress.kubernetes.io/proxy-read-timeout": wait,
        "nginx.ingress.kubernetes.io/proxy-send-timeout": wait,
        "nginx.org/client-max-body-size": size,
        "nginx.org/proxy-read-timeout": f"{wait}s",
        "nginx.org/proxy-send-timeout": f"{wait}s",
        "haproxy-ingress.github.io/proxy-body-size": size,
        "haproxy-ingress.github.io/timeout-server": f"{wait}s",
        "haproxy.org/timeout-server": f"{wait}s",
    }


def _backend(model: PaddleModel) -> dict[str, str]:
    """That the pods speak HTTPS, in the words of each controller."""
    if not has_tls(model):
        return {}
    return {
        "nginx.ingress.kubernetes.io/backend-protocol": "HTTPS",
        "nginx.org/ssl-services": model.name,
        "haproxy-ingress.github.io/backend-protocol": "h1-ssl",
        "haproxy.org/server-ssl": "true",
    }
