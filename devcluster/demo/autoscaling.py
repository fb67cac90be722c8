"""The demo's last scene: a model on GPUs, and a real HorizontalPodAutoscaler that follows their use.

Only on a node of our own, whose GPUs are simulated and say so.
"""

import time
from typing import Any

import yaml

from devcluster.demo.paddlemodels import is_ready, wait_for
from devcluster.errors import DevclusterError
from devcluster.nodes import gpus, node
from devcluster.paths import REPOSITORY, State
from devcluster.progress import say, step
from devcluster.target import Target
from tests.cluster.load import Load

EXAMPLE = REPOSITORY / "examples" / "gpu-autoscaling-ingress.yaml"
NAME = "on-gpus"
RUN_MS = 50
QUIET, BUSY = 0.05, 0.7  # about 5 and 37 requests a second; one such GPU can do 20
#: The defaults wait for minutes before they take a pod away, and a demo must not.
BEHAVIOR = {"scaleUp": {"stabilizationWindowSeconds": 0}, "scaleDown": {"stabilizationWindowSeconds": 10}}
AUTOSCALING = {"maxReplicas": 3, "gpuUtilization": 70, "behavior": BEHAVIOR}

_MOST_SECONDS = 180


def play(state: State, target: Target, namespace: str, image: str, like: dict[str, Any]) -> None:
    """Plug GPUs in, apply a model that wants some, and let its load rise and fall.

    Args:
        state: The node.
        target: The cluster on it, with the operator.
        namespace: Where the model shall be.
        image: The server's, whose Python makes the load.
        like: A PaddleModel whose source and task are taken over.

    Raises:
        DevclusterError: The autoscaler did not follow.
    """
    with step("plug in 3 GPUs that are simulated: this machine needs none"):
        say(f"    device plugin and NVML as real ones; Paddle computes on the CPU, {RUN_MS} ms a run")
        gpus.plug(state, 3, run_ms=RUN_MS)
    model = _model(like)
    with step("apply a model with `device: GPU` that scales itself:"):
        say(_indented(yaml.safe_dump({"autoscaling": model["spec"]["autoscaling"]}, sort_keys=False)))
        target.apply(model, namespace=namespace)
        wait_for(target, NAME, namespace, is_ready, "Ready")
    load = Load(target, namespace, 1)
    with step("let some clients ask it"):
        load.start(image, NAME, at=node.NAME, pace=QUIET)
    table = _Table(target, namespace, load)
    with step("the load rises; no Prometheus and no adapter but our own is in this cluster"):
        say("    seconds  requests/s  GPU use (target)  pods wanted  ready")
        load.pace(BUSY)
        table.until(3)
    with step("the load falls"):
        load.pace(QUIET)
        table.until(1)
    counted = load.now()
    say(f"    {counted['answered']} requests were answered, {counted.get('lost', 0)} lost")
    load.end()


def _model(like: dict[str, Any]) -> dict[str, Any]:
    """The GPU example, with a model that this cluster has, small enough for two cores."""
    content: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    content["metadata"]["name"] = NAME
    spec = content["spec"]
    spec |= {"model": like["spec"]["model"], "task": like["spec"]["task"]}
    spec |= {"server": {"batching": {"maxBatchSize": 1}}, "resources": {"requests": {"cpu": "50m"}}}
    spec["autoscaling"] = AUTOSCALING
    del spec["ingress"]
    return content


class _Table:
    """A line whenever pods come or go, and every five seconds."""

    def __init__(self, target: Target, namespace: str, load: Load) -> None:
        self._target, self._here, self._load = target, f"--namespace={namespace}", load
        self._began = time.monotonic()
        self._printed = self._began, load.now().get("answered", 0)
        self._pods = (0, 0)

    def until(self, replicas: int) -> None:
        """Print lines until so many pods are wanted and ready."""
        deadline = time.monotonic() + _MOST_SECONDS
        while time.monotonic() < deadline:
            deployment = self._target.read("deployment", NAME, self._here)
            pods = deployment["spec"]["replicas"], deployment["status"].get("readyReplicas", 0)
            if pods != self._pods or time.monotonic() - self._printed[0] > 5:
                self._pods = pods
                self._print_row()
            if pods == (replicas, replicas):
                return
            time.sleep(0.5)
        found = self._target.kubectl("describe", "hpa", NAME, self._here)
        raise DevclusterError(f"the autoscaler did not bring {replicas} pods:\n{found}")

    def _print_row(self) -> None:
        now, answered = time.monotonic(), self._load.now().get("answered", 0)
        rate = (answered - self._printed[1]) / (now - self._printed[0])
        self._printed = now, answered
        wanted, ready = self._pods
        say(f"    {now - self._began:7.0f}  {rate:10.0f}  {self._use():>16}  {wanted:11}  {ready:5}")

    def _use(self) -> str:
        """What the autoscaler last saw, and what it aims at."""
        autoscaler = self._target.read("hpa", NAME, self._here)
        (metric,) = autoscaler["spec"]["metrics"]
        (seen,) = autoscaler.get("status", {}).get("currentMetrics") or [{}]
        quantity = seen.get("pods", {}).get("current", {}).get("averageValue", "")
        percent = f"{number(quantity):.0f} %" if quantity else "?"
        return f"{percent} ({metric['pods']['target']['averageValue']} %)"


def number(quantity: str) -> float:
    """A Quantity as the metrics API writes it: 47, 47500m."""
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def _indented(text: str) -> str:
    return "\n".join("      " + line for line in text.rstrip().splitlines())
