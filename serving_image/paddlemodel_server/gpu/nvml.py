"""The only file that imports NVIDIA's library NVML (pynvml): what GPUs there are, and how each of them is.

A call can take long, or never return, so it belongs into a thread of its own. Only calls about devices are
used: those about processes answer with the host's numbers, which mean nothing in a container.
"""

from collections.abc import Callable
from typing import Any, Final

import pynvml  # type: ignore[import-untyped]

from paddlemodel_server.gpu.devices import Device, Reading

LIBRARY_MISSING: Final = 12  # NVML_ERROR_LIBRARY_NOT_FOUND
NOT_FOUND: Final = 6  # NVML_ERROR_NOT_FOUND
_NOT_SUPPORTED: Final = 3
_CURES: Final = {
    4: "the container may not use the device's files: delete the pod, its successor gets them anew",
    NOT_FOUND: "do NVIDIA_VISIBLE_DEVICES and CUDA_VISIBLE_DEVICES name what the container was given?",
    9: "the node's driver is not loaded: nvidia-smi must answer on the node",
    15: "the GPU has fallen off its bus: drain the node and reboot it",
    16: "the GPU needs a reset: drain the node, then nvidia-smi --gpu-reset, or reboot it",
    18: "the node's driver was updated under this pod: delete the pod, its successor gets the new library",
    999: "the container may have lost the device's files (systemctl daemon-reload does that): delete the pod",
    LIBRARY_MISSING: "libnvidia-ml.so.1 is not in the container: run it with NVIDIA's container runtime, and "
    "leave `utility` in NVIDIA_DRIVER_CAPABILITIES",
}


class NvmlError(Exception):
    """A call of NVML failed; the text is NVML's own."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.cure = _CURES.get(code, "nvidia-smi on the node may tell more")


def open_library() -> None:
    """Load the library and connect to the driver."""
    _called(pynvml.nvmlInit)


def close_library() -> None:
    """Let go of the driver, whether or not it still answers."""
    _optional(pynvml.nvmlShutdown)


def devices() -> tuple[list[Device], NvmlError | None]:
    """All GPUs that this container can reach and that answer, and why one of the others does not."""
    found, fault = [], None
    for index in range(_called(pynvml.nvmlDeviceGetCount)):
        try:
            found.append(_device(index))
        except NvmlError as error:
            fault = error
    return found, fault


def _device(index: int) -> Device:
    handle = _called(pynvml.nvmlDeviceGetHandleByIndex, index)
    uuid = str(_called(pynvml.nvmlDeviceGetUUID, handle))
    mode = _optional(pynvml.nvmlDeviceGetMigMode, handle)  # most GPUs have none
    instances = None
    if mode and mode[0] == pynvml.NVML_DEVICE_MIG_ENABLE:
        instances = tuple(_instances(index, handle))
    return Device(index=index, uuid=uuid, handle=handle, instances=instances)


def _instances(index: int, parent: Any) -> list[Device]:
    found = []
    for number in range(_optional(pynvml.nvmlDeviceGetMaxMigDeviceCount, parent) or 0):
        handle = _optional(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, parent, number)
        uuid = handle and _optional(pynvml.nvmlDeviceGetUUID, handle)
        if uuid:
            found.append(Device(index=index, uuid=str(uuid), handle=handle, mig=True))
    return found


def read(device: Device) -> Reading:
    """Ask a device for everything that it tells."""
    handle = device.handle
    if device.mig:
        memory = handle and _optional(pynvml.nvmlDeviceGetMemoryInfo, handle)
        return Reading(**_memory(memory))
    memory = _supported(pynvml.nvmlDeviceGetMemoryInfo, handle)
    rates = _supported(pynvml.nvmlDeviceGetUtilizationRates, handle)
    milliwatts = _optional(pynvml.nvmlDeviceGetPowerUsage, handle)
    running = _optional(pynvml.nvmlDeviceGetComputeRunningProcesses, handle)
    return Reading(
        utilization=None if rates is None else float(rates.gpu),
        **_memory(memory),
        temperature=_optional(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
        power=None if milliwatts is None else milliwatts / 1000,
        ecc_errors=_optional(
            pynvml.nvmlDeviceGetTotalEccErrors,
            handle,
            pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
            pynvml.NVML_VOLATILE_ECC,
        ),
        processes=None if running is None else len(running),
    )


def _memory(memory: Any) -> dict[str, int | None]:
    return {
        "memory_used": int(memory.used) if memory else None,
        "memory_total": int(memory.total) if memory else None,
    }


def _called(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call NVML; its errors become ours."""
    try:
        return function(*arguments)
    except pynvml.NVMLError as error:
        raise NvmlError(int(error.value), str(error)) from error


def _supported(function: Callable[..., Any], *arguments: Any) -> Any:
    """The answer; None where this device has none to give."""
    try:
        return _called(function, *arguments)
    except NvmlError as error:
        if error.code == _NOT_SUPPORTED:
            return None
        raise


def _optional(function: Callable[..., Any], *arguments: Any) -> Any:
    """The answer; None for whatever reason there is none: what cannot be missed shows it, too."""
    try:
        return _called(function, *arguments)
    except NvmlError:
        return None
