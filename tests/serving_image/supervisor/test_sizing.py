"""How many processes a container gets, from its limits and from what the first worker measured."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_server.ipc.process_context import Learned, Sizes
from paddlemodel_server.settings import Settings
from paddlemodel_server.supervisor.sizing import Choice, Measured, at_first, choose, gpu_count, plan

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("settings", "cpus", "usable", "gpus", "expected"),
    [
        pytest.param({}, 2.0, 64, 0, Sizes(http_workers=2, workers=2, threads=1), id="limit-2"),
        pytest.param({}, 0.5, 64, 0, Sizes(http_workers=1, workers=1, threads=1), id="limit-half"),
        pytest.param({}, 2.5, 64, 0, Sizes(http_workers=3, workers=2, threads=1), id="limit-2.5"),
        pytest.param({}, 8.0, 64, 0, Sizes(http_workers=8, workers=8, threads=1), id="limit-8"),
        pytest.param({}, None, 64, 0, Sizes(http_workers=4, workers=4, threads=1), id="no-limit-big-node"),
        pytest.param({}, None, 2, 0, Sizes(http_workers=2, workers=2, threads=1), id="no-limit-small-node"),
        pytest.param(
            {"workers": 1}, 4.0, 64, 0, Sizes(http_workers=4, workers=1, threads=4), id="workers-set"
        ),
        pytest.param(
            {"http_workers": 3},
            2.0,
            64,
            0,
            Sizes(http_workers=3, workers=2, threads=1),
            id="http_workers-set",
        ),
        pytest.param(
            {"device": "gpu"}, 4.0, 64, 2, Sizes(http_workers=2, workers=2, threads=1), id="two-gpus"
        ),
        pytest.param(
            {"device": "gpu"}, 4.0, 64, 0, Sizes(http_workers=2, workers=1, threads=1), id="gpu-unseen"
        ),
    ],
)
def test_plan_bounds_the_counts(
    settings: dict[str, object], cpus: float | None, usable: int, gpus: int, expected: Sizes
) -> None:
    found = plan(Settings(**settings), cpus, usable, gpus, 8 << 30)  # type: ignore[arg-type]  # a table
    assert replace(found, body_bytes=expected.body_bytes) == expected


MLP, CONVNET, MIDDLING, UNTIMED = 1e-6, 8e-3, 60e-6, None


@pytest.mark.parametrize(
    ("settings", "cpus", "row_seconds", "worker_mib", "memory_mib", "expected"),
    [
        pytest.param({}, 2, MLP, 200, 4096, (1, 1), id="a-tiny-model-needs-as-much-http_worker-as-worker"),
        pytest.param({}, 4, MLP, 200, 4096, (3, 1), id="a-tiny-model-on-four-has-more-http_workers"),
        pytest.param({}, 8, MLP, 200, 4096, (6, 2), id="a-tiny-model-on-eight"),
        pytest.param({}, 2, CONVNET, 200, 4096, (1, 2), id="a-convnet-needs-an-worker-per-core"),
        pytest.param({}, 8, CONVNET, 200, 4096, (2, 8), id="a-convnet-on-eight"),
        pytest.param({}, 4, MIDDLING, 200, 4096, (1, 3), id="in-between"),
        pytest.param({}, 1, MLP, 200, 4096, (1, 1), id="one-core"),
        pytest.param({}, 2, UNTIMED, 200, 4096, (1, 2), id="nothing-timed"),
        pytest.param({}, 8, CONVNET, 1000, 4096, (2, 3), id="memory-for-three-copies"),
        pytest.param({}, 8, CONVNET, 9000, 4096, (2, 1), id="memory-for-none-is-still-one"),
        pytest.param({"workers": 8}, 8, CONVNET, 1000, 4096, (2, 8), id="what-is-set-wins-over-memory"),
        pytest.param({"workers": 2}, 2, MLP, 200, 4096, (1, 2), id="workers-set"),
        pytest.param({"http_workers": 1}, 2, MLP, 200, 4096, (1, 1), id="http_workers-set"),
        pytest.param(
            {"device": "gpu"}, 4, MLP, 200, 4096, (2, 2), id="an-worker-per-gpu-whatever-was-measured"
        ),
    ],
)
def test_choose_shares_the_cores_out_as_the_work_is(
    settings: dict[str, object],
    cpus: int,
    row_seconds: float | None,
    worker_mib: int,
    memory_mib: int,
    expected: tuple[int, int],
) -> None:
    manifest = Settings(**settings)  # type: ignore[arg-type]  # a table
    measured = Measured(row_seconds=row_seconds, worker_bytes=worker_mib * MIB)
    found = choose(manifest, plan(manifest, cpus, 64, 2, memory_mib * MIB), measured, memory_mib * MIB)
    assert (found.http_workers, found.workers) == expected
    assert found.because


@pytest.mark.parametrize(
    ("row_seconds", "http_seconds", "expected"),
    [
        pytest.param(70e-6, 1e-3, (7, 1), id="a-small-model-of-sounds"),
        pytest.param(2e-3, 2e-3, (4, 4), id="as-much-as-the-run"),
        pytest.param(200e-3, 1e-3, (2, 8), id="a-large-one"),
        pytest.param(None, 1e-3, (2, 8), id="nothing-timed"),
    ],
)
def test_what_a_task_decodes_is_work_too(
    row_seconds: float | None, http_seconds: float, expected: tuple[int, int]
) -> None:
    measured = Measured(row_seconds=row_seconds, worker_bytes=200 * MIB, http_seconds=http_seconds)
    found = choose(Settings(), plan(Settings(), 8, 64, 0, 8 << 30), measured, 8 << 30)
    assert (found.http_workers, found.workers) == expected


@pytest.mark.parametrize(
    ("settings", "memory_mib", "mib"),
    [
        pytest.param({"http_workers": 1}, 4096, 512, id="an-eighth-of-memory"),
        pytest.param({"http_workers": 4}, 4096, 128, id="shared-out-to-the-http_workers"),
        pytest.param({"http_workers": 1}, 64, 20, id="but-a-full-body-always-fits-twice"),
        pytest.param(
            {"http_workers": 1, "max_request_bytes": 300 * MIB}, 1024, 600, id="however-large-it-is"
        ),
    ],
)
def test_the_bodies_that_an_http_worker_may_hold(settings: dict[str, Any], memory_mib: int, mib: int) -> None:
    assert plan(Settings(**settings), 4, 4, 0, memory_mib * MIB).body_bytes == mib * MIB


def test_before_anything_is_measured_one_worker_loads() -> None:
    sizes = Sizes(http_workers=8, workers=8, threads=1)
    assert at_first(Settings(), sizes) == Choice(http_workers=2, workers=1, because="nothing is measured yet")


def test_gpus_are_counted_by_their_device_files(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-caps"):
        (tmp_path / name).touch()
    assert gpu_count(tmp_path) == 2


@pytest.mark.parametrize(
    ("sizes", "run_seconds", "row_seconds"),
    [({1: 0.5, 4: 1.0}, 0.6, 0.25), ({}, 0.6, 0.6), ({}, None, None)],
    ids=["rows-share-runs", "each-runs-alone", "nothing-timed"],
)
def test_what_a_row_takes(
    sizes: dict[int, float], run_seconds: float | None, row_seconds: float | None
) -> None:
    learned = Learned(onednn=False, sizes=sizes, run_seconds=run_seconds, load_seconds=1, paddle="3")
    assert learned.row_seconds == row_seconds
