"""The Ingress of a model, and that of a canary; None when it is not reached from outside."""

from typing import Final

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.access import has_tls
from paddlemodel_operator.render.container import request_bytes
from paddlemodel_operator.render.metadata import Object, compact, head
from paddlemodel_operator.render.traffic import seconds

NGINX: Final = "nginx.ingress.kubernetes.io/"
CLASS: Final = "kubernetes.io/ingress.class"
"""How the class was said before there was a field for it; controllers still read it."""


def build(model: PaddleModel) -> Object | None:
    """One host, one path, to the Service."""
    return _ingress(model, model.name, {})


def canary(model: PaddleModel, weight: int) -> Object | None:
    """The same for a canary's own Service, with ingress-nginx's annotations for its share; None without one.

    Args:
        model: the spec.
        weight: percent of the requests that the Ingress gives to a canary now.
    """
    whole = {f"{NGINX}canary-weight-total": "100"}  # Whatever the user's annotations say.
    share = {f"{NGINX}canary": "true", f"{NGINX}canary-weight": str(weight), **whole}
    return _ingress(model, names.canary(model.name), share) if weight else None


def _ingress(model: PaddleModel, name: str, share: dict[str, str]) -> Object | None:
    """`share` makes it a canary's, which gets of the user's annotations the class and ingress-nginx's alone.

    Other ones are for other programs, which would do twice what they do, such as ask for a certificate.
    """
    ingress = model.spec.ingress
    if ingress is None:
        return None
    backend = {"service": {"name": name, "port": {"name": names.HTTP_PORT_NAME}}}
    path = {"path": ingress.path, "pathType": "Prefix", "backend": backend}
    tls = (
        [{"hosts": [ingress.host], "secretName": ingress.tls_secret_name}]
        if ingress.tls_secret_name
        else None
    )
    given = ingress.annotations or {}
    own = {key: value for key, value in given.items() if not share or key.startswith((NGINX, CLASS))}
    annotations = {**_limits(model), **_backend(model), **own, **share}
    return {
        **head(model, names.INGRESS, annotations, name),
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
        f"{NGINX}proxy-body-size": size,
        f"{NGINX}proxy-read-timeout": wait,
        f"{NGINX}proxy-send-timeout": wait,
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
        f"{NGINX}backend-protocol": "HTTPS",
        "nginx.org/ssl-services": model.name,
        "haproxy-ingress.github.io/backend-protocol": "h1-ssl",
        "haproxy.org/server-ssl": "true",
    }
