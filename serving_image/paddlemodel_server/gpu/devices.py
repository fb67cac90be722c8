"""Which GPUs are this pod's, in CUDA's terms and in NVML's, and whether others use them, too. Pure.

Workers get the names; the same devices are found among those that NVML knows, which are all that the
container can reach, whatever CUDA_VISIBLE_DEVICES says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from paddlemodel_server.errors import StartError

CUDA: Final = "CUDA_VISIBLE_DEVICES"
ORDER: Final = "CUDA_DEVICE_ORDER"
BUS_ORDER: Final = "PCI_BUS_ID"  # as NVML numbers devices
RUNTIME: Final = "NVIDIA_VISIBLE_DEVICES"  # what the container runtime was asked for
AGREEING: Final = 5  # samples in a row that must agree: a worker's context comes and goes later than it does


def assigned(environ: Mapping[str, str], found: int) -> tuple[str, ...]:
    """The devices to share out among workers, as CUDA_VISIBLE_DEVICES names them; at least one.

    A container that can reach more devices than it was given (a privileged one), or none by itself (MIG
    instances have no files of their own), takes those that its runtime was asked for.

    Args:
        environ: of the container.
        found: how many device files it has.

    Raises:
        StartError: The devices are numbered in another order than NVML's.
    """
    given = tuple(name for name in _entries(environ.get(RUNTIME, "")) if name.startswith(("GPU-", "MIG-")))
    names = _entries(environ.get(CUDA, ""))
    if not names and given and len(given) != found:
        names = given
    names = names or tuple(str(index) for index in range(max(1, found)))
    order = environ.get(ORDER, BUS_ORDER)
    if order != BUS_ORDER and any(name.isdigit() for name in names):
        raise StartError(
            "InvalidSettings",
            f"{ORDER} is {order!r}: numbers would mean other devices than to NVIDIA's tools; leave it "
            f"out, or name the devices in {CUDA} by their UUIDs.",
        )
    return names


def time_sliced(environ: Mapping[str, str]) -> bool:
    """Whether the container was given only a part of a device's time, as far as its environment tells."""
    return "::" in environ.get(RUNTIME, "") or "CUDA_MPS_PIPE_DIRECTORY" in environ


def _entries(text: str) -> tuple[str, ...]:
    """Names without repetition; a shared device's replica is named GPU-…::2."""
    names = [name.strip().split("::")[0] for name in text.split(",")]
    return tuple(dict.fromkeys(name for name in names if name))


@dataclass(frozen=True, kw_only=True)
class Device:
    """A GPU as NVML knows it, or an instance of one that MIG has parted."""

    index: int  # of the GPU, by PCI bus
    uuid: str
    handle: Any = field(compare=False, default=None)
    mig: bool = False  # whether this is an instance
    instances: "tuple[Device, ...] | None" = None  # of a GPU in MIG mode; those that the container can reach


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A device at one moment; None is what it does not tell."""

    utilization: float | None = None  # percent of the last second, or a part of it, in which a kernel ran
    memory_used: int | None = None  # bytes, with what the driver keeps for itself
    memory_total: int | None = None
    temperature: float | None = None  # degrees Celsius
    power: float | None = None  # watts
    ecc_errors: int | None = None  # uncorrected, since the driver was loaded
    processes: int | None = None  # that compute


def located(names: Sequence[str], known: Sequence[Device]) -> dict[str, Device]:
    """Find devices by CUDA's names: an index, a UUID or the beginning of one; those that are not there lack.

    Args:
        names: from `assigned`.
        known: all that NVML shows.
    """
    found = {name: _find(name, known) for name in names}
    return {name: device for name, device in found.items() if device}


def _find(name: str, known: Sequence[Device]) -> Device | None:
    """A device; of one in MIG mode, where CUDA runs a program on a single instance, that or the first."""
    for device in known:
        for instance in device.instances or ():
            if instance.uuid.startswith(name):
                return instance
        if (name.isdigit() and device.index == int(name)) or device.uuid.startswith(name):
            if device.instances is None:
                return device
            return (
                device.instances[0]
                if device.instances
                else Device(index=device.index, uuid=device.uuid, mig=True)
            )
    return None


class Sharing:
    """Whether other programs use a device: by how many compute processes it has, never by which.

    In a container the driver's process numbers are the host's, so they tell nothing; some drivers leave
    processes out altogether, so fewer than our own is no answer.
    """

    def __init__(self, *, declared: bool) -> None:
        """Begin; `declared` is what the environment says."""
        self._declared = declared
        self._said: bool | None = True if declared else None
        self._streak = 0
        self._candidate: bool | None = None

    def step(self, processes: int | None, alive: int, ready: int) -> bool | None:
        """Judge by a further sample; None where nobody can tell.

        Args:
            processes: how many NVML counts on the device.
            alive: our workers on it, those that load included.
            ready: those of them that are ready, and therefore surely use it.
        """
        if self._declared:
            return True
        seen = None if processes is None or processes < ready else processes > alive
        self._streak = self._streak + 1 if seen == self._candidate else 1
        self._candidate = seen
        if self._streak >= AGREEING:
            self._said = seen
        return self._said
