"""GPUs that exist for the scheduler alone."""

import json

from devcluster import node, waiting
from devcluster.kubectl import kubectl
from devcluster.paths import State


def pretend(state: State, count: int) -> None:
    """Give the node `count` devices nvidia.com/gpu that do not exist: for the scheduler, not for Paddle."""
    patch = [{"op": "add", "path": "/status/capacity/nvidia.com~1gpu", "value": str(count)}]
    kubectl(
        state,
        "patch",
        "node",
        node.NAME,
        "--subresource=status",
        "--type=json",
        f"--patch={json.dumps(patch)}",
    )
    waiting.until(
        state,
        "the pretended GPUs",
        ("get", "node", node.NAME, "-o", r"jsonpath={.status.allocatable.nvidia\.com/gpu}"),
        lambda answer: answer == str(count),
        seconds=60,
    )
