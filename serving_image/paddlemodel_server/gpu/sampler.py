"""Samples the pod's GPUs once a second, in a thread of the supervisor, which serves no requests.

Whatever NVML does, requests are answered: where it fails, its numbers are absent, the log says once why and
what helps, and it is tried again, ever more rarely. Its thread shows that it lives: a call of NVML may never
return.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from paddlemodel_server.gpu import devices, nvml
from paddlemodel_server.gpu.devices import Device
from paddlemodel_server.gpu.readings import Gpus, Workers
from paddlemodel_server.ipc.gpu_page import GpuPage, GpuSample, State

PERIOD_SECONDS: Final = 1.0
MOST_PAUSE_SECONDS: Final = 30.0  # between attempts to reach NVML again
CONNECT_SECONDS: Final = 30.0  # more than a driver takes that must wake many GPUs first

_STATES: Final = {nvml.LIBRARY_MISSING: State.LIBRARY_MISSING, nvml.NOT_FOUND: State.NO_DEVICE}
_INSTEAD: Final = "paddle_gpu_utilization is absent; scale on autoscaling.busyRatio instead"
_SHARED: Final = (
    "others use a GPU, too (time slicing or MPS): paddle_gpu_utilization is that of all of them; scale on "
    "autoscaling.busyRatio instead"
)
_HANGS: Final = (
    "a call of NVML does not return: GPU metrics are absent; if nvidia-smi on the node hangs, too, drain the "
    "node and reboot it"
)

logger = logging.getLogger(__name__)


class Sampler:
    """Looks at the devices of the pod that workers use."""

    def __init__(
        self,
        names: Sequence[str],
        used: int,
        gpu_page_fd: int,
        workers: Callable[[], Workers],
        environ: Mapping[str, str],
    ) -> None:
        """Know the devices' names; nothing is asked yet.

        Args:
            names: the pod's devices, from `devices.assigned`.
            used: how many of them, from the first, workers use.
            gpu_page_fd: where to write.
            workers: who is there; called from the thread.
            environ: of the container.
        """
        self._names = names
        self._used = used
        self._gpu_page = GpuPage(gpu_page_fd)
        self._workers = workers
        self._gpus = Gpus(time_sliced=devices.time_sliced(environ))
        self._devices: list[Device] = []  # none: not connected
        self._state = State.LOADING
        self._retry_at = self._failed_at = 0.0
        self._pause = PERIOD_SECONDS
        self._logged = ""
        self._shared: set[str] = set()

    def start(self) -> None:
        """Sample from now on, in a thread that ends with the process."""
        self._gpu_page.beat(time.monotonic())
        threading.Thread(target=self._run, name="sampler", daemon=True).start()

    def watch(self, now: float) -> None:
        """Say once, from the supervisor's own thread, that a call of NVML does not return."""
        if self._gpu_page.silent(now):
            self._tell(_HANGS)

    def _run(self) -> None:
        while True:
            now = time.monotonic()
            self._gpu_page.beat(now)
            try:
                sample = self._sample(now)
            except Exception as error:  # noqa: BLE001 - a thread that ends would never sample again
                sample = self._failed(now, nvml.NvmlError(0, f"{type(error).__name__}: {error}"))
            self._gpu_page.write(sample)
            self._gpu_page.beat(time.monotonic())
            time.sleep(max(0.0, now + PERIOD_SECONDS - time.monotonic()))

    def _sample(self, now: float) -> GpuSample:
        if not self._devices and now < self._retry_at:
            return self._gpus.lost(self._state)
        try:
            if not self._devices:
                self._connect()
            readings = [nvml.read(device) for device in self._devices]
        except nvml.NvmlError as error:
            return self._failed(now, error)
        sample = self._gpus.take(now, readings, self._workers())
        if now > self._failed_at + MOST_PAUSE_SECONDS:  # what fails again and again is asked ever more rarely
            self._pause = PERIOD_SECONDS
        self._log_changes(sample)
        return sample

    def _connect(self) -> None:
        """Find the devices; those that are the pod's must all be there."""
        self._gpu_page.beat(time.monotonic() + CONNECT_SECONDS)
        nvml.close_library()
        nvml.open_library()
        known, fault = nvml.devices()
        found = devices.located(self._names, known)
        if missing := [name for name in self._names if name not in found]:
            raise fault or nvml.NvmlError(nvml.NOT_FOUND, f"there is no device {', '.join(missing)}")
        used = list(dict.fromkeys(found[name] for name in self._names[: self._used]))
        places = range(self._used)
        places_of = {
            device: [place for place in places if found[self._names[place % len(self._names)]] == device]
            for device in used
        }
        self._gpus.found(list(places_of.items()), held=len(set(found.values())))
        self._devices = used
        self._gpu_page.beat(time.monotonic())

    def _failed(self, now: float, error: nvml.NvmlError) -> GpuSample:
        self._devices = []
        self._failed_at = now
        self._retry_at = now + self._pause
        self._pause = min(MOST_PAUSE_SECONDS, 2 * self._pause)
        self._state = _STATES.get(error.code, State.FAILED)
        self._tell(f"NVML fails ({error}): GPU metrics are absent; {error.cure}")
        return self._gpus.lost(self._state)

    def _log_changes(self, sample: GpuSample) -> None:
        uuids = ", ".join(device.uuid for device in sample.devices)
        if sample.state == State.MIG:
            self._tell(f"NVML tells no utilisation of a part of a GPU ({uuids}, MIG): {_INSTEAD}")
        elif sample.state == State.FAILED:
            self._tell(f"NVML tells no utilisation of a GPU ({uuids}): {_INSTEAD}")
        else:
            self._tell(f"NVML tells how busy the GPUs are: {uuids}", logging.INFO)
        shared = {device.uuid for device in sample.devices if device.shared}
        for uuid in sorted(shared - self._shared):
            logger.warning(_SHARED, extra={"gpu": uuid})
        self._shared = shared

    def _tell(self, message: str, level: int = logging.WARNING) -> None:
        """Log what has changed."""
        if message != self._logged:
            self._logged = message
            logger.log(level, message)
