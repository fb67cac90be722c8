"""What the pod's GPUs show, in shared memory: sampled once a second, read by every HTTP worker.

There is room for two samples; the writer fills the one that is not read and then turns, so a reader never
sees half a sample. A writer whose call of NVML does not return gives no more sign of life, and what it wrote
is worth nothing after a few seconds. The supervisor makes the page (an anonymous memory file) on a GPU only.
"""

import mmap
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from enum import IntEnum
from math import isnan, nan
from typing import Any, Final

import numpy as np

from paddlemodel_server.ipc import pages

MAX_DEVICES: Final = 64
STALE_SECONDS: Final = 5.0  # without a sign of life a call of NVML hangs


class State(IntEnum):
    """How the connection to NVML is; metrics have `name` in lower case."""

    LOADING = 0  # nothing is known yet, or no worker is ready
    OK = 1
    MIG = 2  # a part of a GPU, whose utilisation NVML does not tell
    LIBRARY_MISSING = 3
    NO_DEVICE = 4
    FAILED = 5


@dataclass(frozen=True, kw_only=True)
class DeviceReading:
    """One device; None is what it does not tell."""

    index: int
    uuid: str
    utilization: float | None = None  # percent, mean of the last half minute
    memory_used: float | None = None  # bytes
    memory_total: float | None = None
    temperature: float | None = None  # degrees Celsius
    power: float | None = None  # watts
    ecc_errors: float | None = None
    shared: float | None = None  # 1: others use it, too


@dataclass(frozen=True, kw_only=True)
class GpuSample:
    """All that is known at one moment."""

    state: State = State.LOADING
    utilization: float | None = (
        None  # percent: mean over the pod's devices and half a minute since it is ready
    )
    memory: float | None = None  # percent of their memory that is taken
    gpu_seconds: float = 0.0  # that the pod has held devices while their utilisation was known
    busy_seconds: float = 0.0  # of these, by their utilisation
    devices: Sequence[DeviceReading] = ()


_READINGS = [field.name for field in fields(DeviceReading)][2:]
_DEVICE = np.dtype([("uuid", "S96"), ("index", "f8"), *[(name, "f8") for name in _READINGS]])
_NUMBERS = ("state", "utilization", "memory", "gpu_seconds", "busy_seconds")
_SAMPLE = np.dtype(
    [*[(name, "f8") for name in _NUMBERS], ("count", "f8"), ("devices", _DEVICE, (MAX_DEVICES,))]
)
_PAGE = np.dtype([("beat", "f8"), ("turn", "i8"), ("samples", _SAMPLE, (2,))])


def create() -> int:
    """Make the page; the descriptor is inherited by every child."""
    fd = pages.create("gpu-page", _PAGE.itemsize)
    GpuPage(fd).write(GpuSample())  # an untouched page would say 0, which is a value
    return fd


class GpuPage:
    """The page: one writer, any number of readers."""

    def __init__(self, fd: int) -> None:
        self._page: Any = np.frombuffer(mmap.mmap(fd, _PAGE.itemsize), _PAGE)[0:1]

    def beat(self, now: float) -> None:
        """Give a sign of life."""
        self._page["beat"] = now

    def silent(self, now: float) -> bool:
        """Whether the writer has begun, and then given no sign of life for too long."""
        beat = float(self._page["beat"][0])
        return beat > 0 and now - beat > STALE_SECONDS

    def write(self, sample: GpuSample) -> None:
        """Publish what is known now."""
        turn = 1 - int(self._page["turn"][0])
        found = self._page["samples"][0, turn]
        for name in _NUMBERS:
            found[name] = _cell(getattr(sample, name))
        rows = [
            (device.uuid.encode(), *map(_cell, _numbers(device))) for device in sample.devices[:MAX_DEVICES]
        ]
        found["count"] = len(rows)
        found["devices"][: len(rows)] = np.array(rows, _DEVICE)
        self._page["turn"] = turn

    def read(self, now: float) -> GpuSample:
        """What is known at `now`, in monotonic seconds; of a silent writer only what it has counted."""
        found = self._page["samples"][0, int(self._page["turn"][0])]
        numbers = {name: _value(found[name]) for name in _NUMBERS}
        counted = GpuSample(
            state=State.FAILED,
            gpu_seconds=numbers["gpu_seconds"] or 0.0,
            busy_seconds=numbers["busy_seconds"] or 0.0,
        )
        if self.silent(now):
            return counted
        rows = found["devices"][: int(found["count"])].tolist()
        return replace(
            counted,
            state=State(int(found["state"])),
            utilization=numbers["utilization"],
            memory=numbers["memory"],
            devices=[
                DeviceReading(
                    index=int(index),
                    uuid=uuid.decode(),
                    **{name: _value(cell) for name, cell in zip(_READINGS, cells, strict=True)},
                )
                for uuid, index, *cells in rows
            ],
        )


def _numbers(device: DeviceReading) -> list[float | None]:
    index, _, *readings = astuple(device)
    return [index, *readings]


def _cell(value: float | None) -> float:
    return nan if value is None else float(value)


def _value(cell: float) -> float | None:
    return None if isnan(cell) else float(cell)
