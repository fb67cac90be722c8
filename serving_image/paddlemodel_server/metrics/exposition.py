"""The /metrics page: adds up `counters`, reads the board and the processes, lets prometheus-client render.

A door calls `Page.render` for each scrape. Nothing is kept between scrapes: any front gives the same page.
"""

import os
from collections.abc import Iterable, Sequence
from itertools import accumulate
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
from paddlemodel_server.ipc import scoreboard as boards
from paddlemodel_server.ipc.counters import PID, Array, Counters, cells_of
from paddlemodel_server.ipc.process_context import Learned, Runtime
from paddlemodel_server.metrics import catalog
from paddlemodel_server.metrics.gpu_exposition import Gpus
from paddlemodel_server.model.signature import Model
from paddlemodel_server.settings import Settings

OPEN_METRICS = "application/openmetrics-text"


class Page:
    """The whole page; a collector that prometheus-client renders."""

    def __init__(
        self,
        settings: Settings,
        runtime: Runtime,
        board: boards.Board,
        model: Model,
        routes: Sequence[str],
    ) -> None:
        counters = Counters(runtime.counters_fd)
        self._registry = CollectorRegistry()
        for collector in (
            _Requests(counters, routes),
            _Runs(counters),
            _State(settings, runtime, board, model),
            _Memory(counters),
        ):
            self._registry.register(collector)
        if runtime.dials_fd is not None:
            owners = runtime.sizes.owners
            self._registry.register(Gpus(runtime.dials_fd, ready=lambda: bool(board.ready(owners))))

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
    """What the fronts counted."""

    def __init__(self, counters: Counters, routes: Sequence[str]) -> None:
        self._counters = counters
        self._routes = [*routes, catalog.OTHER]

    def collect(self) -> Iterable[Metric]:
        """Add up the fronts."""
        total = self._counters.fronts().sum(axis=0)
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
            _add(durations, [route], total, at + len(catalog.STATUSES), catalog.SECONDS)
        yield requests
        yield durations


class _Runs(Collector):
    """What the owners counted, and the stages of both kinds of process."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def collect(self) -> Iterable[Metric]:
        """Add up the owners."""
        counters = self._counters
        owners, fronts = counters.owners().sum(axis=0), counters.fronts().sum(axis=0)
        rows = HistogramMetricFamily("paddle_batch_rows", "Rows that ran together.")
        _add(rows, [], owners, catalog.ROWS_AT, catalog.ROWS)
        yield rows
        runs = HistogramMetricFamily("paddle_run_duration_seconds", "Time of one run of the model.")
        _add(runs, [], owners, catalog.RUNS_AT, catalog.SECONDS)
        yield runs
        stages = HistogramMetricFamily(
            "paddle_stage_duration_seconds", "Time that a request spent in a stage.", labels=["stage"]
        )
        for total, at, names in (
            (fronts, catalog.FRONT_STAGES_AT, catalog.FRONT_STAGES),
            (owners, catalog.OWNER_STAGES_AT, catalog.OWNER_STAGES),
        ):
            for number, name in enumerate(names):
                start = at + number * cells_of(catalog.STAGE_SECONDS)
                _add(stages, [name], total, start, catalog.STAGE_SECONDS)
        yield stages
        yield CounterMetricFamily(
            "paddle_out_of_memory",
            "Runs for which the device had not enough memory.",
            float(owners[catalog.OUT_OF_MEMORY_AT]),
        )
        ended = CounterMetricFamily(
            "paddle_owner_exits", "Owner processes that died or were replaced, by reason.", labels=["reason"]
        )
        supervisor = counters.supervisor()
        for number, reason in enumerate(catalog.ENDINGS):
            ended.add_metric([reason], supervisor[catalog.ENDINGS_AT + number])
        yield ended


class _State(Collector):
    """What is the case now, from the board, and what was learned at the start."""

    def __init__(self, settings: Settings, runtime: Runtime, board: boards.Board, model: Model) -> None:
        self._settings = settings
        self._runtime = runtime
        self._board = board
        self._model = model

    def collect(self) -> Iterable[Metric]:
        """Read the board."""
        board = self._board
        owners = [board.owner(index) for index in board.owner_indexes(self._runtime.sizes.owners)]
        ready = [owner for owner in owners if owner.state == boards.READY]
        yield _gauge("paddle_owners_ready", "Owner processes that can run the model.", len(ready))
        yield _gauge("paddle_owners_wanted", "Owner processes that there should be.", board.owners_wanted)
        yield _gauge("paddle_fronts_wanted", "HTTP processes that there should be.", board.fronts_wanted)
        limit, threads = self._settings.queue_size, self._runtime.sizes.threads
        yield _gauge("paddle_queue_limit", "Waiting requests beyond which 429 is answered.", limit)
        yield _gauge("paddle_owner_threads", "Threads with which an owner runs the model.", threads)
        yield CounterMetricFamily("paddle_owner_restarts", "Owner processes replaced.", board.restarts)
        if ready:
            yield from self._load()
            yield from _beginning(ready[0])
            yield from _batching(ready)
        yield self._info()

    def _load(self) -> Iterable[Metric]:
        """What autoscalers go by: a pod that still loads has none of it, or it would count as an idle one."""
        board, admitted = self._board, self._board.admitted(boards.MAX_FRONTS)
        waiting = board.waiting(self._runtime.sizes.owners)
        yield _gauge(
            "paddle_busy_ratio", "Share of time in which the owners ran the model.", board.busy_ratio
        )
        yield _gauge("paddle_inflight_requests", "Requests taken in and not answered yet.", admitted)
        yield _gauge("paddle_queue_depth", "Requests that wait for a run.", waiting)
        yield _gauge("paddle_queue_seconds", "What requests waited for a run lately.", board.queue_seconds)

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
    owner, so it is not here.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._groups = cgroup.membership()

    def collect(self) -> Iterable[Metric]:
        """Look at the processes that have a row, and at the parent of the fronts."""
        counters = self._counters
        kinds = {
            "front": {*counters.fronts()[:, PID].astype(int).tolist(), os.getppid()},
            "owner": set(counters.owners()[:, PID].astype(int).tolist()),
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
        yield _gauge("paddle_memory_limit_bytes", "Memory that the container, or the machine, has.", limit)
        yield _gauge("paddle_memory_available_bytes", "What is left of it before the kernel kills.", room)


def _pages(pid: int) -> tuple[int, int]:
    """Resident and, of these, shared pages of a process; none where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0, 0
    return int(fields[1]), int(fields[2])


def _beginning(owner: boards.OwnerBlock) -> Iterable[Metric]:
    load, warm = owner.load_ms / 1e3, owner.warmup_ms / 1e3
    yield _gauge("paddle_model_load_seconds", "From an owner's start to a loaded model.", load)
    yield _gauge("paddle_model_warmup_seconds", "From a loaded model to ready.", warm)


def _batching(ready: Sequence[boards.OwnerBlock]) -> Iterable[Metric]:
    best, cap = ready[0].best_batch, min(owner.cap for owner in ready)
    yield _gauge("paddle_batch_best_rows", "Rows of a run that answer most rows per second.", best)
    yield _gauge("paddle_batch_cap_rows", "Most rows of a run; less after the device's memory was full.", cap)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value)


def _add(
    family: HistogramMetricFamily, labels: Sequence[str], row: Array, at: int, bounds: tuple[float, ...]
) -> None:
    """Read a histogram's cells into a family, cumulative as Prometheus wants it."""
    *counts, total = row[at : at + cells_of(bounds)].tolist()
    names = [*map(str, bounds), "+Inf"]
    family.add_metric(labels, list(zip(names, accumulate(counts), strict=True)), total)
