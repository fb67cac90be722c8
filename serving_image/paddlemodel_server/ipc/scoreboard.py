"""A page of numbers that all processes of the server share: who is ready, how busy, how many in flight.

Every cell has one writer, so no lock is needed: the supervisor writes the head, each owner its own block,
each front its own row. The supervisor creates the page (an anonymous memory file) and hands its descriptor to
its children.
"""

import fcntl
import mmap
import os
from pathlib import Path
from typing import Any, Final

DOWN, LOADING, READY, RETIRING = range(4)  # a retiring owner answers what it has and gets nothing new
ABSENT, UNLINKED, LINKED = range(3)  # no front; one that has no owner to send requests to; one that has
MAX_OWNERS: Final = 65  # one more than may be configured: the successor of an owner that retires
MAX_FRONTS: Final = (
    128  # twice what may be configured: a replacement can start before its predecessor is gone
)

_CELL_BYTES = 8
_HEAD_CELLS = 16
_OWNER_CELLS = 16
_RUNNING = 1
_ROW_CELLS = 2 + MAX_OWNERS  # requests admitted, then those in flight at each owner, then `link`
_ROWS = _HEAD_CELLS + MAX_OWNERS * _OWNER_CELLS
_CELLS = _ROWS + MAX_FRONTS * _ROW_CELLS


def create() -> int:
    """Make the page; the descriptor is inherited by every child."""
    fd = os.memfd_create("paddlemodel-board")
    os.ftruncate(fd, _CELLS * _CELL_BYTES)
    os.set_inheritable(fd, True)
    return fd


class _Cell:
    """An attribute that lives in the page."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def __get__(self, block: "_Block", owner: Any = None) -> int:
        value: int = block.cells[block.base + self._offset]
        return value

    def __set__(self, block: "_Block", value: int) -> None:
        block.cells[block.base + self._offset] = value


class _Block:
    def __init__(self, cells: memoryview, base: int) -> None:
        self.cells = cells
        self.base = base


class OwnerBlock(_Block):
    """What one owner tells; after its death the supervisor clears it."""

    state = _Cell(0)
    running = _Cell(_RUNNING)  # requests in the current run
    started_ns = _Cell(2)  # when the current run began; 0 between runs
    busy_ns = _Cell(3)  # all time spent in runs
    load_ms = _Cell(4)  # from start to a loaded model
    best_batch = _Cell(5)  # the rows per run that answer most rows per second
    cap = _Cell(6)  # rows of a run at most; it shrinks when the device runs out of memory

    warmup_ms = _Cell(7)  # from a loaded model to ready

    def ran_ns(self, now_ns: int) -> int:
        """All time spent in runs, with the one under way."""
        busy_ns, started_ns = self.busy_ns, self.started_ns
        return busy_ns + (max(0, now_ns - started_ns) if started_ns else 0)

    def clear(self) -> None:
        """Forget a dead owner."""
        for cell in range(self.base, self.base + _OWNER_CELLS):
            self.cells[cell] = 0


class FrontRow(_Block):
    """What one front counts."""

    admitted = _Cell(0)
    link = _Cell(1 + MAX_OWNERS)  # ABSENT, UNLINKED or LINKED

    def add_in_flight(self, owner: int, change: int) -> None:
        """Count requests sent to an owner, or answered by it."""
        self.cells[self.base + 1 + owner] += change

    def clear(self) -> None:
        """Start from nothing."""
        for cell in range(self.base, self.base + _ROW_CELLS):
            self.cells[cell] = 0


class Board(_Block):
    """The whole page; its own cells are the supervisor's."""

    _draining = _Cell(0)
    _busy_ppm = _Cell(1)
    restarts = _Cell(2)  # owners replaced so far
    owners_wanted = _Cell(3)  # how many there should be
    fronts_wanted = _Cell(4)
    owner_memory_limit = _Cell(5)  # bytes; 0 before the first owner was measured
    _queue_us = _Cell(6)

    def __init__(self, fd: int) -> None:
        super().__init__(memoryview(mmap.mmap(fd, _CELLS * _CELL_BYTES)).cast("Q"), 0)

    def owner_indexes(self, owners: int) -> range:
        """Where owners may be found, the spare place included."""
        return range(min(owners + 1, MAX_OWNERS))

    def cell_running(self, owner: int) -> int:
        """The cell that is `running` of an owner, for those who ask at every request."""
        return self.owner(owner).base + _RUNNING

    def cells_in_flight(self, fronts: int, owner: int) -> list[int]:
        """The cells whose sum is `in_flight`, for those who ask at every request."""
        return list(range(_ROWS + 1 + owner, _ROWS + fronts * _ROW_CELLS, _ROW_CELLS))

    def cells_admitted(self, fronts: int) -> list[int]:
        """The cells whose sum is `admitted`, for those who ask at every request."""
        return list(range(_ROWS, _ROWS + fronts * _ROW_CELLS, _ROW_CELLS))

    @property
    def draining(self) -> bool:
        """Whether the pod is on its way out: unready, and connections end after their answer."""
        return bool(self._draining)

    def drain(self) -> None:
        """Tell every front that the pod is on its way out."""
        self._draining = 1

    def resume(self) -> None:
        """Tell them that it stays after all."""
        self._draining = 0

    @property
    def busy_ratio(self) -> float:
        """The share of time in which the owners ran the model lately."""
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

    def ready(self, owners: int) -> list[int]:
        """The owners that can run the model."""
        return [index for index in self.owner_indexes(owners) if self.owner(index).state == READY]

    def waiting(self, owners: int) -> int:
        """Requests that are here and not in a run."""
        running = sum(self.owner(index).running for index in self.owner_indexes(owners))
        return max(0, self.admitted(MAX_FRONTS) - running)

    def owner(self, index: int) -> OwnerBlock:
        """The block of one owner."""
        return OwnerBlock(self.cells, _HEAD_CELLS + index * _OWNER_CELLS)

    def front(self, index: int) -> FrontRow:
        """The row of one front."""
        return FrontRow(self.cells, _ROWS + index * _ROW_CELLS)

    @property
    def unlinked(self) -> bool:
        """Whether a front would refuse requests because it has found no owner yet, or none any more."""
        return any(self.front(row).link == UNLINKED for row in range(MAX_FRONTS))

    def admitted(self, fronts: int) -> int:
        """Requests that the first `fronts` fronts have taken in and not answered yet."""
        return sum(self.cells[cell] for cell in self.cells_admitted(fronts))

    def in_flight(self, fronts: int, owner: int) -> int:
        """Requests of the first `fronts` fronts that one owner holds."""
        return sum(self.cells[cell] for cell in self.cells_in_flight(fronts, owner))


def claim_row(board: Board, folder: Path) -> tuple[int, int]:
    """Take the lowest free row; the kernel frees it when this process ends.

    Rows that nobody holds are cleared: a front that was killed leaves what it told behind.

    Returns:
        The row's number and the descriptor whose lock holds it.
    """
    held: tuple[int, int] | None = None
    for index in range(MAX_FRONTS):
        lock = folder / f"front-{index}.lock"
        if held is not None and not lock.exists():
            break  # rows are taken lowest first, so this one and the ones above were never used
        fd = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            continue
        board.front(index).clear()
        if held is None:
            held = index, fd
        else:
            os.close(fd)
    if held is None:
        raise RuntimeError(f"all {MAX_FRONTS} rows of the board are taken")
    return held
