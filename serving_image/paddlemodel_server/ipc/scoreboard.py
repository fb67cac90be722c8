"""A page of numbers that all processes of the server share: who is ready, how busy, how many in flight.

Every cell has one writer, so no lock is needed: the supervisor writes the head, each worker its own block,
each HTTP worker its own row. The supervisor creates the page (an anonymous memory file) and hands its
descriptor to its children.
"""

import fcntl
import mmap
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Final

from paddlemodel_server.ipc import blames, pages

DOWN, LOADING, READY, RETIRING = range(4)  # a retiring worker answers what it has and gets nothing new
ABSENT, UNLINKED, LINKED = range(
    3
)  # no HTTP worker; one that has no worker to send requests to; one that has
MAX_WORKERS: Final = 65  # one more than may be configured: the successor of a worker that retires
MAX_HTTP_WORKERS: Final = (
    128  # twice what may be configured: a replacement can start before its predecessor is gone
)

_CELL_BYTES = 8
_HEAD_CELLS = 16
_WORKER_CELLS = 16
_OWN_CELLS = 8  # those that a worker writes itself
_RUNNING = 1
_IN_FLIGHT = 1  # of an HTTP worker's row: the first worker's cell
_ROW_CELLS = 2 + MAX_WORKERS  # requests admitted, then those in flight at each worker, then `link`
_ROWS = _HEAD_CELLS + MAX_WORKERS * _WORKER_CELLS
_BLAMES = _ROWS + MAX_HTTP_WORKERS * _ROW_CELLS
_CELLS = _BLAMES + blames.cells(MAX_HTTP_WORKERS)


def create() -> int:
    """Make the page; the descriptor is inherited by every child."""
    return pages.create("scoreboard", _CELLS * _CELL_BYTES)


class _Cell:
    """An attribute that lives in the page."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def __get__(self, block: "_Block", worker: Any = None) -> int:
        value: int = block.cells[block.base + self._offset]
        return value

    def __set__(self, block: "_Block", value: int) -> None:
        block.cells[block.base + self._offset] = value


class _Block:
    def __init__(self, cells: memoryview, base: int) -> None:
        self.cells = cells
        self.base = base


class WorkerBlock(_Block):
    """What one worker tells; after its death the supervisor clears it."""

    state = _Cell(0)
    running = _Cell(_RUNNING)  # requests in the current run
    started_ns = _Cell(2)  # when the current run began; 0 between runs
    busy_ns = _Cell(3)  # all time spent in runs
    load_ms = _Cell(4)  # from start to a loaded model
    best_batch = _Cell(5)  # the rows per run that answer most rows per second
    cap = _Cell(6)  # rows of a run at most; it shrinks when the device runs out of memory

    warmup_ms = _Cell(7)  # from a loaded model to ready
    deaths = _Cell(_OWN_CELLS)  # of workers at this place so far; from here on the supervisor's
    request_killed = _Cell(_OWN_CELLS + 1)  # whether the last one died of what it ran

    def ran_ns(self, now_ns: int) -> int:
        """All time spent in runs, with the one under way."""
        busy_ns, started_ns = self.busy_ns, self.started_ns
        return busy_ns + (max(0, now_ns - started_ns) if started_ns else 0)

    def clear(self) -> None:
        """Forget a dead worker."""
        for cell in range(self.base, self.base + _OWN_CELLS):
            self.cells[cell] = 0

    def bury(self, *, request_killed: bool) -> None:
        """Tell of what the worker died, once it is known."""
        self.request_killed = int(request_killed)
        self.deaths += 1


class HttpWorkerRow(_Block):
    """What one HTTP worker counts."""

    admitted = _Cell(0)
    link = _Cell(_IN_FLIGHT + MAX_WORKERS)  # ABSENT, UNLINKED or LINKED

    def add_in_flight(self, worker: int, change: int) -> None:
        """Count requests sent to a worker, or answered by it."""
        self.cells[self.base + _IN_FLIGHT + worker] += change

    def clear(self) -> None:
        """Set every number of the row to 0."""
        for cell in range(self.base, self.base + _ROW_CELLS):
            self.cells[cell] = 0


class Scoreboard(_Block):
    """The whole page; its own cells are the supervisor's."""

    _draining = _Cell(0)
    _busy_ppm = _Cell(1)
    restarts = _Cell(2)  # workers replaced so far
    workers_desired = _Cell(3)  # how many there should be
    http_workers_desired = _Cell(4)
    worker_memory_limit = _Cell(5)  # bytes; 0 before the first worker was measured
    _queue_us = _Cell(6)

    def __init__(self, fd: int) -> None:
        super().__init__(memoryview(mmap.mmap(fd, _CELLS * _CELL_BYTES)).cast("Q"), 0)

    def worker_indexes(self, workers: int) -> range:
        """Where workers may be found, the spare place included."""
        return range(min(workers + 1, MAX_WORKERS))

    @property
    def draining(self) -> bool:
        """Whether the pod is on its way out: unready, and connections end after their answer."""
        return bool(self._draining)

    def drain(self) -> None:
        """Tell every HTTP worker that the pod is on its way out."""
        self._draining = 1

    def resume(self) -> None:
        """Tell them that it stays after all."""
        self._draining = 0

    @property
    def busy_ratio(self) -> float:
        """The share of time in which the workers ran the model lately."""
        return self._busy_ppm / 1e6

    @busy_ratio.setter
    def busy_ratio(self, ratio: float) -> None:
        self._busy_ppm = round(ratio * 1e6)

    @property
    def queue_seconds(self) -> float:
        """What requests waited for a run lately."""
        return self._queue_us / 1e6

    @queue_seconds.setter
    def queue_seconds(self, seconds: float) -> None:
        self._queue_us = round(seconds * 1e6)

    def ready(self, workers: int) -> list[int]:
        """The workers that can run the model."""
        return [index for index in self.worker_indexes(workers) if self.worker(index).state == READY]

    def waiting(self, workers: int) -> int:
        """Requests that are here and not in a run."""
        running = sum(self.worker(index).running for index in self.worker_indexes(workers))
        return max(0, self.admitted() - running)

    def worker(self, index: int) -> WorkerBlock:
        """The block of one worker."""
        return WorkerBlock(self.cells, _HEAD_CELLS + index * _WORKER_CELLS)

    def http_worker(self, index: int) -> HttpWorkerRow:
        """The row of one HTTP worker."""
        return HttpWorkerRow(self.cells, _ROWS + index * _ROW_CELLS)

    def blames(self, row: int, http_workers: int) -> blames.Blames:
        """What the first `http_workers` HTTP workers remember of deaths; `row` is who asks."""
        return blames.Blames(self.cells[_BLAMES:], row, http_workers, MAX_HTTP_WORKERS)

    @property
    def unlinked(self) -> bool:
        """Whether an HTTP worker would refuse requests because it has no worker yet, or none any more."""
        return any(self.http_worker(row).link == UNLINKED for row in range(MAX_HTTP_WORKERS))

    def admitted(self, http_workers: int = MAX_HTTP_WORKERS) -> int:
        """Requests that the first `http_workers` HTTP workers have taken in and not answered yet."""
        return sum(self.column(http_workers, 0))

    def in_flight(self, worker: int, http_workers: int = MAX_HTTP_WORKERS) -> int:
        """Requests of the first `http_workers` HTTP workers that one worker holds."""
        return sum(self.column(http_workers, _IN_FLIGHT + worker))

    def column(self, http_workers: int, cell: int) -> memoryview:
        """The same cell of the first `http_workers` rows; its sum is up to date whenever it is taken."""
        return self.cells[_ROWS + cell : _ROWS + http_workers * _ROW_CELLS : _ROW_CELLS]


class Queue:
    """The pod's queue and its workers' load, as one HTTP worker adds to them and reads them at every request.

    Claiming a place is not atomic between HTTP workers: each may take one too many at the same moment.
    """

    def __init__(self, scoreboard: Scoreboard, row: HttpWorkerRow, http_workers: int, size: int) -> None:
        """Look at the first `http_workers` rows; `size` requests may wait beside those that run."""
        self._cells = scoreboard.cells
        self._admitted_here = row.base
        self._size = size
        self._admitted = scoreboard.column(http_workers, 0)
        self._in_flight = [scoreboard.column(http_workers, _IN_FLIGHT + n) for n in range(MAX_WORKERS)]
        self._workers = [scoreboard.worker(index) for index in range(MAX_WORKERS)]
        self._running: list[int] = []  # the cells that say how many requests each linked worker runs

    def link(self, workers: Iterable[int]) -> None:
        """Go by these workers: each runs at least one request beside those that wait."""
        self._running = [self._workers[worker].base + _RUNNING for worker in workers]

    def claim(self) -> bool:
        """Count a request in, if there is room; `leave` must follow."""
        cells, capacity = self._cells, self._size
        for cell in self._running:
            capacity += cells[cell] or 1
        if sum(self._admitted) >= capacity:
            return False
        cells[self._admitted_here] += 1
        return True

    def leave(self) -> None:
        """Count a request out."""
        self._cells[self._admitted_here] -= 1

    def in_flight(self, worker: int) -> int:
        """Requests that a worker holds, of all HTTP workers."""
        return sum(self._in_flight[worker])

    def least_busy(self, workers: Collection[int]) -> int | None:
        """The ready worker that holds the fewest requests; None where there is none.

        One that retires is better than none: its successor may not have been found yet.
        """
        best, fewest, retiring = None, 0, None
        for worker in workers:
            state = self._workers[worker].state
            if state != READY:
                if state == RETIRING:
                    retiring = worker
                continue
            if len(workers) == 1:
                return worker
            count = self.in_flight(worker)
            if best is None or count < fewest:
                best, fewest = worker, count
        return retiring if best is None else best


def claim_row(scoreboard: Scoreboard, folder: Path) -> tuple[int, int]:
    """Take the lowest free row; the kernel frees it when this process ends.

    Rows that nobody holds are cleared: an HTTP worker that was killed leaves what it told behind.

    Returns:
        The row's number and the descriptor whose lock holds it.
    """
    held: tuple[int, int] | None = None
    for index in range(MAX_HTTP_WORKERS):
        lock = folder / f"http-worker-{index}.lock"
        if held is not None and not lock.exists():
            break  # rows are taken lowest first, so this one and the ones above were never used
        fd = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            continue
        scoreboard.http_worker(index).clear()
        if held is None:
            held = index, fd
        else:
            os.close(fd)
    if held is None:
        raise RuntimeError(f"all {MAX_HTTP_WORKERS} rows of the scoreboard are taken")
    return held
