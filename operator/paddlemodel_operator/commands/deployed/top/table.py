"""The table of `paddlemodel top`; pure."""

from collections.abc import Sequence
from typing import Final

from paddlemodel_operator.commands.deployed.text import NONE, table
from paddlemodel_operator.commands.deployed.top.pod_metrics import Load

HEAD: Final = ("QPS", "P95", "INFLIGHT", "QUEUED", "WAIT", "BUSY", "GPU", "GPU-MEM", "MEMORY")
Row = tuple[Sequence[object], Load]


def listing(first: Sequence[str], rows: Sequence[Row]) -> str:
    """A row for each model or pod: what it is called, then its load."""
    return table([[*first, *HEAD], *([*names, *_cells(load)] for names, load in rows)])


def _cells(load: Load) -> list[str]:
    return [
        _number(load.qps),
        duration(load.p95),
        _number(load.inflight),
        _number(load.queued),
        duration(load.waited),
        NONE if load.busy is None else f"{load.busy:.0%}",
        NONE if load.gpu is None else f"{load.gpu:.0f}%",
        NONE if load.gpu_memory is None else f"{load.gpu_memory:.0f}%",
        NONE if load.memory is None else f"{load.memory / 2**20:.0f}Mi",
    ]


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.1f}".removesuffix(".0")


def duration(value: float | None) -> str:
    """Seconds, in the unit in which they are read easily."""
    if value is None:
        return NONE
    return f"{value:.1f}s" if value >= 1 else f"{value * 1000:.3g}ms"
