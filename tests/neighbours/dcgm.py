"""Simulates NVIDIA's dcgm-exporter on one node: no GPU exists here, so its numbers are ours.

The labels are those of its default configuration: which device, and of which pod it is a part.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.neighbours.pages import Page

Object = dict[str, Any]

#: Labels of the exporter's own pod, as a ServiceMonitor attaches them to what it scrapes.
TARGET: Final = {
    "namespace": "gpu-operator",
    "pod": "nvidia-dcgm-exporter-7xk2p",
    "container": "nvidia-dcgm-exporter",
}
Devices = Mapping[tuple[str, str], list[float]]
"""Utilisation in percent of each device, by (namespace, pod) that has it."""


def exporter(devices: Callable[[], Devices]) -> Page:
    """It asks for the devices at every scrape."""
    return Page("text/plain; version=0.0.4", lambda: _page(devices()))


def scrape_config(page: Page, *, honor_labels: bool) -> Object:
    """As the ServiceMonitor of its Helm chart, with either setting of `serviceMonitor.honorLabels`."""
    return {
        "job_name": "nvidia-dcgm-exporter",
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "honor_labels": honor_labels,
        "static_configs": [{"targets": [page.address], "labels": TARGET}],
    }


def _page(devices: Devices) -> str:
    lines = ["# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).", "# TYPE DCGM_FI_DEV_GPU_UTIL gauge"]
    series = ((owner, value) for owner, values in devices.items() for value in values)
    for number, ((namespace, pod), value) in enumerate(series):
        labels = {
            "gpu": number,
            "UUID": f"GPU-{number:08d}-0000-0000-0000-000000000000",
            "pci_bus_id": f"00000000:{number:02X}:00.0",
            "device": f"nvidia{number}",
            "modelName": "NVIDIA L4",
            "hostname": "gpu-node-1",
            "container": "server",
            "namespace": namespace,
            "pod": pod,
        }
        joined = ",".join(f'{name}="{said}"' for name, said in labels.items())
        lines.append(f"DCGM_FI_DEV_GPU_UTIL{{{joined}}} {value}")
    return "\n".join([*lines, ""])
