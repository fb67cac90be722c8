"""What the container may use, and what its processes do use, as the kernel tells it: cgroup v1 or v2, /proc.

The host's CPU count and memory say nothing about a container.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path("/sys/fs/cgroup")
PROC: Final = Path("/proc")
_KIB = 1024


def membership() -> str:
    """The cgroups of this process."""
    return (PROC / "self" / "cgroup").read_text()


def cpu_limit(membership: str, root: Path = ROOT) -> float | None:
    """The smallest CPU limit on the way from this process's cgroup to the root, in CPUs.

    Args:
        membership: the text of /proc/self/cgroup.
        root: where the cgroup file systems are mounted.
    """
    limits = []
    for version, folder in _folders(membership, "cpu", root):
        limits.append(_cpus_v2(folder) if version == 2 else _cpus_v1(folder))
    return min((limit for limit in limits if limit), default=None)


def memory_limit(membership: str, root: Path = ROOT, meminfo: Path = PROC / "meminfo") -> int:
    """The smallest memory limit on the same way, or what the machine has; in bytes."""
    limits = [_fields(meminfo).get("MemTotal", 0) * _KIB]
    for version, folder in _folders(membership, "memory", root):
        text = _content(folder / ("memory.max" if version == 2 else "memory.limit_in_bytes"))
        limits.append(int(text) if text.isdigit() else 0)
    return min(limit for limit in limits if limit)


def memory_room(membership: str, root: Path = ROOT, meminfo: Path = PROC / "meminfo") -> int:
    """How much more may be taken, in bytes, until the kernel kills; it drops files' pages before that."""
    rooms = [_fields(meminfo).get("MemAvailable", 1 << 50) * _KIB]
    for version, folder in _folders(membership, "memory", root):
        limit, usage, files = (
            ("memory.max", "memory.current", "inactive_file")
            if version == 2
            else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        )
        most, taken = _content(folder / limit), _content(folder / usage)
        if most.isdigit() and taken.isdigit():
            rooms.append(int(most) - int(taken) + _fields(folder / "memory.stat").get(files, 0))
    return max(0, min(rooms))


def oom_kills(membership: str, root: Path = ROOT) -> int:
    """How often the kernel has killed a process of this container because memory ran out."""
    found = 0
    for version, folder in _folders(membership, "memory", root):
        counters = _fields(folder / ("memory.events" if version == 2 else "memory.oom_control"))
        found = max(found, counters.get("oom_kill", 0))
    return found


def private_bytes(pid: int, proc: Path = PROC) -> int:
    """A process's own memory: no file's, and not the requests' shared slots; 0 once it ended."""
    return _fields(proc / str(pid) / "status").get("RssAnon", 0) * _KIB


def resident_bytes(proc: Path = PROC) -> int:
    """What this process has in memory."""
    return _fields(proc / "self" / "status").get("VmRSS", 0) * _KIB


def peak_bytes(proc: Path = PROC) -> int:
    """The most that this process has had in memory since it last asked."""
    peak = _fields(proc / "self" / "status").get("VmHWM", 0) * _KIB
    with contextlib.suppress(OSError):  # where the kernel does not forget it, it is the most ever
        (proc / "self" / "clear_refs").write_text("5")
    return peak


def _folders(membership: str, controller: str, root: Path) -> Iterator[tuple[int, Path]]:
    """The version and folder of each cgroup that may limit this process, from the innermost upwards."""
    for line in membership.splitlines():
        hierarchy, controllers, path = line.split(":", 2)
        if hierarchy == "0":
            for mount in (root, root / "unified"):  # the second in a hybrid of both versions
                yield from ((2, folder) for folder in _upwards(mount, path))
        elif controller in controllers.split(","):
            for mount in {root / controllers, root / controller}:
                yield from ((1, folder) for folder in _upwards(mount, path))


def _upwards(mount: Path, path: str) -> list[Path]:
    """The cgroup's folder and its parents; in a container only the mount itself may exist."""
    folder = mount / path.lstrip("/")
    return [folder, *(parent for parent in folder.parents if parent.is_relative_to(mount))]


def _cpus_v2(folder: Path) -> float | None:
    quota, _, period = _content(folder / "cpu.max").partition(" ")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def _cpus_v1(folder: Path) -> float | None:
    quota, period = _content(folder / "cpu.cfs_quota_us"), _content(folder / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(quota) else None


def _fields(path: Path) -> dict[str, int]:
    """A file of lines that each hold a name and a number."""
    found = {}
    for line in _content(path).splitlines():
        words = line.replace(":", " ").split()
        if len(words) >= 2 and words[1].isdigit():
            found[words[0]] = int(words[1])
    return found


def _content(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
