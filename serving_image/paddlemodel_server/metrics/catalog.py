"""What the processes of a pod count, each into its own row of `ipc.counters`.

Labels are bounded: a route that was not announced or a status that is not in the table counts as "other", so
no client can create series. A small request costs an HTTP worker and its worker about 1.5 microseconds
together.
"""

import os
from collections.abc import Sequence
from typing import Final

from paddlemodel_api import contract

from paddlemodel_server.ipc.counters import FIRST, HTTP_WORKER_CELLS, PID, Counters, Histogram, Row, cells_of
from paddlemodel_server.protocol.task.stages import STAGES

OTHER: Final = "other"
MIRRORED: Final = "mirrored"  # the label of what a canary is asked beside its clients' requests
STATUSES: Final[tuple[int | str, ...]] = (
    200, 204, 301, 304, 308,
    400, 401, 403, 404, 405, 406, 408, 409, 411, 412, 413, 414, 415, 416, 417, 422, 429, 431, 499,
    500, 501, 503, 504, 505,
    OTHER,
)  # fmt: skip
HTTP_WORKER_STAGES: Final = ("decode", "encode")
FURTHER_STAGES: Final = (*STAGES, "crop")  # of tasks with several models, seen by an HTTP worker
WORKER_STAGES: Final = ("queue", "batch", "predict")
MIRROR_RESULTS: Final = contract.MIRROR_RESULTS
AGREE, DIFFER, ERROR, DROPPED = MIRROR_RESULTS
MEASURES: Final = ("part", "absolute", "relative")  # of how far a canary's answer is off
ENDINGS: Final = ("signal", "exit", "memory", "stuck", "recycled")  # the last: replaced, for it had grown
SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STAGE_SECONDS: Final = (0.0001, 0.0002, 0.0005, *SECONDS)  # most stages of a small request are this short
ROWS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)

# Where everything lies in a row. An HTTP worker's: pid, stages, mirror; by route: statuses and durations.
HTTP_WORKER_STAGES_AT: Final = FIRST
FURTHER_STAGES_AT: Final = HTTP_WORKER_STAGES_AT + len(HTTP_WORKER_STAGES) * cells_of(STAGE_SECONDS)
MIRROR_AT: Final = FURTHER_STAGES_AT + len(FURTHER_STAGES) * cells_of(STAGE_SECONDS)
WORST_AT: Final = MIRROR_AT + len(MIRROR_RESULTS)
ROUTES_AT: Final = WORST_AT + len(MEASURES)
ROUTE_CELLS: Final = len(STATUSES) + cells_of(SECONDS)
MAX_ROUTES: Final = (HTTP_WORKER_CELLS - ROUTES_AT) // ROUTE_CELLS
# A worker's: pid, rows of runs, durations of runs, stages, out of memory.
ROWS_AT: Final = FIRST
RUNS_AT: Final = ROWS_AT + cells_of(ROWS)
WORKER_STAGES_AT: Final = RUNS_AT + cells_of(SECONDS)
OUT_OF_MEMORY_AT: Final = WORKER_STAGES_AT + len(WORKER_STAGES) * cells_of(STAGE_SECONDS)
# The supervisor's: pid, endings of workers.
ENDINGS_AT: Final = FIRST


class HttpWorker:
    """What an HTTP worker counts.

    It is for the event loop's thread alone: `Service.count` is for the others.
    """

    def __init__(self, fd: int, row: int, routes: Sequence[str]) -> None:
        """Go on with a row of the page.

        Args:
            fd: the page (`ProcessContext.counters_fd`).
            row: the HTTP worker's row of the scoreboard.
            routes: the labels of all routes, the same ones in every HTTP worker and for the page.
        """
        self._row = cells = Counters(fd).http_worker(row)
        cells[PID] = os.getpid()
        self._routes = {route: at_route(cells, n) for n, route in enumerate([*routes, OTHER, MIRRORED])}
        self._statuses = {status: number for number, status in enumerate(STATUSES)}
        stages = _stages(cells, HTTP_WORKER_STAGES_AT, HTTP_WORKER_STAGES)
        # Seconds that a request spent in each.
        self.decode, self.encode = (stages[name] for name in HTTP_WORKER_STAGES)
        self.further = _stages(cells, FURTHER_STAGES_AT, FURTHER_STAGES)
        self.mirror = MirrorCounts(cells)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer.

        Args:
            route: its label; one that was not announced counts as "other".
            status: the HTTP status; one that is not in STATUSES counts as "other".
            seconds: from the end of the request's head to its answer.
        """
        at, durations = self._routes.get(route) or self._routes[OTHER]
        self._row[at + self._statuses.get(status, len(STATUSES) - 1)] += 1
        durations.observe(seconds)


class MirrorCounts:
    """What became of the requests that an HTTP worker has mirrored to a canary."""

    def __init__(self, row: Row) -> None:
        self._row = row

    def count(self, result: str) -> None:
        """Count one; `result` is one of MIRROR_RESULTS."""
        self._row[MIRROR_AT + MIRROR_RESULTS.index(result)] += 1

    def worst(self, *measures: float) -> None:
        """Keep the largest of each of MEASURES."""
        row = self._row
        for at, value in enumerate(measures, start=WORST_AT):
            row[at] = max(row[at], value)

    def forget_worst(self) -> None:
        """There is another canary."""
        for at in range(WORST_AT, WORST_AT + len(MEASURES)):
            self._row[at] = 0.0


class Worker:
    """What a worker counts."""

    def __init__(self, fd: int, index: int) -> None:
        """Go on with the row of a worker's index."""
        self._row = cells = Counters(fd).worker(index)
        cells[PID] = os.getpid()
        self._rows = Histogram(cells, ROWS_AT, ROWS)
        self._runs = Histogram(cells, RUNS_AT, SECONDS)
        stages = _stages(cells, WORKER_STAGES_AT, WORKER_STAGES)
        self._queue, self._batch, self._predict = (stages[name] for name in WORKER_STAGES)

    def ran(self, rows: int, waited: Sequence[float], batch_seconds: float, run_seconds: float) -> None:
        """Count one run.

        Args:
            rows: how many ran together.
            waited: seconds that each of its requests waited, from the HTTP worker's submission to this run.
            batch_seconds: time to join the requests' tensors and to part the answers.
            run_seconds: time of the model itself.
        """
        self._rows.observe(rows)
        self._runs.observe(run_seconds)
        requests = len(waited)
        self._batch.observe(batch_seconds, requests)
        self._predict.observe(run_seconds, requests)
        self._queue.observe_each(waited)

    def out_of_memory(self) -> None:
        """Count a run that failed because the device's memory was full."""
        self._row[OUT_OF_MEMORY_AT] += 1


class Supervisor:
    """What the supervisor counts."""

    def __init__(self, fd: int) -> None:
        self._row = Counters(fd).supervisor()
        self._row[PID] = os.getpid()

    def worker_ended(self, how: str) -> None:
        """Count a worker's end; `how` is one of ENDINGS."""
        self._row[ENDINGS_AT + ENDINGS.index(how)] += 1


def waits(counters: Counters) -> tuple[float, float]:
    """How many requests have left the queue for a run, and the seconds that they waited, all together."""
    width, number = cells_of(STAGE_SECONDS), WORKER_STAGES.index("queue")
    at = WORKER_STAGES_AT + number * width
    *counts, seconds = counters.workers()[:, at : at + width].sum(axis=0).tolist()
    return sum(counts), seconds


def at_route(cells: Row, number: int) -> tuple[int, Histogram]:
    """Where a route's statuses begin, and its durations."""
    if number >= MAX_ROUTES:
        raise ValueError(f"a row has room for {MAX_ROUTES} routes")
    at = ROUTES_AT + number * ROUTE_CELLS
    return at, Histogram(cells, at + len(STATUSES), SECONDS)


def _stages(cells: Row, at: int, names: Sequence[str]) -> dict[str, Histogram]:
    width = cells_of(STAGE_SECONDS)
    return {name: Histogram(cells, at + n * width, STAGE_SECONDS) for n, name in enumerate(names)}
