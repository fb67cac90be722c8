"""Traefik as PyPI brings it, in an environment of its own: Gateway API, Ingress, ingress-nginx's annotations.

It has the administrator's rights: the package brings no manifests.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from devcluster import ports
from devcluster.neighbours.host import Host, namespace
from tests.environment import Environment
from tests.neighbours.gateways.door import Door, definitions, gateway

Object = dict[str, Any]

CLASSES = {"traefik": "traefik.io/ingress-controller", "nginx": "k8s.io/ingress-nginx"}
"""The classes of Ingresses, and who takes them: Traefik itself, and its provider for the annotations."""
ENVIRONMENT = Environment("gateways", 100)


@dataclass(frozen=True)
class Traefik(Door):
    """One that runs: the ports of its two entry points.

    Attributes:
        appending: where it appends to the X-Forwarded-For that clients send, as behind another proxy; at
            `web` it writes the head anew.
    """

    appending: int = 0


@contextmanager
def running(host: Host) -> Iterator[Traefik]:
    """With the Gateway `public`, and both classes of Ingresses."""
    web, appending = ports.free(2)
    found = Traefik("Traefik", web, exact=True, appending=appending)
    defined = definitions(host)
    listeners = {"web": web, "appending": appending}
    objects = [*_classes(), *gateway("traefik", "traefik.io/gateway-controller", **listeners)]
    host.apply(namespace("infra"), *objects)
    program = ENVIRONMENT.python().parent / "traefik"
    argv = [
        str(program), f"--entrypoints.web.address=127.0.0.1:{web}",
        f"--entrypoints.appending.address=127.0.0.1:{appending}",
        "--entrypoints.appending.forwardedheaders.insecure=true",
        "--providers.kubernetesgateway=true", "--providers.kubernetesingress=true",
        "--providers.kubernetesingress.ingressclass=traefik", "--providers.kubernetesingressnginx=true",
        "--providers.kubernetesingressnginx.proxyrequestbuffering=true",
        "--global.checknewversion=false", "--global.sendanonymoususage=false",
    ]  # fmt: skip
    with host.process("traefik", argv, {"KUBECONFIG": str(host.state.kubeconfig)}):
        yield found
    host.delete(*objects)
    host.delete(*defined)


def _classes() -> list[Object]:
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass"}
    return [
        {**kind, "metadata": {"name": name}, "spec": {"controller": controller}}
        for name, controller in CLASSES.items()
    ]


if __name__ == "__main__":
    ENVIRONMENT.python()
