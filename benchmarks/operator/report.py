"""Shows what was measured: a table on the screen and, where asked, in docs/benchmarks-operator.md."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks-operator.md"
BEGIN, END = "<!-- numbers: begin (written by --write) -->", "<!-- numbers: end -->"


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
    ("  seconds from a changed wish to its child", lambda row: f"{row.change_seconds:.1f}"),
    ("restart: seconds until steady", lambda row: f"{row.restart_seconds:.0f}"),
    ("  CPU seconds until steady", lambda row: f"{row.restart_cpu:.1f}"),
    ("  write requests", lambda row: f"{row.restart_writes}"),
    ("  slowest /healthz, ms", lambda row: f"{row.healthz_restart_ms:.0f}"),
    ("  most memory, MB", lambda row: f"{row.peak_mb:.0f}"),
]


def text(rows: list[Row]) -> str:
    """The table, a column for each number of models."""
    head = f"{'models':48}" + "".join(f"{row.models:>9}" for row in rows)
    return "\n".join(
        [head, *(f"{name:48}" + "".join(f"{show(row):>9}" for row in rows) for name, show in LINES)]
    )


def write(rows: list[Row]) -> None:
    """Renew the numbers of the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n```\n{text(rows)}\n```\n\n{END}{after}")
