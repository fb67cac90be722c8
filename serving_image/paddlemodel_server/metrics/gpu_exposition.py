"""The part of the /metrics page about GPUs, for pods that have some."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from paddlemodel_server.ipc.gpu_page import GpuPage, GpuSample, State

_LABELS: Final = ("gpu", "uuid")
_DEVICES: Final = {  # by the name of a DeviceReading's field
    "utilization": ("paddle_gpu_device_utilization", "Percent of the last half minute in which it worked."),
    "memory_used": ("paddle_gpu_device_memory_used_bytes", "Its memory that is taken, by any process."),
    "memory_total": ("paddle_gpu_device_memory_total_bytes", "Its memory."),
    "temperature": ("paddle_gpu_device_temperature_celsius", "Its temperature."),
    "power": ("paddle_gpu_device_power_watts", "What it draws."),
    "shared": ("paddle_gpu_device_shared", "Whether NVML shows other programs on it."),
}


class Gpus(Collector):
    """What the sampler wrote last."""

    def __init__(self, gpu_page_fd: int, ready: Callable[[], bool]) -> None:
        """Read the page; `ready` tells whether the model is loaded."""
        self._gpu_page = GpuPage(gpu_page_fd)
        self._ready = ready

    def collect(self) -> Iterable[Metric]:
        """Read the last sample."""
        sample, ready = self._gpu_page.read(time.monotonic()), self._ready()
        if ready and sample.utilization is not None:
            yield GaugeMetricFamily(
                "paddle_gpu_utilization",
                "Percent of the last half minute in which the pod's GPUs worked, on average.",
                sample.utilization,
            )
        if ready and sample.memory is not None:
            yield GaugeMetricFamily(
                "paddle_gpu_memory_utilization", "Percent of the GPUs' memory that is taken.", sample.memory
            )
        yield CounterMetricFamily(
            "paddle_gpu_seconds", "Seconds that GPUs were held, of each one.", sample.gpu_seconds
        )
        yield CounterMetricFamily(
            "paddle_gpu_busy_seconds", "Of these, those in which they worked.", sample.busy_seconds
        )
        state = GaugeMetricFamily("paddle_nvml_state", "How NVML is; 1 for what is true.", labels=["state"])
        loading = sample.state == State.OK and not ready
        state.add_metric([(State.LOADING if loading else sample.state).name.lower()], 1)
        yield state
        yield from _devices(sample)


def _devices(sample: GpuSample) -> Iterable[Metric]:
    families: dict[str, Metric] = {
        field: GaugeMetricFamily(name, text, labels=_LABELS) for field, (name, text) in _DEVICES.items()
    }
    families["ecc_errors"] = CounterMetricFamily(
        "paddle_gpu_device_ecc_errors", "Uncorrected errors of its memory.", labels=_LABELS
    )
    for device in sample.devices:
        for field, family in families.items():
            value = getattr(device, field)
            if value is not None:
                family.add_metric([str(device.index), device.uuid], value)  # type: ignore[attr-defined]
    yield from (family for family in families.values() if family.samples)
