"""How many processes this container should run, from its cgroup's CPU limit and its GPUs.

`supervisor` asks once at the start. The host's CPU count says nothing about a container.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from paddlemodel_server.settings import Settings

UNLIMITED = 4  # CPUs: without a limit a big node would otherwise get one copy of the model per core


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The processes to run and the Paddle threads of each owner."""

    fronts: int
    owners: int
    threads: int


def plan(settings: Settings, cpus: float | None, usable: int, gpus: int) -> Sizes:
    """Choose the process counts; what the user set wins.

    Args:
        settings: the user's wish.
        cpus: the cgroup's limit, None without one.
        usable: how many CPUs the scheduler may give this process.
        gpus: how many GPUs the container sees.
    """
    available = min(cpus or UNLIMITED, usable)
    if settings.device == "gpu":
        owners = settings.owners or max(1, gpus)
    else:
        owners = settings.owners or max(1, int(available))
    # Measured: one front feeds two CPU owners; beside a GPU decoding is what the cores are for.
    share = 4 if settings.device == "cpu" else 2
    fronts = settings.fronts or max(1, min(8, math.ceil(available / share)))
    threads = 1 if settings.device == "gpu" else max(1, int(available // owners))
    return Sizes(fronts=fronts, owners=owners, threads=threads)


def cpu_limit(membership: str, root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """The smallest CPU limit on the way from this process's cgroup to the root, in CPUs.

    Args:
        membership: the text of /proc/self/cgroup.
        root: where the cgroup file systems are mounted.
    """
    limits = []
    for line in membership.splitlines():
        hierarchy, controllers, path = line.split(":", 2)
        if hierarchy == "0":
            limits += [_v2_limit(folder) for folder in _upwards(root, path)]
        elif "cpu" in controllers.split(","):
            for mount in {root / controllers, root / "cpu"}:
                limits += [_v1_limit(folder) for folder in _upwards(mount, path)]
    return min((limit for limit in limits if limit), default=None)


def gpu_count(devices: Path = Path("/dev")) -> int:
    """How many NVIDIA devices the container runtime put here; without NVML, which is the owners' business."""
    return sum(1 for device in devices.glob("nvidia[0-9]*") if device.name.removeprefix("nvidia").isdigit())


def _upwards(mount: Path, path: str) -> list[Path]:
    """The cgroup's folder and its parents; in a container only the mount itself may exist."""
    folder = mount / path.lstrip("/")
    return [folder, *(parent for parent in folder.parents if parent.is_relative_to(mount))]


def _v2_limit(folder: Path) -> float | None:
    quota, _, period = _content(folder / "cpu.max").partition(" ")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def _v1_limit(folder: Path) -> float | None:
    quota, period = _content(folder / "cpu.cfs_quota_us"), _content(folder / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(quota) else None


def _content(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
