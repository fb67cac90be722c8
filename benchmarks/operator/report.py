"""Shows what was measured: a table on the screen and, where asked, in docs/benchmarks-operator.md."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks-operator.md"
ROWS, RESTARTS = "numbers", "restarts"
"""The tables of the page, by the names of their marks."""


@dataclass(kw_only=True)
class Row:
    """What one number of models cost; seconds, unless the name says otherwise."""

    models: int
    bare_cpu: float = 0.0
    bare_seconds: float = 0.0
    posted_seconds: float = 0.0
    create_seconds: float = 0.0
    create_cpu: float = 0.0
    requests: int = 0
    healthz_create_ms: float = 0.0
    rest_cpu: float = 0.0
    change_seconds: float = 0.0
    restart_seconds: float = 0.0
    restart_cpu: float = 0.0
    restart_writes: int = 0
    healthz_restart_ms: float = 0.0
    peak_mb: float = 0.0


LINES: list[tuple[str, Callable[[Row], str]]] = [
    (
        "create: CPU ms of the operator for each model",
        lambda row: f"{row.create_cpu / row.models * 1000:.1f}",
    ),
    ("  of a bare loop of the same writes", lambda row: f"{row.bare_cpu / row.models * 1000:.1f}"),
    ("  the operator's share of it", lambda row: f"{row.create_cpu / row.bare_cpu:.2f}x"),
    ("  write requests for each model", lambda row: f"{row.requests / row.models:.2f}"),
    ("  seconds until all is steady", lambda row: f"{row.create_seconds:.0f}"),
    ("  of these, to post the models", lambda row: f"{row.posted_seconds:.0f}"),
    ("  seconds of the bare loop alone", lambda row: f"{row.bare_seconds:.0f}"),
    ("  slowest /healthz, ms", lambda row: f"{row.healthz_create_ms:.0f}"),
    ("rest: CPU seconds in a minute", lambda row: f"{row.rest_cpu:.2f}"),
    ("  seconds from a changed spec to its child", lambda row: f"{row.change_seconds:.1f}"),
    ("restart: seconds until steady", lambda row: f"{row.restart_seconds:.0f}"),
    ("  CPU seconds until steady", lambda row: f"{row.restart_cpu:.1f}"),
    ("  write requests", lambda row: f"{row.restart_writes}"),
    ("  slowest /healthz, ms", lambda row: f"{row.healthz_restart_ms:.0f}"),
    ("  most memory, MB", lambda row: f"{row.peak_mb:.0f}"),
]


R = TypeVar("R", "Row", "Restart")


@dataclass(kw_only=True)
class Restart:
    """What a restart cost; seconds, unless the name says otherwise."""

    models: int
    seconds: float = 0.0
    cpu: float = 0.0
    healthz_ms: float = 0.0
    healthz_later_ms: float = 0.0
    rest_cpu: float = 0.0
    writes: int = 0
    peak_mb: float = 0.0


RESTART_LINES: list[tuple[str, Callable[[Restart], str]]] = [
    ("seconds until steady", lambda row: f"{row.seconds:.0f}"),
    ("  CPU seconds until steady", lambda row: f"{row.cpu:.1f}"),
    ("  slowest /healthz, ms", lambda row: f"{row.healthz_ms:.0f}"),
    ("slowest /healthz in half a minute later, ms", lambda row: f"{row.healthz_later_ms:.0f}"),
    ("rest: CPU seconds in a minute", lambda row: f"{row.rest_cpu:.2f}"),
    ("write requests", lambda row: f"{row.writes}"),
    ("most memory, MB", lambda row: f"{row.peak_mb:.0f}"),
]


def text(rows: list[Row]) -> str:
    """The table, a column for each number of models."""
    return _table(rows, LINES)


def restarts(rows: list[Restart]) -> str:
    """The same, of restarts."""
    return _table(rows, RESTART_LINES)


def write(table: str, numbers: str) -> None:
    """Renew one table of the page."""
    begin, end = f"<!-- {table}: begin (written by --write) -->", f"<!-- {table}: end -->"
    before, _, rest = PAGE.read_text().partition(begin)
    after = rest.partition(end)[2]
    PAGE.write_text(f"{before}{begin}\n\n```\n{numbers}\n```\n\n{end}{after}")


def _table(rows: list[R], lines: list[tuple[str, Callable[[R], str]]]) -> str:
    head = f"{'models':48}" + "".join(f"{row.models:>9}" for row in rows)
    return "\n".join(
        [head, *(f"{name:48}" + "".join(f"{show(row):>9}" for row in rows) for name, show in lines)]
    )
