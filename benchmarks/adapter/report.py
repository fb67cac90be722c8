"""Shows what was measured: tables on the screen and, where asked, in docs/benchmarks-adapter.md."""

import os
import platform
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.adapter.asking import PERIOD_SECONDS, WORKERS, Round
from benchmarks.adapter.steps import Step, Steps
from benchmarks.adapter.world import Fleet

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks-adapter.md"
BEGIN, END = "<!-- numbers: begin (written by --write) -->", "<!-- numbers: end -->"
TITLES = {"ours": "metrics_adapter", "naive": "naive"}
MEMORY_MB, P99_MS = 100.0, 100.0


@dataclass(kw_only=True)
class Results:
    """All of it."""

    fleet: Fleet
    machine: str
    page_bytes: int = 0
    rounds: dict[str, dict[str, list[Round]]] = field(default_factory=dict)
    """By contender, then by way of asking: spread or burst."""
    steps: Steps | None = None


def machine() -> str:
    """What the numbers hold for."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cpu = names[0] if names else platform.machine()
    return f"one core of {os.cpu_count()} ({cpu}), Python {platform.python_version()}"


def text(results: Results) -> str:
    """All tables."""
    fleet = results.fleet
    head = (
        f"{results.machine}; the API server, the pods and who asks have the other core\n"
        f"{fleet.models} models x {fleet.pods_per_model} pods, each with a page of {results.page_bytes} bytes"
    )
    parts = [
        head,
        *(_table(results, way) for way in ("spread", "burst")),
        _steps(results),
        _verdicts(results),
    ]
    return "\n\n".join(part for part in parts if part)


def _table(results: Results, way: str) -> str:
    headings = {
        "spread": f"each model once in {PERIOD_SECONDS:.0f} s, evenly",
        "burst": f"each model once, {WORKERS} at a time, as fast as they are answered",
    }
    heads = ("req/s", "p50 ms", "p99 ms", "max ms", "round s", "CPU s", "RSS MB", "stall ms")
    lines = [headings[way], f"{'':18}" + "".join(f"{head:>23}" for head in heads)]
    for name, ways in results.rounds.items():
        rounds = ways[way]
        columns: list[tuple[Callable[[Round], float], int]] = [
            (lambda one: len(one.latencies_ms) / one.seconds, 0),
            (lambda one: one.percentile(0.5), 1),
            (lambda one: one.percentile(0.99), 1),
            (lambda one: max(one.latencies_ms), 1),
            (lambda one: one.seconds, 1),
            (lambda one: one.cpu_seconds, 2),
            (lambda one: one.memory_mb, 0),
            (lambda one: one.stall_ms, 0),
        ]
        cells = "".join(f"{_spread([value(one) for one in rounds], digits):>23}" for value, digits in columns)
        wrong = sum(one.wrong for one in rounds)
        lines.append(f"{TITLES[name]:18}{cells}" + (f"  {wrong} WRONG" if wrong else ""))
    return "\n".join(lines)


def _spread(values: list[float], digits: int) -> str:
    """The median, and in brackets the least and the most."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def _steps(results: Results) -> str:
    if results.steps is None:
        return ""
    total = statistics.median(one.cpu_seconds for one in results.rounds["ours"]["spread"])
    rest = total - sum(step.seconds for step in results.steps.ours)
    return "\n".join(
        [
            "where the CPU time of such an even round goes, by our own functions",
            f"{'':50}{'ms each':>10}{'times':>8}{'s':>8}",
            *(_step(step) for step in results.steps.ours),
            f"{'the rest: TLS and HTTP towards who asks':50}{'':>18}{rest:>8.2f}",
            f"{'together, as measured':50}{'':>18}{total:>8.2f}",
            _step(results.steps.full_parser),
        ]
    )


def _step(step: Step) -> str:
    return f"{step.name:50}{step.each_ms:>10.3f}{step.times:>8}{step.seconds:>8.2f}"


def _verdicts(results: Results) -> str:
    spread, burst = results.rounds["ours"]["spread"], results.rounds["ours"]["burst"]
    slowest = max(one.seconds for one in burst)
    p99 = statistics.median(one.percentile(0.99) for one in spread)
    memory = max(one.memory_mb for one in (*spread, *burst))
    wrong = float(sum(one.wrong for one in (*spread, *burst)))
    targets = [
        (f"all models within {PERIOD_SECONDS:.0f} s, at a burst", slowest, PERIOD_SECONDS, "s"),
        (f"p99 under {P99_MS:.0f} ms, evenly", p99, P99_MS, "ms"),
        (f"memory under {MEMORY_MB:.0f} MB", memory, MEMORY_MB, "MB"),
        ("no wrong answer", wrong, 0.5, ""),
    ]
    lines = ["targets"]
    for name, value, limit, unit in targets:
        verdict = "met" if value < limit else "MISSED"
        lines.append(f"{name:40}{f'{value:.1f} {unit}':>14}   {verdict}")
    return "\n".join(lines)


def write(results: Results) -> None:
    """Renew the numbers of the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n```\n{text(results)}\n```\n\n{END}{after}")
