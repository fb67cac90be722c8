"""Shows what was measured: tables on the screen and, where desired, in docs/benchmarks.md with a plot."""

import statistics
from pathlib import Path

from benchmarks.serving import targets, workloads
from benchmarks.serving.contenders import TITLES
from benchmarks.serving.results import Cell, Results, ratios, spread

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
KEPT = ROOT / "benchmarks" / "serving" / "kept.json"  # what the page was written from
BEGIN, END = "<!-- numbers: begin (written by --write) -->", "<!-- numbers: end -->"
_STAGES = "decode", "queue", "batch", "predict", "encode"
_BUSY_CLIENT = 0.9  # of a core


def text(results: Results) -> str:
    """All tables."""
    named = dict.fromkeys(cell.workload for cell in results.cells)
    tables = [[workloads.TITLES[workload], *_table(results, workload)] for workload in named]
    parts = [[results.machine], *tables, _time(results), _verdicts(results)]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _table(results: Results, workload: str) -> list[str]:
    bare = results.bare[workload]
    heads = f"{'req/s':>22}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>8}{'x bare':>18}{'ours is':>24}"
    lines = [f"{'':22}{'body':>10}{'at once':>8}{heads}"]
    cpu = statistics.median(results.bare_cpu_ms[workload])
    lines.append(f"{TITLES['bare']:22}{'-':>10}{'-':>8}{spread(bare, 0):>22}{'':18}{cpu:>8.3f}")
    lines += [_line(results, cell, bare) for cell in results.cells if cell.workload == workload]
    memory = (f"{TITLES[name]} {size:.0f}" for name, size in results.memory_mb.get(workload, {}).items())
    lines.append(f"memory (PSS, MB, after all rounds): {', '.join(memory)}")
    return lines


def _line(results: Results, cell: Cell, bare: list[float]) -> str:
    mine = results.cell(cell.workload, cell.form, "ours", cell.concurrency)
    against_bare = spread([rate / other for rate, other in zip(cell.rates, bare, strict=True)], 2)
    ours_is = "" if cell is mine or mine is None else f"{spread(ratios(mine, cell), 2)}x"
    notes = f"  {cell.errors} ERRORS" if cell.errors else ""
    if cell.client_cpu > _BUSY_CLIENT:
        notes += f"  the load itself takes {cell.client_cpu:.2f} cores"
    return (
        f"{TITLES[cell.contender]:22}{cell.form:>10}{cell.concurrency:>8}{spread(cell.rates, 0):>22}"
        f"{cell.p50:>9.2f}{cell.p99:>9.2f}{statistics.median(cell.cpu_ms):>8.3f}{against_bare:>18}"
        f"{ours_is:>24}{notes}"
    )


def _time(results: Results) -> list[str]:
    """What our own metrics say of each case."""
    heads = "".join(f"{stage:>10}" for stage in _STAGES)
    cells = [cell for cell in results.cells if cell.stages]
    if not cells:
        return []
    lines = ["where the time goes: mean ms of a request in each stage, by the server's own metrics"]
    lines += [f"{'':10}{'body':>10}{'at once':>8}{heads}{'rows of a run':>15}{'HTTP workers, ms':>19}"]
    for cell in cells:
        means = "".join(f"{_middle(cell, stage):>10.3f}" for stage in _STAGES)
        http_workers = statistics.median(cell.http_worker_cpu_ms)
        lines.append(
            f"{cell.workload:10}{cell.form:>10}{cell.concurrency:>8}{means}{_middle(cell, 'rows'):>15.1f}"
            f"{http_workers:>19.3f}"
        )
    return lines


def _middle(cell: Cell, stage: str) -> float:
    return statistics.median(means.get(stage, 0.0) for means in cell.stages)


def _verdicts(results: Results) -> list[str]:
    rows = targets.rows(results)
    lines = [f"{'target':68}{'aim':>12}{'measured':>36}"]
    for row in rows:
        lines.append(f"{row.name:68}{row.target:>12}{row.measured:>36}  {'met' if row.met else 'MISSED'}")
        if not row.met and (reason := targets.REASONS.get(row.name)):
            lines.append(f"    {reason}")
    missed = sum(not row.met for row in rows)
    lines.append(f"{len(rows) - missed} of {len(rows)} targets met")
    return lines


def page(results: Results, content: str) -> str:
    """The page with our tables between its marks."""
    before, rest = content.split(BEGIN)
    _, after = rest.split(END)
    image = "![requests per second, p99 and CPU by contender](benchmarks.svg)\n\n" if results.cells else ""
    return f"{before}{BEGIN}\n\n{image}```\n{text(results)}\n```\n\n{END}{after}"


def write(results: Results, file: Path) -> None:
    """Renew the page, and the plot beside it where there is something to draw."""
    file.write_text(page(results, file.read_text()))
    if results.cells:
        from benchmarks.serving import plot  # noqa: PLC0415 - matplotlib is slow, and not always wanted

        plot.draw(results, file.with_name("benchmarks.svg"))
