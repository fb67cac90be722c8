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


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What the clients send to `/predict`, and the words that a right answer has."""

    media: str
    body: bytes
    expected: str


def line_of_text() -> Ask:
    """A picture; a model detects whether it is upside down."""
    return Ask(media="image/png", body=text_line(), expected='"label":"0"')


def objects(
    image: str, model: str, *, at: str | None = None, pace: float = 1, ask: Ask | None = None
) -> list[dict[str, Any]]:
    """A pod with clients on every node; a DaemonSet, since a drain leaves its pods alone.

    Args:
        image: The server's, whose Python runs the script.
        model: The name of the model's Service.
        at: The only node to run on.
        pace: How many times as fast as the script says the clients begin.
        ask: What they send; a line of text by default.
    """
    ask = ask or line_of_text()
    labels = {"app": NAME}
    words = ["/load/steady_load.py", model, "80", "/predict", ask.media, "/load/body", ask.expected]
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
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME},
            "data": {SCRIPT.name: SCRIPT.read_text()},
            "binaryData": {"body": base64.b64encode(ask.body).decode()},
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

    def start(
        self, image: str, model: str, *, at: str | None = None, pace: float = 1, ask: Ask | None = None
    ) -> None:
        """Apply the objects and wait until all clients run; the arguments are those of `objects`."""
        self.target.apply(*objects(image, model, at=at, pace=pace, ask=ask), namespace=self.namespace)
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
