"""Somebody else's Gateway as a test sees it: where it listens, and what it says to a request.

It is a process beside the API server. So pods are processes, too, and a test says where they are: no kubelet
runs on a control plane.
"""

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devcluster.neighbours.host import Host, manifests
from tests.operator.support.cluster import eventually

Object = dict[str, Any]

API = "gateway.networking.k8s.io/v1"
PARENT: Object = {"name": "public", "namespace": "infra", "sectionName": "web"}


@dataclass(frozen=True)
class Door:
    """One that runs.

    Attributes:
        name: of the program.
        web: the port that the Gateway's listener of this name has.
        exact: whether weights are kept to the request, and not by chance.
    """

    name: str
    web: int
    exact: bool

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


def until_served(door: Door, host: str, path: str, port: int | None = None) -> None:
    """It has seen the objects, and leads to a server."""

    def there() -> bool:
        try:
            return door.ask(host, path, port=port)[0] not in {404, 503}
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


def definitions(host: Host) -> list[Object]:
    """Apply the Gateway API's; returns them."""
    found = manifests("gateway-api", "sigs.k8s.io/gateway-api", "config/crd/standard/*.yaml")
    host.apply(*found)
    crds = [f"crd/{one['metadata']['name']}" for one in found if one["kind"] == "CustomResourceDefinition"]
    host.kubectl("wait", "--for=condition=Established", *crds, "--timeout=60s")
    return found


def gateway(name: str, controller: str, **listeners: int) -> list[Object]:
    """The Gateway `public` and its class.

    Args:
        name: of the class.
        controller: that takes it.
        listeners: port by name.
    """
    routes = {"namespaces": {"from": "All"}}
    ports = [
        {"name": listener, "protocol": "HTTP", "port": port, "allowedRoutes": routes}
        for listener, port in listeners.items()
    ]
    metadata = {"name": PARENT["name"], "namespace": PARENT["namespace"]}
    spec = {"gatewayClassName": name, "listeners": ports}
    kind = {"apiVersion": API, "kind": "GatewayClass", "metadata": {"name": name}}
    return [
        {**kind, "spec": {"controllerName": controller}},
        {"apiVersion": API, "kind": "Gateway", "metadata": metadata, "spec": spec},
    ]
