"""The page that every pod answers with: a real server's, with what two GPUs add to it."""

import tempfile
import urllib.request
from pathlib import Path

from benchmarks.serving import contenders, workloads

ROUTES = ("/", "/v2/health/live", "/v2/models/bench")

DEVICE = """\
paddle_gpu_device_utilization{{gpu="{gpu}",uuid="{uuid}"}} 71.0
paddle_gpu_device_memory_used_bytes{{gpu="{gpu}",uuid="{uuid}"}} 1.2884901888e+10
paddle_gpu_device_memory_total_bytes{{gpu="{gpu}",uuid="{uuid}"}} 8.5899345920e+10
paddle_gpu_device_temperature_celsius{{gpu="{gpu}",uuid="{uuid}"}} 62.0
paddle_gpu_device_power_watts{{gpu="{gpu}",uuid="{uuid}"}} 412.5
paddle_gpu_device_ecc_errors_total{{gpu="{gpu}",uuid="{uuid}"}} 0.0
"""
POD = """\
paddle_gpu_utilization 71.0
paddle_gpu_memory_utilization 15.0
paddle_queue_seconds 0.002
paddle_gpu_seconds_total 86400.0
paddle_gpu_busy_seconds_total 61344.0
paddle_nvml_state{state="ok"} 1.0
"""


def real() -> bytes:
    """Starts a server on the processor, asks it a few things, and takes its page.

    It has no GPU; the lines that one adds are those of POD and DEVICE, whose numbers do not matter here.
    """
    with tempfile.TemporaryDirectory(prefix="pdm-bench-") as temporary:
        folder = Path(temporary)
        workload = workloads.mlp(folder)
        with contenders.started("ours", workload, folder) as server:
            ask, root = workload.asks["raw"]["ours"], f"http://127.0.0.1:{server.port}"
            run = urllib.request.Request(
                root + ask.path, data=ask.body, headers={"Content-Type": ask.content_type}
            )
            for request in (run, *(urllib.request.Request(root + route) for route in ROUTES)):
                urllib.request.urlopen(request, timeout=30).read()
            metrics = f"http://127.0.0.1:{server.admin_port}/metrics"
            page: bytes = urllib.request.urlopen(metrics, timeout=30).read()
    known = {line.split()[0] for line in POD.splitlines()}
    kept = [line for line in page.decode().splitlines() if line.split()[0] not in known]
    devices = [DEVICE.format(gpu=gpu, uuid=f"GPU-{gpu:08d}-0000-0000-0000-000000000000") for gpu in range(2)]
    return "\n".join([*kept, "".join([POD, *devices])]).encode()
