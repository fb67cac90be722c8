"""What the pod's GPUs show, in shared memory: `sampler` writes it once a second, `scrape_gpus` reads it.

There are two sheets; the writer fills the one that is not read and then turns, so a reader never sees half a
sample. A writer whose call of NVML does not return stops telling that it lives, and what it wrote is worth
nothing after a few seconds. The supervisor makes the page (an anonymous memory file) on a GPU only.
"""

import mmap
import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from enum import IntEnum
from math import isnan, nan
from typing import Any, Final

import numpy as np

MAX_DEVICES: Final = 64
STALE_SECONDS: Final = 5.0  # without a sign of life a call of NVML hangs


class State(IntEnum):
    """How the connection to NVML is; `name` in lower case is what is told."""

    LOADING = 0  # nothing is known yet, or no worker is ready
    OK = 1
    MIG = 2  # a part of a GPU, whose utilisation NVML does not tell
    LIBRARY_MISSING = 3
    NO_DEVICE = 4
    FAILED = 5


@dataclass(frozen=True, kw_only=True)
class Dial:
    """One device; None is what it does not tell."""

    index: int
    uuid: str
    utilization: float | None = None  # percent, mean of the last half minute
    memory_used: float | None = None  # bytes
    memory_total: float | None = None
    temperature: float | None = None  # degrees Celsius
    power: float | None = None  # watts
    ecc_errors: float | None = None
    shared: float | None = None  # 1: others use it, too


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """All that is known at one moment."""

    state: State = State.LOADING
    utilization: float | None = (
        None  # percent: mean over the pod's devices and half a minute since it is ready
    )
    memory: float | None = None  # percent of their memory that is taken
    gpu_seconds: float = 0.0  # that the pod has held devices while their utilisation was known
    busy_seconds: float = 0.0  # of these, by their utilisation
    gpu_page: Sequence[Dial] = ()


_READINGS = [field.name for field in fields(Dial)][2:]
_DIAL = np.dtype([("uuid", "S96"), ("index", "f8"), *[(name, "f8") for name in _READINGS]])
_NUMBERS = ("state", "utilization", "memory", "gpu_seconds", "busy_seconds")
_SHEET = np.dtype(
    [*[(name, "f8") for name in _NUMBERS], ("count", "f8"), ("gpu_page", _DIAL, (MAX_DEVICES,))]
)
_PAGE = np.dtype([("beat", "f8"), ("turn", "i8"), ("sheets", _SHEET, (2,))])


def create() -> int:
    """Make the page; the descriptor is inherited by every child."""
    fd = os.memfd_create("paddlemodel-dials")
    os.ftruncate(fd, _PAGE.itemsize)
    os.set_inheritable(fd, True)
    GpuPage(fd).write(Sheet())  # an untouched page would say 0, which is a value
    return fd


class GpuPage:
    """The page."""

    def __init__(self, fd: int) -> None:
        self._page: Any = np.frombuffer(mmap.mmap(fd, _PAGE.itemsize), _PAGE)[0:1]

    def beat(self, now: float) -> None:
        """Tell that the writer lives."""
        self._page["beat"] = now

    def silent(self, now: float) -> bool:
        """Whether the writer has begun, and then told nothing for too long."""
        beat = float(self._page["beat"][0])
        return beat > 0 and now - beat > STALE_SECONDS

    def write(self, sheet: Sheet) -> None:
        """Publish what is known now."""
        turn = 1 - int(self._page["turn"][0])
        found = self._page["sheets"][0, turn]
        for name in _NUMBERS:
            found[name] = _cell(getattr(sheet, name))
        rows = [(dial.uuid.encode(), *map(_cell, _numbers(dial))) for dial in sheet.gpu_page[:MAX_DEVICES]]
        found["count"] = len(rows)
        found["gpu_page"][: len(rows)] = np.array(rows, _DIAL)
        self._page["turn"] = turn

    def read(self, now: float) -> Sheet:
        """What is known at `now`, in monotonic seconds; of a silent writer only what it has counted."""
        found = self._page["sheets"][0, int(self._page["turn"][0])]
        numbers = {name: _value(found[name]) for name in _NUMBERS}
        counted = Sheet(
            state=State.FAILED,
            gpu_seconds=numbers["gpu_seconds"] or 0.0,
            busy_seconds=numbers["busy_seconds"] or 0.0,
        )
        if self.silent(now):
            return counted
        rows = found["gpu_page"][: int(found["count"])].tolist()
        return replace(
            counted,
            state=State(int(found["state"])),
            utilization=numbers["utilization"],
            memory=numbers["memory"],
            gpu_page=[
                Dial(
                    index=int(index),
                    uuid=uuid.decode(),
                    **{name: _value(cell) for name, cell in zip(_READINGS, cells, strict=True)},
                )
                for uuid, index, *cells in rows
            ],
        )


def _numbers(dial: Dial) -> list[float | None]:
    index, _, *readings = astuple(dial)
    return [index, *readings]


def _cell(value: float | None) -> float:
    return nan if value is None else float(value)


def _value(cell: float) -> float | None:
    return None if isnan(cell) else float(cell)
