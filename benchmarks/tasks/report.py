"""What was measured, kept as JSON, as a table for the screen and for docs/benchmarks.md."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.serving.results import spread
from benchmarks.tasks.rounds import CLIENTS, LOOPS, Round
from benchmarks.tasks.workload import Workload

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
KEPT = ROOT / "benchmarks" / "tasks" / "kept.json"  # what the page was written from
BEGIN, END = "<!-- tasks: begin (written by benchmarks.tasks) -->", "<!-- tasks: end -->"
Rounds = Mapping[str, Sequence[Round]]  # by workload


def text(found: Rounds, workloads: Mapping[str, Workload]) -> str:
    """All tables; a ratio is one of a round."""
    return "\n\n".join("\n".join(_table(rounds, workloads[name])) for name, rounds in found.items())


def _table(rounds: Sequence[Round], workload: Workload) -> list[str]:
    ratios = {1: [one.server / one.single for one in rounds], 2: [one.server / one.loops for one in rounds]}
    cpu, loop_cpu = [one.server_cpu_ms for one in rounds], [one.loop_cpu_ms for one in rounds]
    work = [theirs / ours for ours, theirs in zip(cpu, loop_cpu, strict=True)]
    lines = [
        f"{workload.name}: {workload.title}",
        _line("", workload.unit, "CPU ms of one"),
        _line(f"server, {CLIENTS} clients", spread([one.server for one in rounds], 1), spread(cpu, 2)),
        _line(f"{LOOPS} loops", spread([one.loops for one in rounds], 1), spread(loop_cpu, 2)),
        _line("1 loop, alone", spread([one.single for one in rounds], 1), ""),
        _line(f"server by {LOOPS} loops", f"{spread(ratios[2], 2)}x", f"{spread(work, 2)}x"),
        _line("server by 1 loop", f"{spread(ratios[1], 2)}x", ""),
    ]
    return [*lines, _target(workload, {loops: statistics.median(found) for loops, found in ratios.items()})]


def _target(workload: Workload, medians: Mapping[int, float]) -> str:
    """The verdict, and what the same run says beside the other number of loops, which may be less kind."""
    names = {loops: f"{loops} loop{'s' if loops > 1 else ''}" for loops in medians}
    met = "met" if medians[workload.against] >= workload.aim else "MISSED"
    (other,) = medians.keys() - {workload.against}
    return (
        f"target: >= {workload.aim:g}x of {names[workload.against]}  {met}"
        f" ({medians[other]:.2f}x of {names[other]})"
    )


def _line(title: str, rate: str, cpu: str) -> str:
    return f"{title:20}{rate:>26}{cpu:>22}".rstrip()


def save(found: Rounds, file: Path) -> None:
    """For the page, and the test of it."""
    kept = {name: [asdict(one) for one in rounds] for name, rounds in found.items()}
    file.write_text(f"{json.dumps(kept, indent=1)}\n")


def load(file: Path) -> dict[str, list[Round]]:
    """What was saved."""
    kept = json.loads(file.read_text())
    return {name: [Round(**one) for one in rounds] for name, rounds in kept.items()}


def page(content: str, shown: str) -> str:
    """The page with a report between its marks."""
    before, rest = content.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n```\n{shown}\n```\n\n{END}{after}"
