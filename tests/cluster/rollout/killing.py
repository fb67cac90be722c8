"""Kills the operator on a node, by SIGKILL, whenever it has written something of a model's rollout."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from paddlemodel_api import contract

from devcluster.demo.paddlemodels import condition, reader
from devcluster.paths import State
from devcluster.target import SYSTEM_NAMESPACE, Target
from tests.operator.support.cluster import eventually

Object = dict[str, Any]
Moment = tuple[object, ...]

_SYSTEM = f"--namespace={SYSTEM_NAMESPACE}"
_OPERATOR = "app.kubernetes.io/name=paddlemodel-operator"


def killed_after_each_write(
    state: State,
    target: Target,
    namespace: str,
    name: str,
    is_over: Callable[[Object], bool],
    seconds: float = 1200,
) -> list[Moment]:
    """Kill the operator at each new moment of a model's rollout until it is over, and return the moments.

    A moment is what the status says of the rollout, numbers apart, and the generation of each Deployment:
    only the operator writes that. The pod that is killed is replaced at once; kubelet would wait ever longer.
    """
    model = f"/apis/paddlemodel.dev/v1alpha1/namespaces/{namespace}/paddlemodels/{name}"
    workloads = (
        f"/apis/apps/v1/namespaces/{namespace}/deployments?labelSelector={contract.MODEL_LABEL}%3D{name}"
    )
    deadline, moments = time.monotonic() + seconds, list[Moment]()
    with reader(target, model) as read, reader(target, workloads) as deployments:
        while not is_over(item := read()):
            assert time.monotonic() < deadline, moments
            found = _moment(item, deployments()["items"])
            if found not in moments:
                moments.append(found)
                _kill(state, target)
            time.sleep(0.05)
    return moments


def _moment(item: Object, deployments: list[Object]) -> Moment:
    rollout = item["status"].get("rollout", {})
    said = (rollout.get(key) for key in ("phase", "step", "weight", "canaryRevision", "stableRevision"))
    generations = sorted((one["metadata"]["name"], one["metadata"]["generation"]) for one in deployments)
    return (*said, condition(item, "Ready")["reason"], *generations)


def _kill(state: State, target: Target) -> None:
    """End the process as the kernel would, and its pod with it; until the next one runs."""
    (process,) = _operators(state)
    process.send_signal(signal.SIGKILL)
    (pod,) = target.read("pods", _SYSTEM, "-l", _OPERATOR)["items"]
    target.kubectl("delete", "pod", pod["metadata"]["name"], _SYSTEM, "--force", "--grace-period=0")
    eventually(lambda: _operators(state))


def _operators(state: State) -> list[psutil.Process]:
    """Those in pods of this machine's node."""
    return [one for one in psutil.process_iter() if _is_operator(one, f"/devcluster-{state.root.name}/")]


def _is_operator(process: psutil.Process, cgroup: str) -> bool:
    try:
        is_operator = process.cmdline()[1:] == ["-m", "paddlemodel_operator"]
        return is_operator and cgroup in Path(f"/proc/{process.pid}/cgroup").read_text()
    except (psutil.Error, OSError):
        return False
