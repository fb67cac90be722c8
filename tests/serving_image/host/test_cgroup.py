"""What the kernel tells about the container: limits, kills, memory."""

import subprocess
import sys
from pathlib import Path

import pytest
from paddlemodel_server.host.cgroup import (
    cpu_limit,
    membership,
    memory_limit,
    memory_room,
    oom_kills,
    private_bytes,
)

MACHINE = 1 << 34


@pytest.fixture
def meminfo(tmp_path: Path) -> Path:
    path = tmp_path / "meminfo"
    path.write_text(f"MemTotal:       {MACHINE >> 10} kB\nMemFree:        1 kB\n")
    return path


def test_version_2_takes_the_smallest_limit_on_the_way_up(tmp_path: Path) -> None:
    inner = tmp_path / "kubepods" / "pod1"
    inner.mkdir(parents=True)
    (inner / "cpu.max").write_text("max 100000\n")
    (tmp_path / "kubepods" / "cpu.max").write_text("150000 100000\n")
    assert cpu_limit("0::/kubepods/pod1\n", tmp_path) == 1.5


def test_version_2_inside_a_container(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert cpu_limit("0::/\n", tmp_path) == 0.5
    assert cpu_limit("0::/../../elsewhere\n", tmp_path) == 0.5


def test_version_1_and_hybrid(tmp_path: Path) -> None:
    folder = tmp_path / "cpu,cpuacct"
    folder.mkdir()
    (folder / "cpu.cfs_quota_us").write_text("200000\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    assert cpu_limit("4:cpu,cpuacct:/docker/abc\n0::/\n", tmp_path) == 2.0


def test_without_limit(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cpu_limit("4:cpu:/\n3:memory:/\n", tmp_path) is None
    assert cpu_limit("", tmp_path) is None


def test_memory_of_version_2_is_the_smallest_limit_on_the_way_up(tmp_path: Path, meminfo: Path) -> None:
    inner = tmp_path / "kubepods" / "pod1"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("max\n")
    (tmp_path / "kubepods" / "memory.max").write_text("4294967296\n")
    assert memory_limit("0::/kubepods/pod1\n", tmp_path, meminfo) == 4 << 30


def test_memory_of_version_1(tmp_path: Path, meminfo: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("1073741824\n")
    assert memory_limit("4:memory:/docker/abc\n0::/\n", tmp_path, meminfo) == 1 << 30


@pytest.mark.parametrize("limit", ["max", "9223372036854771712", "no number"])
def test_without_a_memory_limit_it_is_the_machine_s(tmp_path: Path, meminfo: Path, limit: str) -> None:
    (tmp_path / "memory.max").write_text(limit)
    assert memory_limit("0::/\n", tmp_path, meminfo) == MACHINE


def test_kills_by_lack_of_memory_are_counted_in_both_versions(tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\noom 3\noom_kill 2\n")
    assert oom_kills("0::/\n", tmp_path) == 2
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n")
    assert oom_kills("3:memory:/a\n", tmp_path) == 5
    assert oom_kills("", tmp_path) == 0


def test_the_room_of_version_2_leaves_pages_of_files_out(tmp_path: Path, meminfo: Path) -> None:
    inner = tmp_path / "kubepods" / "pod1"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("max\n")
    (inner / "memory.current").write_text("500\n")
    (tmp_path / "kubepods" / "memory.max").write_text("4000\n")
    (tmp_path / "kubepods" / "memory.current").write_text("3500\n")
    (tmp_path / "kubepods" / "memory.stat").write_text("anon 2500\ninactive_file 1000\n")
    assert memory_room("0::/kubepods/pod1\n", tmp_path, meminfo) == 1500
    (tmp_path / "kubepods" / "memory.current").write_text("6000\n")
    assert memory_room("0::/kubepods/pod1\n", tmp_path, meminfo) == 0


def test_the_room_of_version_1_and_of_the_machine(tmp_path: Path, meminfo: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    (tmp_path / "memory" / "memory.usage_in_bytes").write_text("4096\n")
    meminfo.write_text("MemTotal: 16 kB\nMemAvailable: 8 kB\n")
    assert memory_room("4:memory:/docker/abc\n", tmp_path, meminfo) == 8 << 10
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("8192\n")
    assert memory_room("4:memory:/docker/abc\n", tmp_path, meminfo) == 4096


def test_a_peak_is_told_once() -> None:
    """In a process of its own, since it forgets."""
    program = (
        "from paddlemodel_server.host import cgroup; cgroup.peak_bytes(); before = cgroup.resident_bytes();"
        "taken = b'x' * (90 << 20); del taken;"
        "print(cgroup.peak_bytes() - before, cgroup.peak_bytes() - before)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, second = map(int, done.stdout.split())
    assert first > 80 << 20 > 10 << 20 > second


def test_this_machine_can_be_asked() -> None:
    assert memory_limit(membership()) > 1 << 28
    assert oom_kills(membership()) >= 0
    assert 0 < memory_room(membership()) < 1 << 50


def test_private_memory_counts_what_is_written_and_not_what_is_shared() -> None:
    program = (
        "import mmap, sys; own = bytearray(40 << 20); shared = mmap.mmap(-1, 80 << 20);"
        "shared.write(bytes(80 << 20)); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        assert child.stdin
        child.stdout.readline()
        assert 40 << 20 < private_bytes(child.pid) < 110 << 20
        child.stdin.close()
    assert private_bytes(child.pid) == 0
