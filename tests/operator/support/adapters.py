"""The metrics adapter as it runs in production, wired to the real API server.

Its own process, its own ServiceAccount, the chart's rights; the control plane has no pods for it.
"""

import http.client
import json
import socket
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from paddlemodel_operator.base import names
from paddlemodel_operator.registration import certificates

from devcluster import ports
from tests.operator.support.cluster import Cluster, environment, eventually, token_kubeconfig
from tests.repository.helm import charts

Object = dict[str, Any]
Pair = tuple[Path, Path]
"""A client certificate and its key."""

ACCOUNT = "paddlemodel-operator-metrics-adapter"
SERVICE = "metrics-adapter-under-test"
HOST = f"{SERVICE}.{charts.NAMESPACE}.svc"
ROOT = f"/apis/{names.CUSTOM_METRICS_GROUP}"
HPA_ACCEPT = "application/vnd.kubernetes.protobuf, */*"


def front_proxy(cluster: Cluster) -> Pair:
    """What the API server shows when it forwards a request."""
    pki = cluster.kubeconfig.parent / "pki"
    return pki / "front-proxy-client.crt", pki / "front-proxy-client.key"


@dataclass(frozen=True)
class Answer:
    """Of the adapter, as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Object:
        found: Object = json.loads(self.body)
        return found

    def values(self) -> dict[str, str]:
        """Pod and value of a MetricValueList."""
        assert self.status == 200, self.body
        return {item["describedObject"]["name"]: item["value"] for item in self.json()["items"]}


class Adapter:
    """Start, ask, stop; the log is kept in a file."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.tls = folder / "tls"
        self.tls.mkdir()
        self.log = folder / "adapter.log"
        self.port = 0
        self.authorities = ""
        self._process: subprocess.Popen[bytes] | None = None

    def new_pair(self, now: datetime | None = None) -> None:
        """Issue as the operator does, mount as the kubelet does; `now` in the past makes an expired one."""
        issued = certificates.issue(HOST, now or datetime.now(UTC), self.authorities)
        self.authorities = issued.authorities
        for name, text in (("tls.crt", issued.certificate), ("tls.key", issued.key)):
            fresh = self.tls / f".{name}"
            fresh.write_text(text)
            fresh.replace(self.tls / name)

    def start(self, *, wait: bool = True, kubeconfig: Path | None = None, **settings: str) -> None:
        """Return when it is ready, or at once."""
        if kubeconfig is None:
            kubeconfig = self.folder / "adapter.kubeconfig"
            token = self.cluster.kubectl("create", "token", ACCOUNT, "-n", charts.NAMESPACE).strip()
            token_kubeconfig(self.cluster, token, kubeconfig)
        self.port = self.port or ports.free(1)[0]
        variables = {
            "bind": f"[::]:{self.port}",
            "tls_dir": str(self.tls),
            "log_format": "text",
            "drain_seconds": "0",
            **settings,
        }
        prefixed = {f"PADDLEMODEL_ADAPTER_{name.upper()}": value for name, value in variables.items()}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "paddlemodel_operator.metrics_adapter"],
                env=environment(KUBECONFIG=str(kubeconfig), **prefixed),
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        if wait:
            eventually(self.is_ready)

    def terminate(self) -> None:
        """As the kubelet asks it to end."""
        assert self._process is not None
        self._process.terminate()

    def wait(self) -> int:
        """Its exit code."""
        assert self._process is not None
        return self._process.wait(timeout=180)

    def stop(self) -> int:
        self.terminate()
        return self.wait()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=180)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def process(self) -> psutil.Process:
        """For memory, CPU time and open files."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def connect(
        self, pair: Pair | None = None, *, verify: bool = True, host: str = "127.0.0.1"
    ) -> http.client.HTTPSConnection:
        """A connection that is open; with the adapter's own authority, or with any if it has none yet."""
        context = ssl.create_default_context(cadata=self.authorities or None)
        if not verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if pair is not None:
            context.load_cert_chain(*pair)
        connection = http.client.HTTPSConnection(host, self.port, context=context, timeout=180)
        plain = socket.create_connection((host, self.port), timeout=180)
        connection.sock = context.wrap_socket(plain, server_hostname=HOST)
        return connection

    def ask(
        self,
        target: str,
        pair: Pair | None = None,
        *,
        method: str = "GET",
        verify: bool = True,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, its target as it is written here, by default as the API server; no retries."""
        connection = self.connect(pair or front_proxy(self.cluster), verify=verify)
        try:
            return over(connection, target, method=method, body=body, headers=headers)
        finally:
            connection.close()

    def anonymous(
        self, target: str, *, verify: bool = True, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request without a client certificate."""
        connection = self.connect(verify=verify)
        try:
            return over(connection, target, headers=headers)
        finally:
            connection.close()

    def readiness(self) -> Answer:
        return self.anonymous("/readyz", verify=False)

    def is_ready(self) -> bool:
        assert self.running, self.log.read_text()[-3000:]
        try:
            answer = self.readiness()
        except OSError:
            return False
        assert answer.status == 200, answer.body.decode()
        return True

    def metric(self, namespace: str, metric: str, selector: str = "", pod: str = "%2A") -> Answer:
        """As a HorizontalPodAutoscaler asks."""
        query = f"?labelSelector={selector}" if selector else ""
        target = f"{ROOT}/v1beta2/namespaces/{namespace}/pods/{pod}/{metric}{query}"
        return self.ask(target, headers={"Accept": HPA_ACCEPT})


def over(
    connection: http.client.HTTPConnection,
    target: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request over an open connection."""
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in (headers or {}).items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    return Answer(answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read())


@contextmanager
def adapter_process(cluster: Cluster, folder: Path, **settings: str) -> Iterator[Adapter]:
    """An adapter with a key pair, ready."""
    adapter = Adapter(cluster, folder)
    adapter.new_pair()
    try:
        adapter.start(wait=True, kubeconfig=None, **settings)
        yield adapter
    finally:
        adapter.kill()


@contextmanager
def registered(adapter: Adapter, version: str = "v1beta2") -> Iterator[str]:
    """The API server forwards to this adapter; the name of the APIService, which is available."""
    name = f"{version}.{names.CUSTOM_METRICS_GROUP}"
    service, api_service = _registration(adapter, version)
    adapter.cluster.apply(service, api_service)
    try:
        eventually(lambda: is_available(adapter.cluster, name))
        yield name
    finally:
        adapter.cluster.kubectl("delete", "apiservice", name, "--ignore-not-found")
        adapter.cluster.kubectl("delete", "service", SERVICE, "-n", charts.NAMESPACE, "--ignore-not-found")


def _registration(adapter: Adapter, version: str) -> tuple[Object, Object]:
    """An ExternalName is dialled directly: no endpoints and no address of a node are needed."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": charts.NAMESPACE},
        "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": adapter.port}]},
    }
    api_service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{version}.{names.CUSTOM_METRICS_GROUP}"},
        "spec": {
            "group": names.CUSTOM_METRICS_GROUP,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "caBundle": b64encode(adapter.authorities.encode()).decode(),
            "service": {"name": SERVICE, "namespace": charts.NAMESPACE, "port": adapter.port},
        },
    }
    return service, api_service


def is_available(cluster: Cluster, name: str) -> bool:
    """Whether the API server can reach the API that an APIService names."""
    answer = cluster.http.get(names.API_SERVICE.item(None, name))
    conditions = answer.raise_for_status().json().get("status", {}).get("conditions", [])
    return any(one["type"] == "Available" and one["status"] == "True" for one in conditions)
