"""Counters that outlive the processes that count: one page of shared memory, a row per process.

Every cell has one writer, so no lock is needed: an HTTP worker's row is the one it holds on the scoreboard, a
worker's that of its index. A row is never cleared: a process that was killed leaves its counts, and its
successor goes on from them, so restarts neither lose nor double anything. The supervisor makes the page (an
anonymous memory file) and hands its descriptor to its children.

prometheus-client's own counters across processes were measured at nine times the cost (decision 0008).
"""

import mmap
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np

from paddlemodel_server.ipc import pages
from paddlemodel_server.ipc.scoreboard import MAX_HTTP_WORKERS, MAX_WORKERS

Row: TypeAlias = "memoryview[float]"
Array = np.ndarray[Any, np.dtype[np.float64]]

CELL_BYTES: Final = 8
SUPERVISOR_CELLS: Final = 64
HTTP_WORKER_CELLS: Final = (
    2048  # four pages of memory; the rows of HTTP workers that never were cost one, once read
)
WORKER_CELLS: Final = 256
PID: Final = 0  # the first cell of a row: who writes it, or wrote it last
FIRST: Final = 1

_HTTP_WORKERS: Final = SUPERVISOR_CELLS
_WORKERS: Final = _HTTP_WORKERS + MAX_HTTP_WORKERS * HTTP_WORKER_CELLS
_CELLS: Final = _WORKERS + MAX_WORKERS * WORKER_CELLS


def create() -> int:
    """Make the page; the descriptor is inherited by every child."""
    return pages.create("counters", _CELLS * CELL_BYTES)


class Counters:
    """The whole page, as float64 cells: exact for counts up to 2**53."""

    def __init__(self, fd: int) -> None:
        mapped = mmap.mmap(fd, _CELLS * CELL_BYTES)
        self._cells = memoryview(mapped).cast("d")
        self._array: Array = np.frombuffer(mapped, np.float64)

    def supervisor(self) -> Row:
        """The supervisor's row, to write."""
        return self._cells[:SUPERVISOR_CELLS]

    def http_worker(self, row: int) -> Row:
        """An HTTP worker's row, to write."""
        start = _HTTP_WORKERS + row * HTTP_WORKER_CELLS
        return self._cells[start : start + HTTP_WORKER_CELLS]

    def worker(self, index: int) -> Row:
        """A worker's row, to write."""
        start = _WORKERS + index * WORKER_CELLS
        return self._cells[start : start + WORKER_CELLS]

    def http_workers(self) -> Array:
        """The rows of all HTTP workers that ever were, float64 [HTTP workers, HTTP_WORKER_CELLS], to read."""
        rows = self._array[_HTTP_WORKERS:_WORKERS].reshape(MAX_HTTP_WORKERS, HTTP_WORKER_CELLS)
        used = np.flatnonzero(rows[:, PID])  # one that never came to count leaves a gap, with zeros
        return rows[: used[-1] + 1 if len(used) else 0]

    def workers(self) -> Array:
        """The rows of all possible workers, float64 [workers, WORKER_CELLS], to read."""
        return self._array[_WORKERS:].reshape(MAX_WORKERS, WORKER_CELLS)


class Histogram:
    """A histogram's cells in a row: one per bucket, one for what is above all bounds, then the sum.

    A process that is killed between the two additions leaves a sum that lacks one observation; the count,
    which is the buckets' sum, is always right.
    """

    __slots__ = ("_at", "_bounds", "_row", "_sum")

    def __init__(self, row: Row, at: int, bounds: tuple[float, ...]) -> None:
        self._row = row
        self._at = at
        self._bounds = bounds
        self._sum = at + len(bounds) + 1

    def observe(self, value: float, times: int = 1) -> None:
        """Count a value, or several equal ones."""
        row = self._row
        row[self._at + bisect_left(self._bounds, value)] += times
        row[self._sum] += value * times

    def observe_each(self, values: Sequence[float]) -> None:
        """Count several values, each in the unit of the histogram: seconds or rows."""
        row, at, bounds, total = self._row, self._at, self._bounds, 0.0
        for value in values:
            row[at + bisect_left(bounds, value)] += 1
            total += value
        row[self._sum] += total


def cells_of(bounds: tuple[float, ...]) -> int:
    """How many cells a histogram takes."""
    return len(bounds) + 2
