"""A real worker that runs out of memory: Paddle itself fails, by the kernel's limit on address space."""

import json
import resource
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from tests import cleartext
from tests.serving_image.support import servers
from tests.serving_image.support.memory_group import memory_group
from tests.serving_image.support.servers import Server, eventually, metric, serving

MIB = 1024 * 1024
WIDE = (
    256  # columns of a row that takes as many megabytes; two such rows are one run: size 2 is always warmed
)
# The heap's own rules: what is large is mapped, and given back when it is freed, whatever was freed before.
HEAP = ["env", "MALLOC_MMAP_THRESHOLD_=1048576", "MALLOC_TRIM_THRESHOLD_=131072", "MALLOC_TOP_PAD_=0"]
HEAP += ["MALLOC_ARENA_MAX=1"]


def limit(server: Server, room: int) -> psutil.Process:
    """Let the worker have so many bytes more than it has now."""
    (worker,) = server.processes("worker")
    most = worker.memory_info().vms + room
    worker.rlimit(psutil.RLIMIT_AS, (most, resource.RLIM_INFINITY))
    return worker


def predict(server: Server, rows: int, columns: int) -> httpx.Response:
    x = np.arange(rows * columns, dtype=np.float32)
    headers = {
        "Content-Type": "application/octet-stream",
        "Accept": "application/octet-stream",
        "X-Tensor-Shape": f"{rows},{columns}",
    }
    answer = cleartext.post(f"{server.url}/predict", content=x.tobytes(), headers=headers, timeout=180)
    if answer.status_code == 200:
        assert np.allclose(np.frombuffer(answer.content, np.float32), x * 2, rtol=1e-5)
    return answer


def greedy(exported: Callable[[str, str], Path], tmp_path: Path, columns: int) -> Path:
    """A model of which each number of the input takes a megabyte while it runs, with a sample beside it."""
    entry = {"name": "x", "datatype": "FP32", "shape": [1, columns], "data": [1.0] * columns}
    folder = tmp_path / "model"
    folder.mkdir()
    for file in exported("legacy", "greedy").iterdir():
        (folder / file.name).symlink_to(file)
    (folder / "warmup.json").write_text(json.dumps({"inputs": [entry]}))
    return folder


def test_memory_that_runs_out_lowers_the_cap_not_the_server(
    exported: Callable[[str, str], Path], tmp_path: Path
) -> None:
    folder = greedy(exported, tmp_path, 4)
    with serving(folder, tmp_path, HEAP, name="greedy", max_batch_size=16) as server:
        assert metric(server, "paddle_batch_cap_rows") >= 2
        assert predict(server, 16, 4).status_code == 200
        worker = limit(server, WIDE * MIB * 7 // 4)  # one wide row fits, two never do
        assert predict(server, 2, WIDE).status_code == 200  # in halves
        assert metric(server, "paddle_batch_cap_rows") == 1
        assert "memory ran out: the batch cap is lowered" in server.logged()
        assert predict(server, 16, 4).status_code == 200
        too_large = predict(server, 1, 4000)
        assert (too_large.status_code, list(too_large.json())) == (413, ["error"])
        assert predict(server, 2, 4).status_code == 200
        assert server.processes("worker") == [worker]

        worker.rlimit(psutil.RLIMIT_AS, (MIB, resource.RLIM_INFINITY))  # what used to fit does not any more
        taken = [predict(server, 1, WIDE) for _ in range(5)]
        # The last one ends the worker, which is no fault of it: the next worker, without the limit, runs it.
        assert [answer.status_code for answer in taken] == [429] * 4 + [200]
        assert all("Retry-After" in answer.headers for answer in taken[:4])
        eventually(lambda: server.processes("worker") not in ([], [worker]), "a new worker")
        eventually(server.ready, "ready again", 90)
        assert predict(server, 2, WIDE).status_code == 200
        assert "memory ran out 5 times in a row for rows that used to fit" in server.logged()


@pytest.mark.slow  # half a minute of CPU: in so little memory the kernel reads the libraries again and again
def test_the_warm_up_itself_keeps_within_the_containers_limit(
    exported: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """Two rows fit, which have to run; for four the kernel would kill the worker, again and again."""
    with memory_group() as group:
        group.limit(520 * MIB)
        with group.entered():
            server = servers.start(greedy(exported, tmp_path, 96), tmp_path, name="greedy")
        try:
            server.wait_ready()
            assert metric(server, "paddle_batch_cap_rows") == 2
            assert metric(server, "paddle_worker_restarts_total") == 0
            assert "larger runs were not tried: there is no memory for them" in server.logged()
        finally:
            servers.end(server)
