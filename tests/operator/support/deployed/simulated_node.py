"""A node that only simulates: its kubelet is a socket of the test, which hands out logs of the test."""

import datetime as dt
import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.operator.support.cluster import Cluster

Object = dict[str, Any]


class SimulatedKubelet:
    """What a node's kubelet answers to the API server: the log of a container, whole or followed."""

    def __init__(self, folder: Path) -> None:
        self.logs: dict[tuple[str, str], str] = {}
        """By pod and container; a container without a log has not begun."""
        self.queries: list[dict[str, list[str]]] = []
        """What was asked for, and of which pod."""
        kubelet = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                place = urlsplit(self.path)
                _, _, _, pod, container = place.path.split("/")
                kubelet.queries.append(parse_qs(place.query) | {"pod": [pod]})
                text = kubelet.logs.get((pod, container))
                self.send_response(404 if text is None else 200)
                self.end_headers()
                self.wfile.write((text or "").encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = _context(folder).wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _context(folder: Path) -> ssl.SSLContext:
    """A certificate that nobody has issued: the API server of a devcluster does not ask who did."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubelet")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = builder.not_valid_before(now - dt.timedelta(1)).not_valid_after(now + dt.timedelta(1))
    file = folder / "kubelet.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signed = certificate.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    file.write_bytes(private + signed)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@contextmanager
def node(cluster: Cluster, name: str, folder: Path) -> Iterator[SimulatedKubelet]:
    """The node in the API, as long as its kubelet answers."""
    kubelet = SimulatedKubelet(folder)
    metadata = {"name": name}
    cluster.http.post(
        "/api/v1/nodes", json={"apiVersion": "v1", "kind": "Node", "metadata": metadata}
    ).raise_for_status()
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet.port}},
    }
    cluster.patch(f"/api/v1/nodes/{name}/status", {"status": status})
    try:
        yield kubelet
    finally:
        cluster.http.delete(f"/api/v1/nodes/{name}")
        kubelet.close()
