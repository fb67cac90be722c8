"""The /metrics page: adds up counters, reads scoreboard and processes, lets prometheus-client render.

Nothing is kept between scrapes: any HTTP worker gives the same page.
"""

import os
from collections.abc import Iterable, Sequence
from mmap import PAGESIZE
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from paddlemodel_server.host import cgroup
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.access_page import AccessPage
from paddlemodel_server.ipc.counters import PID, Counters, cells_of
from paddlemodel_server.ipc.process_context import Learned, ProcessContext
from paddlemodel_server.metrics import catalog
from paddlemodel_server.metrics.access_exposition import Access
from paddlemodel_server.metrics.families import add_histogram, gauge
from paddlemodel_server.metrics.gpu_exposition import Gpus
from paddlemodel_server.metrics.mirror_exposition import Mirrored
from paddlemodel_server.model.signature import Model
from paddlemodel_server.settings import Settings

OPEN_METRICS = "application/openmetrics-text"


class Page:
    """The whole page; a collector that prometheus-client renders."""

    def __init__(
        self,
        settings: Settings,
        runtime: ProcessContext,
        scoreboard: scoreboards.Scoreboard,
        model: Model,
        routes: Sequence[str],
    ) -> None:
        counters = Counters(runtime.counters_fd)
        self._registry = CollectorRegistry()
        for collector in (
            _Requests(counters, routes),
            _Runs(counters, further=bool(runtime.further)),
            _State(settings, runtime, scoreboard, model),
            _Memory(counters),
        ):
            self._registry.register(collector)
        if (page := runtime.access_fds.get("page")) is not None:
            self._registry.register(Access(AccessPage(page), settings))
        if settings.mirror:
            self._registry.register(Mirrored(counters, len(routes) + 1))
        if runtime.gpu_page_fd is not None:
            workers = runtime.sizes.workers
            self._registry.register(Gpus(runtime.gpu_page_fd, ready=lambda: bool(scoreboard.ready(workers))))

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Collect from every process of the pod.

        Args:
            accept: the request's Accept header; OpenMetrics where it asks for it, else Prometheus' text.

        Returns:
            The page and its content type.
        """
        encode, content_type = choose_encoder(OPEN_METRICS if OPEN_METRICS in accept.lower() else "")
        return encode(self._registry), content_type


class _Requests(Collector):
    """What the HTTP workers counted."""

    def __init__(self, counters: Counters, routes: Sequence[str]) -> None:
        self._counters = counters
        self._routes = [*routes, catalog.OTHER]

    def collect(self) -> Iterable[Metric]:
        """Add up the HTTP workers."""
        total = self._counters.http_workers().sum(axis=0)
        requests = CounterMetricFamily(
            "paddle_requests", "Requests answered, by route and HTTP status.", labels=["route", "status"]
        )
        durations = HistogramMetricFamily(
            "paddle_request_duration_seconds",
            "From the end of a request's head to its answer.",
            labels=["route"],
        )
        for number, route in enumerate(self._routes):
            at = catalog.ROUTES_AT + number * catalog.ROUTE_CELLS
            counts = total[at : at + len(catalog.STATUSES)]
            if not counts.any():
                continue
            for status, count in zip(catalog.STATUSES, counts.tolist(), strict=True):
                if count:
                    requests.add_metric([route, str(status)], count)
            add_histogram(durations, [route], total, at + len(catalog.STATUSES), catalog.SECONDS)
        yield requests
        yield durations


class _Runs(Collector):
    """What the workers counted, and the stages of both kinds of process."""

    def __init__(self, counters: Counters, *, further: bool) -> None:
        self._counters = counters
        self._further = catalog.FURTHER_STAGES if further else ()

    def collect(self) -> Iterable[Metric]:
        """Add up the workers."""
        counters = self._counters
        workers, http_workers = counters.workers().sum(axis=0), counters.http_workers().sum(axis=0)
        rows = HistogramMetricFamily("paddle_batch_rows", "Rows that ran together.")
        add_histogram(rows, [], workers, catalog.ROWS_AT, catalog.ROWS)
        yield rows
        runs = HistogramMetricFamily("paddle_run_duration_seconds", "Time of one run of the model.")
        add_histogram(runs, [], workers, catalog.RUNS_AT, catalog.SECONDS)
        yield runs
        stages = HistogramMetricFamily(
            "paddle_stage_duration_seconds", "Time that a request spent in a stage.", labels=["stage"]
        )
        for total, at, names in (
            (http_workers, catalog.HTTP_WORKER_STAGES_AT, catalog.HTTP_WORKER_STAGES),
            (workers, catalog.WORKER_STAGES_AT, catalog.WORKER_STAGES),
            (http_workers, catalog.FURTHER_STAGES_AT, self._further),
        ):
            for number, name in enumerate(names):
                start = at + number * cells_of(catalog.STAGE_SECONDS)
                add_histogram(stages, [name], total, start, catalog.STAGE_SECONDS)
        yield stages
        yield CounterMetricFamily(
            "paddle_out_of_memory",
            "Runs for which the device had not enough memory.",
            float(workers[catalog.OUT_OF_MEMORY_AT]),
        )
        ended = CounterMetricFamily(
            "paddle_worker_exits",
            "Worker processes that died or were replaced, by reason.",
            labels=["reason"],
        )
        supervisor = counters.supervisor()
        for number, reason in enumerate(catalog.ENDINGS):
            ended.add_metric([reason], supervisor[catalog.ENDINGS_AT + number])
        yield ended


class _State(Collector):
    """What is the case now, from the scoreboard, and what was learned at the start."""

    def __init__(
        self, settings: Settings, runtime: ProcessContext, scoreboard: scoreboards.Scoreboard, model: Model
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._scoreboard = scoreboard
        self._model = model

    def collect(self) -> Iterable[Metric]:
        """What the scoreboard shows now, as gauges."""
        scoreboard = self._scoreboard
        workers = [
            scoreboard.worker(index) for index in scoreboard.worker_indexes(self._runtime.sizes.workers)
        ]
        ready = [worker for worker in workers if worker.state == scoreboards.READY]
        yield gauge("paddle_workers_ready", "Worker processes that can run the model.", len(ready))
        yield gauge(
            "paddle_workers_desired", "Worker processes that there should be.", scoreboard.workers_desired
        )
        yield gauge(
            "paddle_http_workers_desired",
            "HTTP processes that there should be.",
            scoreboard.http_workers_desired,
        )
        limit, threads = self._settings.queue_size, self._runtime.sizes.threads
        yield gauge("paddle_queue_limit", "Waiting requests beyond which 429 is answered.", limit)
        yield gauge("paddle_worker_threads", "Threads with which a worker runs the model.", threads)
        yield CounterMetricFamily("paddle_worker_restarts", "Worker processes replaced.", scoreboard.restarts)
        if ready:
            yield from self._load()
            yield from _beginning(ready[0])
            yield from _batching(ready)
        yield self._info()

    def _load(self) -> Iterable[Metric]:
        """What autoscalers go by: a pod that still loads has none of it, or it would count as an idle one."""
        scoreboard, admitted = self._scoreboard, self._scoreboard.admitted()
        waiting = scoreboard.waiting(self._runtime.sizes.workers)
        yield gauge(
            "paddle_busy_ratio", "Share of time in which the workers ran the model.", scoreboard.busy_ratio
        )
        yield gauge("paddle_inflight_requests", "Requests taken in and not answered yet.", admitted)
        yield gauge("paddle_queue_depth", "Requests that wait for a run.", waiting)
        yield gauge(
            "paddle_queue_seconds", "What requests waited for a run lately.", scoreboard.queue_seconds
        )

    def _info(self) -> Metric:
        learned = Learned.load(self._runtime.folder)
        return InfoMetricFamily(
            "paddle_model",
            "The served model.",
            {
                "name": self._settings.name,
                "format": self._model.format,
                "device": self._settings.device,
                "onednn": str(learned.onednn).lower() if learned else "",
                "precision": learned.precision if learned else "",
                "tensorrt": str(learned.tensorrt).lower() if learned else "",
                "paddle_version": learned.paddle if learned else "",
            },
        )


class _Memory(Collector):
    """How much memory each kind of process takes.

    /proc/PID/statm is read in microseconds; the proportional share in smaps_rollup takes milliseconds for an
    worker, so it is not here.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._groups = cgroup.membership()

    def collect(self) -> Iterable[Metric]:
        """Look at the processes that have a row, and at the parent of the HTTP workers."""
        counters = self._counters
        kinds = {
            "http_worker": {*counters.http_workers()[:, PID].astype(int).tolist(), os.getppid()},
            "worker": set(counters.workers()[:, PID].astype(int).tolist()),
            "supervisor": {int(counters.supervisor()[PID])},
        }
        resident = GaugeMetricFamily(
            "paddle_process_resident_memory_bytes",
            "Memory of the processes of a kind, together; pages that they share count for each.",
            labels=["process"],
        )
        anonymous = GaugeMetricFamily(
            "paddle_process_anonymous_memory_bytes",
            "The part of it that is no file's and not the requests' shared slots.",
            labels=["process"],
        )
        for kind, pids in kinds.items():
            pages = [_pages(pid) for pid in pids - {0}]
            resident.add_metric([kind], sum(all_of for all_of, _ in pages) * PAGESIZE)
            anonymous.add_metric([kind], sum(all_of - shared for all_of, shared in pages) * PAGESIZE)
        yield resident
        yield anonymous
        limit, room = cgroup.memory_limit(self._groups), cgroup.memory_room(self._groups)
        yield gauge("paddle_memory_limit_bytes", "Memory that the container, or the machine, has.", limit)
        yield gauge("paddle_memory_available_bytes", "What is left of it before the kernel kills.", room)


def _pages(pid: int) -> tuple[int, int]:
    """Resident and, of these, shared pages of a process; none where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0, 0
    return int(fields[1]), int(fields[2])


def _beginning(worker: scoreboards.WorkerBlock) -> Iterable[Metric]:
    load, warm = worker.load_ms / 1e3, worker.warmup_ms / 1e3
    yield gauge("paddle_model_load_seconds", "From a worker's start to a loaded model.", load)
    yield gauge("paddle_model_warmup_seconds", "From a loaded model to ready.", warm)


def _batching(ready: Sequence[scoreboards.WorkerBlock]) -> Iterable[Metric]:
    best, cap = ready[0].best_batch, min(worker.cap for worker in ready)
    yield gauge("paddle_batch_best_rows", "Rows of a run that answer most rows per second.", best)
    yield gauge("paddle_batch_cap_rows", "Most rows of a run; less after the device's memory was full.", cap)
