"""Counters in shared memory, and the page that prometheus-client makes of them, without a server."""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from paddlemodel_server import protocol
from paddlemodel_server.describe import answers
from paddlemodel_server.ipc import counters
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.process_context import ProcessContext, Sizes
from paddlemodel_server.metrics import catalog, exposition
from paddlemodel_server.model.signature import Model
from paddlemodel_server.settings import Settings
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

from tests.serving_image.support.metric_rules import faults

ROUTES = tuple(dict.fromkeys(route.label for route in protocol.TABLE))


@pytest.fixture
def runtime(tmp_path: Path) -> Iterable[ProcessContext]:
    made = ProcessContext(
        folder=tmp_path,
        scoreboard_fd=scoreboards.create(),
        counters_fd=counters.create(),
        sizes=Sizes(http_workers=2, workers=2, threads=1),
    )
    yield made
    os.close(made.scoreboard_fd)
    os.close(made.counters_fd)


def page_of(runtime: ProcessContext, routes: Sequence[str]) -> exposition.Page:
    scoreboard = scoreboards.Scoreboard(runtime.scoreboard_fd)
    scoreboard.worker(0).state = scoreboards.READY
    model = Model(format="PIR", inputs=(), outputs=())
    return exposition.Page(Settings(name="mixed"), runtime, scoreboard, model, routes)


@pytest.fixture
def page(runtime: ProcessContext) -> exposition.Page:
    return page_of(runtime, ROUTES)


def samples(page: exposition.Page) -> dict[str, float]:
    """Every sample of the page, by name and labels as the text has them."""
    lines = page.render()[0].decode().splitlines()
    parts = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in parts}


def test_two_processes_of_a_kind_add_up(runtime: ProcessContext, page: exposition.Page) -> None:
    http_workers = [catalog.HttpWorker(runtime.counters_fd, row, ROUTES) for row in (0, 1)]
    http_workers[0].answered("infer", 200, 0.003)
    http_workers[1].answered("infer", 200, 0.3)
    http_workers[1].answered("infer", 504, 40)
    http_workers[0].decode.observe(0.0003)
    workers = [catalog.Worker(runtime.counters_fd, index) for index in (0, 1)]
    workers[0].ran(3, [0.01, 0.02], 0.001, 0.5)
    workers[1].ran(8, [0.0], 0.002, 0.25)
    found = samples(page)
    assert found['paddle_requests_total{route="infer",status="200"}'] == 2
    assert found['paddle_requests_total{route="infer",status="504"}'] == 1
    name = "paddle_request_duration_seconds"
    assert found[f'{name}_bucket{{le="0.002",route="infer"}}'] == 0
    assert found[f'{name}_bucket{{le="0.005",route="infer"}}'] == 1
    assert found[f'{name}_bucket{{le="30.0",route="infer"}}'] == 2
    assert found[f'{name}_bucket{{le="+Inf",route="infer"}}'] == 3
    assert found[f'{name}_count{{route="infer"}}'] == 3
    assert found[f'{name}_sum{{route="infer"}}'] == pytest.approx(40.303)
    assert found["paddle_batch_rows_sum"] == 11
    assert catalog.waits(counters.Counters(runtime.counters_fd)) == pytest.approx((3, 0.03))
    assert found["paddle_run_duration_seconds_count"] == 2
    stage = "paddle_stage_duration_seconds"
    assert found[f'{stage}_bucket{{le="0.0005",stage="decode"}}'] == 1
    assert found[f'{stage}_count{{stage="queue"}}'] == 3
    assert found[f'{stage}_sum{{stage="queue"}}'] == pytest.approx(0.03)
    # A stage's time counts once for each request that spent it there.
    assert found[f'{stage}_count{{stage="predict"}}'] == 3
    assert found[f'{stage}_sum{{stage="predict"}}'] == pytest.approx(1.25)
    assert found[f'{stage}_sum{{stage="batch"}}'] == pytest.approx(0.004)


def test_memory_that_ran_out_and_the_times_of_the_start_have_their_values(
    runtime: ProcessContext, page: exposition.Page
) -> None:
    for index in (0, 1):
        catalog.Worker(runtime.counters_fd, index).out_of_memory()
    worker = scoreboards.Scoreboard(runtime.scoreboard_fd).worker(0)
    worker.load_ms, worker.warmup_ms = 1500, 2250
    found = samples(page)
    assert found["paddle_out_of_memory_total"] == 2
    assert found["paddle_model_load_seconds"] == 1.5
    assert found["paddle_model_warmup_seconds"] == 2.25


COUNT = """
import os, signal, sys
from paddlemodel_server.metrics import catalog
fd, row = int(sys.argv[1]), int(sys.argv[2])
http_worker = catalog.HttpWorker(fd, row, ["infer"])
for _ in range(1000):
    http_worker.answered("infer", 200, 0.001)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_counted_stays_and_its_successor_goes_on(
    runtime: ProcessContext,
) -> None:
    for _ in range(3):
        ended = subprocess.run(
            [sys.executable, "-c", COUNT, str(runtime.counters_fd), "0"],
            pass_fds=[runtime.counters_fd],
            check=False,
        )
        assert ended.returncode == -9
    assert samples(page_of(runtime, ["infer"]))['paddle_requests_total{route="infer",status="200"}'] == 3000


def test_no_client_can_make_series(runtime: ProcessContext, page: exposition.Page) -> None:
    http_worker = catalog.HttpWorker(runtime.counters_fd, 0, ROUTES)
    for status in range(100, 1000):
        http_worker.answered(f"/made/up/{status}", status, 0.1)
    found = [name for name in samples(page) if name.startswith("paddle_requests_total")]
    assert len(found) <= len(catalog.STATUSES)
    assert all('route="other"' in name for name in found)
    assert (
        samples(page)['paddle_requests_total{route="other",status="other"}']
        == 900 - len(catalog.STATUSES) + 1
    )


def test_every_status_that_we_answer_has_its_own_series() -> None:
    assert set(answers.STATUSES) <= set(catalog.STATUSES)


def test_there_is_room_for_many_more_routes() -> None:
    assert len(ROUTES) + 10 < catalog.MAX_ROUTES
    assert catalog.OUT_OF_MEMORY_AT < counters.WORKER_CELLS
    assert catalog.ENDINGS_AT + len(catalog.ENDINGS) <= counters.SUPERVISOR_CELLS


def test_too_many_routes_are_refused(runtime: ProcessContext) -> None:
    with pytest.raises(ValueError, match="room for"):
        catalog.HttpWorker(runtime.counters_fd, 0, [str(number) for number in range(catalog.MAX_ROUTES)])


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics-text"),
        ("application/OpenMetrics-text; version=abc; escaping=x\r\nX: y", "application/openmetrics-text"),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
def test_the_page_by_prometheus_own_parsers(
    runtime: ProcessContext, page: exposition.Page, accept: str, kind: str
) -> None:
    catalog.HttpWorker(runtime.counters_fd, 0, ROUTES).answered("infer", 200, 0.01)
    body, content_type = page.render(accept)
    assert content_type.startswith(kind)
    assert "\n" not in content_type
    parse = open_metrics if "openmetrics" in kind else plain
    families = {family.name: family for family in parse(body.decode())}
    assert families["paddle_requests"].type == "counter"
    assert families["paddle_stage_duration_seconds"].type == "histogram"
    assert faults(body.decode() if parse is plain else page.render()[0].decode()) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("# TYPE a_total counter\na_total 1\n", "a_total: no HELP"),
        (
            "# HELP a_things X\n# TYPE a_things counter\na_things 1\n",
            "a_things: a counter's name ends in _total",
        ),
        (
            "# HELP a_total X\n# TYPE a_total gauge\na_total 1\n",
            "a_total: only a counter's name ends in _total",
        ),
        ("# HELP a_ms X\n# TYPE a_ms gauge\na_ms 1\n", "a_ms: ms is not a base unit"),
        ("# HELP a_milliseconds X\n# TYPE a_milliseconds gauge\na_milliseconds 1\n", "is not a base unit"),
        ("# HELP aB X\n# TYPE aB gauge\naB 1\n", "aB: not snake_case"),
        ("# HELP a_gauge X\n# TYPE a_gauge gauge\na_gauge 1\n", "a_gauge: the type is in the name"),
        ("# HELP a_bucket X\n# TYPE a_bucket gauge\na_bucket 1\n", "a_bucket: _bucket belongs to histograms"),
        ("# HELP a X\na 1\n", "a: no TYPE"),
    ],
)
def test_the_conventions_notice(text: str, fault: str) -> None:
    """The rules above are worth nothing unless they can fail."""
    assert any(fault in found for found in faults(text))


def test_a_scrape_does_not_depend_on_ready_workers(runtime: ProcessContext, page: exposition.Page) -> None:
    scoreboards.Scoreboard(runtime.scoreboard_fd).worker(0).clear()
    found = samples(page)
    assert found["paddle_workers_ready"] == 0
    assert "paddle_batch_cap_rows" not in found


def test_a_pod_that_loads_tells_autoscalers_nothing(runtime: ProcessContext, page: exposition.Page) -> None:
    scoreboard = scoreboards.Scoreboard(runtime.scoreboard_fd)
    scoreboard.busy_ratio, scoreboard.queue_seconds = 0.25, 1.5
    gauges = {
        "paddle_busy_ratio": 0.25,
        "paddle_inflight_requests": 0,
        "paddle_queue_depth": 0,
        "paddle_queue_seconds": 1.5,
    }
    assert samples(page).items() >= gauges.items()
    scoreboard.worker(0).state = scoreboards.LOADING
    assert not samples(page).keys() & gauges.keys()


def test_the_memory_that_is_left_is_part_of_the_limit(page: exposition.Page) -> None:
    found = samples(page)
    assert 10e6 < found["paddle_memory_available_bytes"] < found["paddle_memory_limit_bytes"]


def test_memory_of_processes_that_are_gone_is_none(runtime: ProcessContext, page: exposition.Page) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    counters.Counters(runtime.counters_fd).worker(0)[counters.PID] = gone.pid
    assert samples(page)['paddle_process_resident_memory_bytes{process="worker"}'] == 0
    counters.Counters(runtime.counters_fd).worker(1)[counters.PID] = os.getpid()
    found = samples(page)
    resident = found['paddle_process_resident_memory_bytes{process="worker"}']
    assert 10e6 < found['paddle_process_anonymous_memory_bytes{process="worker"}'] < resident
