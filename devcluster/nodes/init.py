"""The cluster's init process: mounts, interfaces, then every component, restarted when it dies.

Started by `cluster.up` as PID 1 of the node's namespaces, or as a plain process for a control plane
alone; a further node's init is a component of the first one's. Killing it ends everything: by the kernel in
the first case, by parent-death signals in both.
Usage: python -m devcluster.nodes.init PLAN
"""

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from devcluster.nodes import cgroups
from devcluster.nodes.plan import Component, Plan
from devcluster.process import spawn

_RESTART_SECONDS = 1.0


def main(plan_file: str) -> None:
    """Prepare the namespace if there is one, start everything, then watch for ever."""
    plan = Plan.read(Path(plan_file))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if plan.kubelet:
        _prepare_namespace(plan)
    supervisor = Supervisor(plan)
    for component in plan.components:
        supervisor.start(component)
        if component.ready:
            supervisor.wait_until_ready(component)
    supervisor.watch()


def _prepare_namespace(plan: Plan) -> None:
    cgroups.mount_own()
    kubelet = Path(plan.kubelet)
    kubelet.mkdir(parents=True, exist_ok=True)
    shares = [["mount", "--bind", str(kubelet), str(kubelet)], ["mount", "--make-rshared", str(kubelet)]]
    hides = [["mount", "-t", "tmpfs", "tmpfs", folder] for folder in plan.mounts]
    for command in [*shares, *hides, *plan.network, ["hostname", plan.hostname]]:
        subprocess.run(command, check=True)


class Supervisor:
    """Starts components, and starts them again a second after they die."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.running: dict[int, Component] = {}
        self.restarts: dict[str, int] = {}

    def start(self, component: Component) -> None:
        """Start one component with its own log file."""
        foreign = (self.plan.listener,) if component.name != "gateway" and self.plan.listener >= 0 else ()
        pid = spawn(
            ["setpriv", "--pdeathsig", "KILL", *component.argv],  # it dies with this process
            Path(self.plan.logs) / f"{component.name}.log",
            environment={"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"},
            close=foreign,
        )
        self.running[pid] = component
        self.report()

    def wait_until_ready(self, component: Component) -> None:
        """Poll its readiness; restarts whatever dies meanwhile."""
        while not self._is_ready(component.ready):
            self.reap()
            time.sleep(0.05)

    def watch(self) -> None:
        """Restart what dies; as PID 1 also collect orphans."""
        while True:
            self.reap()
            time.sleep(0.2)

    def reap(self) -> None:
        """Collect every dead child and restart those that are components."""
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if component := self.running.pop(pid, None):
                self.restarts[component.name] = self.restarts.get(component.name, 0) + 1
                self.report()
                time.sleep(_RESTART_SECONDS)
                self.start(component)

    def report(self) -> None:
        """Tell `devcluster status` what runs."""
        alive = {component.name: pid for pid, component in self.running.items()}
        content = {
            component.name: {
                "pid": alive.get(component.name),
                "restarts": self.restarts.get(component.name, 0),
            }
            for component in self.plan.components
        }
        unfinished = Path(self.plan.report + ".part")
        unfinished.write_text(json.dumps(content))
        unfinished.rename(self.plan.report)

    def _is_ready(self, ready: str) -> bool:
        url = urlsplit(ready)
        host, port = url.hostname or "", url.port
        if url.scheme == "https":
            certificate, key, authority = self.plan.admin
            context = ssl.create_default_context(cafile=authority)
            context.load_cert_chain(certificate, key)
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=2, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=2)
        try:
            connection.request("GET", url.path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
