"""Clients inside the cluster, for tests and the demo: `steady_load.py` as pods, and what they counted."""

import base64
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devcluster.errors import DevclusterError
from devcluster.target import Target
from tests.models import text_line

NAME = "load"
SCRIPT = Path(__file__).with_name("steady_load.py")
COUNTS = ("answered", "lost", "connections", "asked to connect anew", "closed while idle")


def objects(image: str, model: str, *, at: str | None = None, pace: float = 1) -> list[dict[str, Any]]:
    """A pod with clients on every node; a DaemonSet, since a drain leaves its pods alone.

    Args:
        image: The server's, whose Python runs the script.
        model: The name of the model's Service; it detects whether a line of text is upside down.
        at: The only node to run on.
        pace: How many times as fast as the script says the clients begin.
    """
    labels = {"app": NAME}
    words = ["/load/steady_load.py", model, "80", "/predict", "image/png", "/load/body", '"label":"0"']
    container = {
        "name": NAME,
        "image": image,
        "command": ["python3", *words],
        "env": [{"name": "PACE", "value": f"{pace:g}"}],
        "volumeMounts": [{"name": NAME, "mountPath": "/load"}],
    }
    pod: dict[str, Any] = {
        "containers": [container],
        "volumes": [{"name": NAME, "configMap": {"name": NAME}}],
        "terminationGracePeriodSeconds": 0,
    }
    if at:
        pod["nodeSelector"] = {"kubernetes.io/hostname": at}
    picture = base64.b64encode(text_line()).decode()
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME},
            "data": {SCRIPT.name: SCRIPT.read_text()},
            "binaryData": {"body": picture},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": NAME},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
    ]


@dataclass(frozen=True)
class Load:
    """The clients of every node, together."""

    target: Target
    namespace: str
    pods: int

    def start(self, image: str, model: str, *, at: str | None = None, pace: float = 1) -> None:
        """Apply the objects and wait until all clients run."""
        self.target.apply(*objects(image, model, at=at, pace=pace), namespace=self.namespace)
        self.target.kubectl("rollout", "status", f"daemonset/{NAME}", self._here, "--timeout=180s")
        self.now()

    def end(self) -> None:
        """Remove them."""
        self.target.kubectl("delete", f"daemonset/{NAME}", f"configmap/{NAME}", self._here, "--wait=false")

    def pace(self, factor: float) -> None:
        """Make every client so many times as fast as `steady_load.py` says."""
        script = f"echo {factor} >/tmp/new && mv /tmp/new /tmp/pace"
        for pod in self._pods():
            self.target.kubectl("exec", pod["metadata"]["name"], self._here, "--", "sh", "-c", script)

    def now(self) -> dict[str, Any]:
        """All counts, once every pod has told them after this moment.

        Raises:
            DevclusterError: A client began anew, or tells nothing.
        """
        begun = time.time()
        pods = self._pods()
        statuses = [status for pod in pods for status in pod["status"]["containerStatuses"]]
        restarts = [status["restartCount"] for status in statuses]
        if restarts != [0] * self.pods:
            raise DevclusterError(f"restarts of the clients' pods: {restarts}; each forgets its counts")
        counted = [self._counts(pod["metadata"]["name"], begun) for pod in pods]
        keys = dict.fromkeys(key for one in counted for key in one)
        return {key: _together(key, [one[key] for one in counted if key in one]) for key in keys}

    def check(self, before: dict[str, Any], what: str) -> None:
        """Print what was counted meanwhile; none may be lost."""
        after = self.now()
        counted = {key: after.get(key, 0) - before.get(key, 0) for key in COUNTS}
        print(f"{what}: {counted}, slowest so far {after['slowest']} s")
        assert after["faults"] == before["faults"], f"{what}: {counted}"
        assert counted["lost"] == 0
        assert counted["answered"] > 100, "this was no load"

    @property
    def _here(self) -> str:
        return f"--namespace={self.namespace}"

    def _pods(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.target.read("pods", self._here, "-l", f"app={NAME}")["items"]
        return items

    def _counts(self, pod: str, since: float) -> dict[str, Any]:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            lines = self.target.kubectl("logs", pod, self._here, "--tail=1").splitlines()
            counted: dict[str, Any] = json.loads(lines[-1]) if lines else {"at": 0}
            if counted.pop("at") > since:
                return counted
            time.sleep(0.3)
        raise DevclusterError(f"the clients in the pod {pod} tell nothing")


def _together(key: str, counted: list[Any]) -> Any:
    """One figure of several pods."""
    return max(counted) if key == "slowest" else sum(counted, [] if key == "faults" else 0)
