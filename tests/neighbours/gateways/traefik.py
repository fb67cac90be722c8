"""Traefik as PyPI brings it, in an environment of its own: Gateway API, Ingress, ingress-nginx's annotations.

It is a process beside the API server, with the administrator's rights: the package brings no manifests. So
pods are processes, too, and a test says where they are: no kubelet runs on a control plane.
"""

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from devcluster import ports
from devcluster.neighbours.host import Host, manifests, namespace
from tests.environment import Environment
from tests.operator.support.cluster import eventually

Object = dict[str, Any]

PARENT: Object = {"name": "public", "namespace": "infra", "sectionName": "web"}
CLASSES = {"traefik": "traefik.io/ingress-controller", "nginx": "k8s.io/ingress-nginx"}
"""The classes of Ingresses, and who takes them: Traefik itself, and its provider for the annotations."""
_GATEWAYS = Environment("gateways", 50)
_API = "gateway.networking.k8s.io/v1"


@dataclass(frozen=True)
class Traefik:
    """One that runs: the ports of its two entry points.

    Attributes:
        web: where it writes X-Forwarded-For anew.
        appending: where it appends to what clients send, as behind another proxy.
    """

    web: int
    appending: int

    def ask(
        self,
        host: str,
        path: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        port: int | None = None,
        source: str = "127.0.0.1",
    ) -> tuple[int, bytes]:
        """Status and body of an answer, on a connection of its own."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", port or self.web, timeout=180, source_address=(source, 0)
        )
        try:
            method = "GET" if body is None else "POST"
            connection.request(method, path, body, {"Host": host, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def announce(self, host: str, path: str, size: int) -> int:
        """The status for a body of which only the size is sent: nobody hangs up on a client that writes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=180)
        try:
            connection.putrequest("POST", path, skip_host=True)
            for name, value in (("Host", host), ("Content-Length", str(size))):
                connection.putheader(name, value)
            connection.endheaders()
            return connection.getresponse().status
        finally:
            connection.close()


@contextmanager
def running(host: Host) -> Iterator[Traefik]:
    """With the Gateway `public`, and both classes of Ingresses."""
    found = Traefik(*ports.free(2))
    definitions = manifests("gateway-api", "sigs.k8s.io/gateway-api", "config/crd/standard/*.yaml")
    host.apply(*definitions)
    crds = [
        f"crd/{one['metadata']['name']}" for one in definitions if one["kind"] == "CustomResourceDefinition"
    ]
    host.kubectl("wait", "--for=condition=Established", *crds, "--timeout=60s")
    objects = [*_classes(), _gateway(found)]
    host.apply(namespace("infra"), *objects)
    program = _GATEWAYS.python().parent / "traefik"
    argv = [
        str(program), f"--entrypoints.web.address=127.0.0.1:{found.web}",
        f"--entrypoints.appending.address=127.0.0.1:{found.appending}",
        "--entrypoints.appending.forwardedheaders.insecure=true",
        "--providers.kubernetesgateway=true", "--providers.kubernetesingress=true",
        "--providers.kubernetesingress.ingressclass=traefik", "--providers.kubernetesingressnginx=true",
        "--providers.kubernetesingressnginx.proxyrequestbuffering=true",
        "--global.checknewversion=false", "--global.sendanonymoususage=false",
    ]  # fmt: skip
    with host.process("traefik", argv, {"KUBECONFIG": str(host.state.kubeconfig)}):
        yield found
    host.delete(*objects)
    host.delete(*definitions)


def own_address() -> str:
    """An address of this machine that may stand in an EndpointSlice; those of loopback may not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        return str(probe.getsockname()[0])


def endpoints(namespace: str, service: str, port: int) -> Object:
    """What the kubelet and the EndpointSlice controller would say of a ready pod."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service}-process",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [own_address()], "conditions": {"ready": True}}],
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
    }


def until_served(traefik: Traefik, host: str, path: str, port: int | None = None) -> None:
    """Traefik has seen the objects, and leads to a server."""

    def there() -> bool:
        try:
            return traefik.ask(host, path, port=port)[0] not in {404, 503}
        except OSError:
            return False

    eventually(there, 120)


def without_pods(child: Object) -> Object:
    """A rendered child of which no model is the owner; a Service of its has no selector."""
    copy: Object = json.loads(json.dumps(child))
    copy["metadata"].pop("ownerReferences", None)
    if copy["kind"] == "Service":
        del copy["spec"]["selector"]
    return copy


def _classes() -> list[Object]:
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass"}
    found: list[Object] = [
        {**kind, "metadata": {"name": name}, "spec": {"controller": controller}}
        for name, controller in CLASSES.items()
    ]
    controller = {"controllerName": "traefik.io/gateway-controller"}
    return [
        *found,
        {"apiVersion": _API, "kind": "GatewayClass", "metadata": {"name": "traefik"}, "spec": controller},
    ]


def _gateway(found: Traefik) -> Object:
    routes = {"namespaces": {"from": "All"}}
    listeners = [
        {"name": name, "protocol": "HTTP", "port": port, "allowedRoutes": routes}
        for name, port in (("web", found.web), ("appending", found.appending))
    ]
    metadata = {"name": PARENT["name"], "namespace": PARENT["namespace"]}
    spec = {"gatewayClassName": "traefik", "listeners": listeners}
    return {"apiVersion": _API, "kind": "Gateway", "metadata": metadata, "spec": spec}


if __name__ == "__main__":
    _GATEWAYS.python()
