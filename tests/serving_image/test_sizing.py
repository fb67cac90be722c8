"""How many processes a container gets, from its cgroup and never from the host."""

from pathlib import Path

import pytest
from paddlemodel_server.settings import Settings
from paddlemodel_server.sizing import Sizes, cpu_limit, gpu_count, plan


@pytest.mark.parametrize(
    ("settings", "cpus", "usable", "gpus", "expected"),
    [
        pytest.param({}, 2.0, 64, 0, Sizes(fronts=1, owners=2, threads=1), id="limit-2"),
        pytest.param({}, 0.5, 64, 0, Sizes(fronts=1, owners=1, threads=1), id="limit-half"),
        pytest.param({}, 2.5, 64, 0, Sizes(fronts=1, owners=2, threads=1), id="limit-2.5"),
        pytest.param({}, 8.0, 64, 0, Sizes(fronts=2, owners=8, threads=1), id="limit-8"),
        pytest.param({}, None, 64, 0, Sizes(fronts=1, owners=4, threads=1), id="no-limit-big-node"),
        pytest.param({}, None, 2, 0, Sizes(fronts=1, owners=2, threads=1), id="no-limit-small-node"),
        pytest.param({"owners": 1}, 4.0, 64, 0, Sizes(fronts=1, owners=1, threads=4), id="owners-set"),
        pytest.param({"fronts": 3}, 2.0, 64, 0, Sizes(fronts=3, owners=2, threads=1), id="fronts-set"),
        pytest.param({"device": "gpu"}, 4.0, 64, 2, Sizes(fronts=2, owners=2, threads=1), id="two-gpus"),
        pytest.param({"device": "gpu"}, 4.0, 64, 0, Sizes(fronts=2, owners=1, threads=1), id="gpu-unseen"),
    ],
)
def test_plan(
    settings: dict[str, object], cpus: float | None, usable: int, gpus: int, expected: Sizes
) -> None:
    assert plan(Settings(**settings), cpus, usable, gpus) == expected  # type: ignore[arg-type]  # a table


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


def test_gpus_are_counted_by_their_device_files(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-caps"):
        (tmp_path / name).touch()
    assert gpu_count(tmp_path) == 2
