"""What the pods of these tests say: pages of a server on a GPU, and the ways in which a scrape can fail.

The servers are those of tests/operator/support/simulated_pods.py; `kubelet.py` makes one for every Pod
object.
"""

import os
from collections.abc import Mapping
from typing import Final

from paddlemodel_api import contract

from tests.operator.support import simulated_pods
from tests.operator.support.simulated_pods import Behaviour

NETWORK: Final = f"127.{100 + os.getpid() % 100}"
"""Another one for each process, so that two sessions do not meet."""

NOTHING: Final[Mapping[str, float]] = {}

SILENCE: Final = simulated_pods.hang
FAILURE: Final = simulated_pods.respond(b"no", "HTTP/1.1 500 Internal Server Error")
GARBAGE: Final = simulated_pods.respond(b"\x00{not a page")


def page(*, gpu: float | None, nvml: str = "ok", more: Mapping[str, float] = NOTHING) -> Behaviour:
    """A pod on two GPUs: the mean `gpu` in percent, None while it cannot be told; `more` metrics by name."""
    lines = [
        "# TYPE paddle_requests_total counter",
        'paddle_requests_total{route="predict",status="200"} 12',
        "# TYPE paddle_gpu_device_utilization gauge",
        'paddle_gpu_device_utilization{gpu="0",uuid="GPU-0"} 100',
        'paddle_gpu_device_utilization{gpu="1",uuid="GPU-1"} 20',
        f'paddle_nvml_state{{state="{nvml}"}} 1',
    ]
    metrics = more if gpu is None else {contract.GPU_METRIC: gpu, **more}
    return simulated_pods.page(
        "\n".join([*lines, *(f"{name} {value}" for name, value in metrics.items()), ""])
    )
