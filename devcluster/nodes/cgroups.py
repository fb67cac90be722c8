"""The cluster's own place in the host's cgroups, so that `down` can remove every group it made.

`up` creates one group per hierarchy and starts the init process in it; the init process, in a cgroup
namespace, mounts the hierarchies anew, so that this group is the root of all it sees. Works on cgroup
v1, v2 and the hybrid of both.
"""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from devcluster.errors import DevclusterError


@dataclass(frozen=True)
class Hierarchy:
    """One mounted cgroup hierarchy: `options` are the v1 controllers, empty on v2."""

    path: Path
    kind: str
    options: str

    def group(self, name: str) -> Path:
        """The folder of the cluster's group in this hierarchy."""
        return self.path / f"devcluster-{name}"


def hierarchies() -> list[Hierarchy]:
    """The cgroup hierarchies mounted on this machine."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, after = line.split(" - ", 1)
        kind, _, options = after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            path = Path(before.split(" ")[4])
            wanted = [word for word in options.split(",") if word not in ("rw", "ro")]
            found.append(Hierarchy(path, kind, ",".join(wanted) if kind == "cgroup" else ""))
    return found


def join(name: str) -> list[str]:
    """Make the cluster's groups; return the words that run a command inside them, in a cgroup namespace.

    The namespace's root is the cluster's group. On v2 a group with processes may not enable controllers for
    others, so there the command moves on into a leaf.

    Raises:
        DevclusterError: This machine has no cgroups.
    """
    roots, leaves = [], []
    for hierarchy in hierarchies():
        group = hierarchy.group(name)
        group.mkdir(exist_ok=True)
        if "cpuset" in hierarchy.options.split(","):  # v1: an empty cpuset admits no process
            for file in ("cpuset.cpus", "cpuset.mems"):
                (group / file).write_text((hierarchy.path / file).read_text())
        roots.append(str(group / "cgroup.procs"))
        if hierarchy.kind == "cgroup2":
            leaf = group / "init"
            leaf.mkdir(exist_ok=True)
            leaves.append(str(leaf / "cgroup.procs"))
    if not roots:
        raise DevclusterError("no cgroup hierarchy is mounted here: a node needs cgroups (v1 or v2)")
    return [*_entering(roots), "unshare", "--cgroup", "--", *_entering(leaves)]


def _entering(files: list[str]) -> list[str]:
    script = 'until [ "$1" = -- ]; do echo $$ > "$1"; shift; done; shift; exec "$@"'
    return ["sh", "-ec", script, "sh", *files, "--"]


def mount_own() -> None:
    """Inside the cgroup namespace: mount every hierarchy anew, rooted in the cluster's group."""
    for hierarchy in hierarchies():
        path = str(hierarchy.path)
        subprocess.run(["umount", path], check=True)
        options = ["-o", hierarchy.options] if hierarchy.options else []
        subprocess.run(["mount", "-t", hierarchy.kind, *options, "cgroup", path], check=True)
        if hierarchy.kind == "cgroup2":
            _delegate(hierarchy.path)


def _delegate(root: Path) -> None:
    """On v2, let the groups of pods have every controller; in a hybrid v1 owns them all."""
    controllers = (root / "cgroup.controllers").read_text().split()
    if controllers:
        (root / "cgroup.subtree_control").write_text(" ".join(f"+{item}" for item in controllers))


def remove(name: str) -> None:
    """Remove the cluster's groups; its processes are dead, but the kernel may need a moment."""
    for hierarchy in hierarchies():
        group = hierarchy.group(name)
        for _ in range(100):
            if _remove_tree(group):
                break
            time.sleep(0.05)


def _remove_tree(group: Path) -> bool:
    """Remove a group and those below it, leaves first; say whether it is gone."""
    try:
        for folder, _, _ in os.walk(group, topdown=False):
            Path(folder).rmdir()
    except OSError:
        return False
    return True
