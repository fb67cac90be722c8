"""What a run has measured, by workload, form, contender and concurrency; kept as JSON to be shown again."""

import json
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving.load import Measured


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One row of a table, one entry per round."""

    workload: str
    form: str
    contender: str
    concurrency: int
    measured: list[Measured]
    cpu_ms: list[float]  # of the whole family of processes, by answer
    http_worker_cpu_ms: list[float] = field(default_factory=list)  # ours: of that, the HTTP workers'
    stages: list[dict[str, float]] = field(default_factory=list)  # ours: ms in each; rows of a run

    @property
    def rates(self) -> list[float]:
        return [entry.rate for entry in self.measured]

    @property
    def p50(self) -> float:
        return statistics.median(entry.p50_ms for entry in self.measured)

    @property
    def p99(self) -> float:
        return statistics.median(entry.p99_ms for entry in self.measured)

    @property
    def errors(self) -> int:
        return sum(entry.errors for entry in self.measured)

    @property
    def client_cpu(self) -> float:
        return statistics.median(entry.client_cpu for entry in self.measured)


@dataclass(frozen=True, kw_only=True)
class Idle:
    """One round without and with idle connections; `without` and `with_them` by connections under load."""

    opened: int
    still_open: int  # after the measurement
    memory_mb: float
    without: dict[str, Measured]
    with_them: dict[str, Measured]


@dataclass
class Results:
    machine: str
    cells: list[Cell] = field(default_factory=list)
    bare: dict[str, list[float]] = field(default_factory=dict)  # workload -> runs per second, by round
    bare_cpu_ms: dict[str, list[float]] = field(default_factory=dict)
    memory_mb: dict[str, dict[str, float]] = field(default_factory=dict)  # workload -> contender
    probes_ms: dict[str, dict[str, list[float]]] = field(default_factory=dict)  # workload -> path
    probed: dict[str, Measured] = field(default_factory=dict)  # workload -> the load beside the probes
    start_up: list[tuple[float, float]] = field(default_factory=list)  # ours and bare, in turn
    idle: list[Idle] = field(default_factory=list)
    ending: dict[str, int] = field(default_factory=dict)

    def cell(self, workload: str, form: str, contender: str, concurrency: int) -> Cell | None:
        wanted = workload, form, contender, concurrency
        for cell in self.cells:
            if (cell.workload, cell.form, cell.contender, cell.concurrency) == wanted:
                return cell
        return None

    def save(self, file: Path) -> None:
        """Whole or not at all: a run that ends in the middle leaves its last round."""
        half = file.with_name(f"{file.name}.half")
        half.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(f"{json.dumps(asdict(self))}\n")
        half.replace(file)

    @classmethod
    def load(cls, file: Path) -> "Results":
        content = json.loads(file.read_text())
        cells = [
            Cell(**entry | {"measured": [Measured(**one) for one in entry["measured"]]})
            for entry in content.pop("cells")
        ]
        idle = [
            Idle(**entry | {key: _by_name(entry[key]) for key in ("without", "with_them")})
            for entry in content.pop("idle")
        ]
        content["start_up"] = [(mine, bare) for mine, bare in content["start_up"]]
        return cls(cells=cells, idle=idle, probed=_by_name(content.pop("probed")), **content)


def _by_name(content: dict[str, dict[str, Any]]) -> dict[str, Measured]:
    return {name: Measured(**entry) for name, entry in content.items()}


def ratios(
    one: Cell | None, other: Cell | None, what: Callable[[Measured], float] = lambda entry: entry.rate
) -> list[float]:
    """Round by round; empty where one of them was not measured."""
    if one is None or other is None:
        return []
    return [what(a) / what(b) for a, b in zip(one.measured, other.measured, strict=True)]


def spread(values: list[float], digits: int) -> str:
    """Median, and from the lowest to the highest round."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"
