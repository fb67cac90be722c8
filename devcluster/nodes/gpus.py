"""Plugs GPUs that do not exist into a node, pulls them out again, and lets them fail meanwhile."""

import sys
import uuid
from pathlib import Path

from devcluster import cluster, simulated_gpu, waiting
from devcluster.nodes.device_plugin import RESOURCE, Plan
from devcluster.nodes.node import Node
from devcluster.paths import State, for_our_modules
from devcluster.process import Process, spawn

#: Where NVIDIA's runtime puts the library of the driver.
NVML = f"/usr/lib/x86_64-linux-gnu/{simulated_gpu.LIBRARY}"

#: Where the server's image has its Python packages.
PACKAGES = "/opt/venv/lib/python3.11/site-packages"

#: Fixed in the kubelet, whatever its root; inside the namespace this place is the node's own.
_KUBELET = "/var/lib/kubelet/device-plugins"


def plug(state: State, count: int, *, at: Node | None = None, run_ms: float = 20) -> None:
    """Offer `count` devices nvidia.com/gpu on a node, the first one if none is said.

    Replaces what was plugged there before.

    Args:
        state: The cluster.
        count: Devices.
        at: The node.
        run_ms: How long a run on such a device lasts at least, in milliseconds.

    Raises:
        DevclusterError: The kubelet did not take them.
    """
    one = at or Node()
    unplug(state, at=one)
    plan = _folder(state, one) / "plan.json"
    _plan(state, one, count, run_ms).write(plan)
    pid = spawn(
        cluster.inside(state, sys.executable, "-m", "devcluster.nodes.device_plugin", str(plan), at=one),
        state.logs / f"{one.named('device-plugin')}.log",
        environment=for_our_modules(),
        session=True,
    )
    Process.of(pid).write(_pid_file(state, one))
    _wait_for(state, one, count)


def unplug(state: State, *, at: Node | None = None) -> None:
    """End the plugin: the kubelet then has no healthy device to hand out."""
    one = at or Node()
    process = Process.read(_pid_file(state, one))
    if process is None:
        return
    process.kill()
    _pid_file(state, one).unlink()
    if state.is_up():
        _wait_for(state, one, 0)


def answer(state: State, words: str) -> None:
    """Change what NVML says, from now on, of every device that a container has.

    Args:
        state: The cluster.
        words: As in a line of SIMULATED_NVML (`simulated_gpu/nvml.c`), such as `util=load` or `error=15`.
    """
    for one in cluster.nodes(state):
        for file in _control(state, one).glob("GPU-*"):
            named = [line.split()[0] for line in file.read_text().splitlines()]
            new = file.with_name("new")
            new.write_text("".join(f"{name} {words}\n" for name in named))
            new.rename(file)


def _plan(state: State, one: Node, count: int, run_ms: float) -> Plan:
    control, sources = _control(state, one), Path(simulated_gpu.__file__).parent
    control.mkdir(parents=True, exist_ok=True)
    library = simulated_gpu.build_nvml(_folder(state, one))
    in_paddle = [(str(sources / file), f"{PACKAGES}/{file}") for file in simulated_gpu.IN_PADDLE]
    return Plan(
        kubelet=_KUBELET,
        uuids=[f"GPU-{uuid.uuid5(uuid.NAMESPACE_DNS, f'{index}.{one.name}')}" for index in range(count)],
        mounts=[(str(library), NVML), *in_paddle],
        control=str(control),
        control_inside="/run/simulated-gpu",
        environment={"SIMULATED_GPU_RUN_MS": f"{run_ms:g}"},
    )


def _folder(state: State, one: Node) -> Path:
    return state.root / one.named("gpus")


def _control(state: State, one: Node) -> Path:
    return _folder(state, one) / "control"


def _pid_file(state: State, one: Node) -> Path:
    return state.root / f"{one.named('device-plugin')}.pid"


def _wait_for(state: State, one: Node, count: int) -> None:
    path = "jsonpath={.status.allocatable." + RESOURCE.replace(".", r"\.") + "}"
    waiting.until(
        state,
        f"{count} allocatable {RESOURCE} of {one.name}",
        ("get", "node", one.name, "-o", path),
        lambda found: int(found or 0) == count,
        seconds=180,
    )
