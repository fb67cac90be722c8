"""The operator and its adapter as the chart wires them: the operator makes the certificate and registers.

What a node would do is played: the Secret is mounted, and the Service leads to the adapter's port.
"""

import base64
import os
import socket
from pathlib import Path
from typing import Final

import pytest
from paddlemodel_operator.base import names

from tests.autoscaling.support.foreign import outside
from tests.operator.support.adapters import Adapter, is_available
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.process import Operator
from tests.repository.helm.charts import ADAPTER, NAMESPACE

ADDRESS: Final = f"127.99.{os.getpid() % 250}.1"
"""The operator registers the Service's port, which is 443: it is ours on an address of our own."""


class Production:
    """Construct, `start`; `end` leaves the cluster as it was."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        for part in ("operator", "adapter"):
            (folder / part).mkdir()
        self.operator = Operator(cluster, folder / "operator")
        self._adapter = Adapter(cluster, folder / "adapter")

    def start(self) -> None:
        self._lead_the_service_here()
        self.start_operator()
        self.start_adapter()

    def start_operator(self) -> None:
        self.operator.start(namespace=NAMESPACE, adapter=ADAPTER)

    def start_adapter(self) -> None:
        """Return when the API server believes in it."""
        eventually(self._mounted)
        self._adapter.start(wait=False, bind=f"{ADDRESS}:443")
        eventually(self.is_available)

    def stop_adapter(self) -> None:
        self._adapter.kill()

    def end(self) -> None:
        self.operator.kill()
        self._adapter.kill()
        self.cluster.kubectl("delete", "apiservice", names.METRICS_API_SERVICE, "--ignore-not-found")

    def is_available(self) -> bool:
        return is_available(self.cluster, names.METRICS_API_SERVICE)

    def _lead_the_service_here(self) -> None:
        self.cluster.kubectl("delete", "service", ADAPTER, "-n", NAMESPACE, "--ignore-not-found")
        self.cluster.apply(outside(NAMESPACE, ADAPTER, ADDRESS))

    def _mounted(self) -> bool:
        """As the kubelet does, when the operator has filled it."""
        data = self.cluster.need(names.SECRET, NAMESPACE, ADAPTER).get("data", {})
        for name, content in data.items():
            (self._adapter.tls / name).write_bytes(base64.b64decode(content))
        return "tls.key" in data


def require_port() -> None:
    """Skip where 443 is for root alone and we are not."""
    try:
        socket.create_server((ADDRESS, 443)).close()
    except PermissionError:
        pytest.skip("needs root, to listen on port 443, as the adapter's Service does")
