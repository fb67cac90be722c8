"""Somebody else's metrics adapter, as prometheus-adapter would be: it serves one version of the API group.

It knows one metric of one object, `hits` of a Service, and answers everybody. The real ones are run by
`make test-neighbours`; here it matters only that the API group is not ours alone.
"""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from paddlemodel_operator.base import names

from devcluster.nodes.pki import Authority, Identity
from tests.operator.support.adapters import is_available
from tests.operator.support.cluster import Cluster, eventually

Object = dict[str, Any]

GROUP: Final = names.CUSTOM_METRICS_GROUP
METRIC: Final = "hits"


def api_service(version: str, service: Object, *, group_priority: int = 100, priority: int = 100) -> Object:
    """Whose answers the API server passes on; without checking who they are, as prometheus-adapter ships."""
    return {
        "apiVersion": names.API_SERVICE.api_version,
        "kind": names.API_SERVICE.kind,
        "metadata": {"name": f"{version}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "version": version,
            "groupPriorityMinimum": group_priority,
            "versionPriority": priority,
            "insecureSkipTLSVerify": True,
            "service": service,
        },
    }


def outside(namespace: str, name: str, address: str = "localhost") -> Object:
    """A Service that the API server reaches by name: there is no network of pods here."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": "ExternalName", "externalName": address},
    }


class Foreign:
    """Starts when it is made; `end` stops it and takes its registration back."""

    def __init__(self, cluster: Cluster, folder: Path, version: str) -> None:
        self._cluster = cluster
        self.version = version
        authority = Authority(folder, "foreign-ca")
        pair = authority.sign("foreign", Identity("foreign", addresses=("localhost",)))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*pair)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(version))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="foreign adapter", daemon=True
        )
        self._thread.start()

    def register(self, priority: int = 100) -> None:
        service = {"namespace": "default", "name": "foreign-adapter", "port": self._server.server_port}
        self._cluster.apply(
            outside("default", "foreign-adapter"), api_service(self.version, service, priority=priority)
        )
        eventually(lambda: is_available(self._cluster, f"{self.version}.{GROUP}"))

    def unregister(self) -> None:
        self._cluster.kubectl("delete", "apiservice", f"{self.version}.{GROUP}", "--ignore-not-found")

    def end(self) -> None:
        self.unregister()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(version: str) -> type[BaseHTTPRequestHandler]:
    root = f"/apis/{GROUP}/{version}"

    class Handler(BaseHTTPRequestHandler):
        """Discovery, and one value."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == root:
                self._answer(200, _resources(version))
            elif path.startswith(f"{root}/namespaces/") and path.endswith(f"/{METRIC}"):
                self._answer(200, _value(version, *path.removeprefix(f"{root}/namespaces/").split("/")))
            else:
                self._answer(404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404})

        def _answer(self, status: int, body: Object) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _resources(version: str) -> Object:
    one = {"name": f"services/{METRIC}", "singularName": "", "namespaced": True, "kind": "MetricValueList"}
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{GROUP}/{version}",
        "resources": [{**one, "verbs": ["get"]}],
    }


def _value(version: str, namespace: str, resource: str, name: str, metric: str) -> Object:
    assert resource == "services"
    described = {"kind": "Service", "namespace": namespace, "name": name, "apiVersion": "v1"}
    named = {"metricName": metric} if version == "v1beta1" else {"metric": {"name": metric}}
    item = {"describedObject": described, "timestamp": "2026-01-01T00:00:00Z", "value": "50", **named}
    return {
        "kind": "MetricValueList",
        "apiVersion": f"{GROUP}/{version}",
        "metadata": {},
        "items": [item],
    }
