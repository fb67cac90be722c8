"""Our adapter as a process, and its registration, in the hands of a test.

Who registers it in production is the operator (test_doctor.py); here a test does, so that it can take the
registration away or change its rank.
"""

import base64
from pathlib import Path

from paddlemodel_operator.base import names

from tests.autoscaling.support.foreign import api_service, outside
from tests.operator.support.adapters import SERVICE, Adapter, is_available
from tests.operator.support.cluster import Cluster, eventually
from tests.repository.helm import charts


class MetricsApi:
    """Construct, `restore`; every test may leave it in any state, and the next one restores it."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster = cluster
        self._adapter = Adapter(cluster, folder)
        self._adapter.new_pair()

    def restore(self) -> None:
        """It runs, it is registered, and the API server believes in it."""
        self.start()
        self.register()

    def start(self) -> None:
        if not self._adapter.running:
            self._adapter.start()

    def stop(self) -> None:
        """As the kernel does when memory runs out."""
        self._adapter.kill()

    def register(self, priority: int = 200) -> None:
        service = {"namespace": charts.NAMESPACE, "name": SERVICE, "port": self._adapter.port}
        registration = api_service("v1beta2", service, priority=priority)
        del registration["spec"]["insecureSkipTLSVerify"]
        registration["spec"]["caBundle"] = base64.b64encode(self._adapter.authorities.encode()).decode()
        self._cluster.apply(outside(charts.NAMESPACE, SERVICE), registration)
        eventually(self.is_available)

    def unregister(self) -> None:
        self._cluster.kubectl("delete", "apiservice", names.METRICS_API_SERVICE, "--ignore-not-found")

    def is_available(self) -> bool:
        """As the API server sees it."""
        return is_available(self._cluster, names.METRICS_API_SERVICE)
