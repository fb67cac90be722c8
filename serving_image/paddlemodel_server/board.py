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

DOWN, LOADING, READY = 0, 1, 2
MAX_OWNERS: Final = 64
MAX_FRONTS: Final = (
    128  # twice what may be configured: a replacement can start before its predecessor is gone
)

_CELL_BYTES = 8
_HEAD_CELLS = 16
_OWNER_CELLS = 8
_ROW_CELLS = 1 + MAX_OWNERS  # requests admitted, then those in flight at each owner
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
    running = _Cell(1)  # requests in the current run
    started_ns = _Cell(2)  # when the current run began; 0 between runs
    busy_ns = _Cell(3)  # all time spent in runs
    load_ms = _Cell(4)  # from start to ready
    best_batch = _Cell(5)  # the rows per run that answer most rows per second

    def clear(self) -> None:
        """Forget a dead owner."""
        for cell in range(self.base, self.base + _OWNER_CELLS):
            self.cells[cell] = 0


class FrontRow(_Block):
    """What one front counts."""

    admitted = _Cell(0)

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

    def __init__(self, fd: int) -> None:
        super().__init__(memoryview(mmap.mmap(fd, _CELLS * _CELL_BYTES)).cast("Q"), 0)

    @property
    def draining(self) -> bool:
        """Whether the pod is on its way out: unready, and connections end after their answer."""
        return bool(self._draining)

    def drain(self) -> None:
        """Tell every front that the pod is on its way out."""
        self._draining = 1

    @property
    def busy_ratio(self) -> float:
        """The share of time in which the owners ran the model lately."""
        return self._busy_ppm / 1e6

    @busy_ratio.setter
    def busy_ratio(self, ratio: float) -> None:
        self._busy_ppm = round(ratio * 1e6)

    def owner(self, index: int) -> OwnerBlock:
        """The block of one owner."""
        return OwnerBlock(self.cells, _HEAD_CELLS + index * _OWNER_CELLS)

    def front(self, index: int) -> FrontRow:
        """The row of one front."""
        return FrontRow(self.cells, _ROWS + index * _ROW_CELLS)

    def admitted(self, fronts: int) -> int:
        """Requests that the first `fronts` fronts have taken in and not answered yet."""
        cells, total = self.cells, 0
        for cell in range(_ROWS, _ROWS + fronts * _ROW_CELLS, _ROW_CELLS):
            total += cells[cell]
        return total

    def in_flight(self, fronts: int, owner: int) -> int:
        """Requests of the first `fronts` fronts that one owner holds."""
        cells, total = self.cells, 0
        for cell in range(_ROWS + 1 + owner, _ROWS + fronts * _ROW_CELLS, _ROW_CELLS):
            total += cells[cell]
        return total


def claim_row(board: Board, folder: Path) -> tuple[int, int]:
    """Take the lowest free row; the kernel frees it when this process ends.

    Rows that nobody holds are cleared: a front that was killed leaves its counts behind.

    Returns:
        The row's number and the descriptor whose lock holds it.
    """
    held: tuple[int, int] | None = None
    for index in range(MAX_FRONTS):
        fd = os.open(folder / f"front-{index}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            continue
        board.front(index).clear()
        if held is None:
            held = index, fd
            continue
        os.close(fd)
        break  # rows are taken lowest first, so the ones above were never used
    if held is None:
        raise RuntimeError(f"all {MAX_FRONTS} rows of the board are taken")
    return held
