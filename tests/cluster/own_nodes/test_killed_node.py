"""The hardest end that a node can have leaves nothing on the host; one of its own, in a group of its own."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from devcluster import cluster
from devcluster.nodes import cgroups
from devcluster.nodes.node import BRIDGE
from devcluster.paths import cache
from devcluster.process import Process

pytestmark = pytest.mark.node


def test_after_a_killed_init_down_leaves_no_process_mount_interface_cgroup_or_file() -> None:
    """Killing the one process from which all others come is the hardest end a node can have."""
    name = f"gone-{os.getpid()}"
    mounts, interfaces = host_mounts(), host_interfaces()
    logs_before = Path("/var/log/pods").exists()
    try:
        state = cluster.up_node(name, 2)
        process = Process.read(state.pid)
        assert process is not None
        family = psutil.Process(process.pid).children(recursive=True)
        programs = [name_of(member) for member in family]
        assert [programs.count(name) for name in ("etcd", "kubelet", "containerd")] == [1, 2, 2]
        os.kill(process.namespace_pid(), signal.SIGKILL)
        psutil.wait_procs(family, timeout=180)
        assert [member for member in family if member.is_running()] == []
    finally:
        cluster.down(name)
    assert host_mounts() == mounts
    assert host_interfaces() == interfaces
    assert BRIDGE not in interfaces
    assert [h.group(name) for h in cgroups.hierarchies() if h.group(name).exists()] == []
    assert not state.root.exists()
    assert Path("/var/log/pods").exists() == logs_before


def name_of(process: psutil.Process) -> str:
    """Its program; empty where it has just ended."""
    try:
        name: str = process.name()
    except psutil.NoSuchProcess:
        return ""
    return name


def host_mounts() -> list[str]:
    """Mount points, but those of image builds, which may go on beside the tests."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return sorted(line.split()[4] for line in lines if str(cache()) not in line)


def host_interfaces() -> list[str]:
    return sorted(path.name for path in Path("/sys/class/net").iterdir())
