"""Plugs GPUs that do not exist into a node, and pulls them out again."""

import sys
from pathlib import Path

from devcluster import cluster, node, waiting
from devcluster.device_plugin import RESOURCE
from devcluster.paths import State, for_our_modules
from devcluster.process import Process, spawn

#: Where NVIDIA's runtime puts the library of the driver.
NVML = "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"

#: Fixed in the kubelet, whatever its root; inside the namespace this place is the cluster's own.
_FOLDER = "/var/lib/kubelet/device-plugins"


def plug(state: State, count: int, nvml: Path | None = None) -> None:
    """Offer `count` devices nvidia.com/gpu; a container that gets one finds the library `nvml`, if given.

    Replaces what was plugged before.

    Raises:
        DevclusterError: The kubelet did not take them.
    """
    unplug(state)
    mounts = [f"{nvml}:{NVML}"] if nvml else []
    words = [sys.executable, "-m", "devcluster.device_plugin", _FOLDER, str(count), *mounts]
    pid = spawn(
        cluster.inside(state, *words),
        state.logs / "device-plugin.log",
        environment=for_our_modules(),
        session=True,
    )
    Process.of(pid).write(_pid_file(state))
    _wait_for(state, count)


def unplug(state: State) -> None:
    """End the plugin: the kubelet then has no healthy device to hand out."""
    process = Process.read(_pid_file(state))
    if process is None:
        return
    process.kill()
    _pid_file(state).unlink()
    if state.is_up():
        _wait_for(state, 0)


def _pid_file(state: State) -> Path:
    return state.root / "device-plugin.pid"


def _wait_for(state: State, count: int) -> None:
    path = "jsonpath={.status.allocatable." + RESOURCE.replace(".", r"\.") + "}"
    waiting.until(
        state,
        f"{count} allocatable {RESOURCE}",
        ("get", "node", node.NAME, "-o", path),
        lambda answer: int(answer or 0) == count,
        seconds=180,
    )
