"""What readings of the pod's GPUs come to: means, counters, whether others use them. Pure.

In comes a reading of each device every second, out goes a sample of all to publish.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from paddlemodel_server.gpu.devices import Device, Reading, Sharing
from paddlemodel_server.ipc.gpu_page import DeviceReading, GpuSample, State
from paddlemodel_server.metrics.sliding_mean import Window

GAP_SECONDS = 3.0  # what is longer was not sampled, and is not counted as if it had been


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Which places for workers are taken; worker N uses the device N, or begins again from the first."""

    alive: Sequence[int] = ()  # those that load included
    ready: Sequence[int] = ()


class _Gpu:
    """A device that workers use, and what was seen of it lately."""

    def __init__(self, device: Device, places: Sequence[int], sharing: Sharing) -> None:
        self._device = device
        self._places = set(places)
        self._sharing = sharing
        self._window = Window()

    def serves(self, workers: Workers) -> bool:
        """Whether a model is loaded on it."""
        return not self._places.isdisjoint(workers.ready)

    def take(self, now: float, reading: Reading, workers: Workers) -> DeviceReading:
        if reading.utilization is not None:
            self._window.add(now, reading.utilization)
        alive, ready = (len(self._places & set(places)) for places in (workers.alive, workers.ready))
        return DeviceReading(
            index=self._device.index,
            uuid=self._device.uuid,
            utilization=None if reading.utilization is None else self._window.mean,
            memory_used=reading.memory_used,
            memory_total=reading.memory_total,
            temperature=reading.temperature,
            power=reading.power,
            ecc_errors=reading.ecc_errors,
            shared=self._sharing.step(reading.processes, alive, ready),
        )


class Gpus:
    """All devices of the pod that workers use."""

    def __init__(self, *, time_sliced: bool) -> None:
        """Begin; `time_sliced` is what the environment says."""
        self._time_sliced = time_sliced
        self._gpus: list[_Gpu] = []
        self._mig = False
        self._held = 0
        self._window = Window()
        self._ready = False
        self._taken_at: float | None = None
        self._gpu_seconds = self._busy_seconds = 0.0

    def found(self, used: Sequence[tuple[Device, Sequence[int]]], held: int) -> None:
        """Know the devices, with the places of the workers on each, and how many the pod holds in all."""
        self._gpus = [_Gpu(device, places, Sharing(declared=self._time_sliced)) for device, places in used]
        self._mig = any(device.mig for device, _ in used)
        self._held = held

    def lost(self, state: State) -> GpuSample:
        """Know nothing any more but what has been counted; what was seen before says nothing of later."""
        self._gpus = []
        self._window.clear()
        self._taken_at = None
        return GpuSample(state=state, gpu_seconds=self._gpu_seconds, busy_seconds=self._busy_seconds)

    def take(self, now: float, readings: Sequence[Reading], workers: Workers) -> GpuSample:
        """Take in a sample.

        Args:
            now: monotonic seconds.
            readings: of each device, in the order in which they were found.
            workers: who uses them now.
        """
        devices = [gpu.take(now, reading, workers) for gpu, reading in zip(self._gpus, readings, strict=True)]
        loads = [reading.utilization for reading in readings if reading.utilization is not None]
        known = len(loads) == len(readings)
        if known:
            self._count(now, loads)
            self._average(now, loads, workers)
        state = State.MIG if self._mig else State.OK if known else State.FAILED
        return GpuSample(
            state=state,
            utilization=self._window.mean if known else None,
            memory=None if state == State.FAILED else _memory(readings),
            gpu_seconds=self._gpu_seconds,
            busy_seconds=self._busy_seconds,
            devices=devices,
        )

    def _average(self, now: float, loads: Sequence[float], workers: Workers) -> None:
        """Over the devices that serve: one whose worker still loads, or again, would count as an idle one."""
        serving = [load for gpu, load in zip(self._gpus, loads, strict=True) if gpu.serves(workers)]
        if not serving or not self._ready:  # none is ready, or none was for all of this second
            self._window.clear()
        else:
            self._window.add(now, sum(serving) / len(serving))
        self._ready = bool(serving)

    def _count(self, now: float, loads: Sequence[float]) -> None:
        passed = now - self._taken_at if self._taken_at is not None else 0.0
        self._taken_at = now
        if passed <= GAP_SECONDS:
            self._gpu_seconds += passed * self._held
            self._busy_seconds += passed * sum(loads) / 100


def _memory(readings: Sequence[Reading]) -> float | None:
    """Percent of the devices' memory that is taken; None where one does not tell."""
    used = [reading.memory_used for reading in readings if reading.memory_used is not None]
    total = [reading.memory_total for reading in readings if reading.memory_total]
    if not readings or not len(used) == len(total) == len(readings):
        return None
    return 100 * sum(used) / sum(total)
