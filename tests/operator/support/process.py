"""The operator as it runs in production: its own process, its own ServiceAccount, the chart's rights."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from devcluster import ports
from tests import cleartext
from tests.operator.support.cluster import Cluster, environment, eventually, token_kubeconfig
from tests.repository.definition import until_served
from tests.repository.helm import charts

USER = f"system:serviceaccount:{charts.NAMESPACE}:paddlemodel-operator"


def install(cluster: Cluster) -> None:
    """What the chart installs, but for the operator's own Deployment: here it is a process."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": charts.NAMESPACE}}
    objects = [item for item in charts.render() if item["kind"] != "Deployment"]
    cluster.apply(namespace, *objects)
    until_served(cluster.kubeconfig, cluster.cache)


class Operator:
    """Start, ask, stop; the log is kept in a file."""

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        server: str = "",
        account: tuple[str, str] = (charts.NAMESPACE, charts.RELEASE),
    ) -> None:
        """`account` is the namespace and the name of its ServiceAccount."""
        self._cluster = cluster
        self._account = account
        self._server = server or cluster.server
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "operator.log"

    def start(self, *, wait: bool = True, **settings: str) -> None:
        """Return when it has listed everything and reconciled every model, or at once."""
        self.port = ports.free(1)[0]
        variables = environment(
            KUBECONFIG=str(self._kubeconfig()),
            PADDLEMODEL_OPERATOR_HEALTH_BIND=f"127.0.0.1:{self.port}",
            PADDLEMODEL_OPERATOR_LOG_FORMAT="text",
            **{f"PADDLEMODEL_OPERATOR_{name.upper()}": value for name, value in settings.items()},
        )
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "paddlemodel_operator"]
            self._process = subprocess.Popen(command, env=variables, stdout=log, stderr=log, cwd=self._folder)
        if wait:
            eventually(self.is_idle)

    def _kubeconfig(self) -> Path:
        """Of its ServiceAccount, with a new token."""
        namespace, name = self._account
        token = self._cluster.kubectl("create", "token", name, "-n", namespace).strip()
        target = self._folder / "operator.kubeconfig"
        token_kubeconfig(self._cluster, token, target, self._server)
        return target

    def revive(self) -> bool:
        """Play the kubelet: start it again if it has ended; true while it runs."""
        assert self._process is not None
        if self._process.poll() is not None:
            self.start()
        return True

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(timeout=180)

    def kill(self) -> None:
        """As the kernel does when memory runs out."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=180)

    def send(self, number: int) -> None:
        """A signal, such as SIGSTOP: the process stays where it is, and its connections stand."""
        assert self._process is not None
        self._process.send_signal(number)

    def restart(self) -> None:
        self.stop()
        self.start()

    def health(self) -> dict[str, Any]:
        answer = cleartext.get(f"http://127.0.0.1:{self.port}/healthz")
        assert answer.is_success, answer.text
        state: dict[str, Any] = answer.json()
        return state

    def is_idle(self) -> bool:
        """It has begun, and nothing is left to do."""
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()[-3000:]
        state = self.health()
        return bool(state["synced"]) and state["queued"] == 0

    @property
    def memory(self) -> int:
        """Resident bytes."""
        assert self._process is not None
        return int(psutil.Process(self._process.pid).memory_info().rss)

    @property
    def peak_memory(self) -> int:
        """The most bytes that were ever resident, as the kernel counts them."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    @property
    def cpu_seconds(self) -> float:
        """Of the process, so far."""
        assert self._process is not None
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)
