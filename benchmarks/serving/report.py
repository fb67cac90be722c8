"""Shows what was measured: tables on the screen and, where wished, in docs/benchmarks.md with a plot."""

import statistics
from pathlib import Path

from benchmarks.serving import targets
from benchmarks.serving.contenders import TITLES
from benchmarks.serving.results import Cell, Results, ratios, spread

BEGIN, END = "<!-- numbers: begin (make bench writes them) -->", "<!-- numbers: end -->"
_COLOURS = {"ours": "#0a6", "mosec": "#a50", "KServe": "#66c", "naive": "#888"}


def text(results: Results, titles: dict[str, str]) -> str:
    """All tables.

    Args:
        results: of a run.
        titles: what each workload is.
    """
    lines = [results.machine]
    for workload in dict.fromkeys(cell.workload for cell in results.cells):
        lines += ["", titles.get(workload, workload), *_table(results, workload)]
    lines += ["", *_verdicts(results)]
    return "\n".join(lines)


def _table(results: Results, workload: str) -> list[str]:
    bare = results.bare[workload]
    heads = f"{'req/s':>22}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>8}{'x bare':>18}{'ours is':>20}"
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
    errors = f"  {cell.errors} ERRORS" if cell.errors else ""
    return (
        f"{TITLES[cell.contender]:22}{cell.form:>10}{cell.concurrency:>8}{spread(cell.rates, 0):>22}"
        f"{cell.p50:>9.2f}{cell.p99:>9.2f}{statistics.median(cell.cpu_ms):>8.3f}{against_bare:>18}"
        f"{ours_is:>20}{errors}"
    )


def _verdicts(results: Results) -> list[str]:
    rows = targets.rows(results)
    lines = [f"{'target':68}{'aim':>12}{'measured':>28}"]
    lines += [f"{r.name:68}{r.target:>12}{r.measured:>28}  {'met' if r.met else 'MISSED'}" for r in rows]
    missed = sum(not row.met for row in rows)
    lines.append(f"{len(rows) - missed} of {len(rows)} targets met")
    return lines


def write(results: Results, titles: dict[str, str], page: Path) -> None:
    """Put the tables between the marks of a page, and the plot beside it."""
    content = page.read_text()
    before, rest = content.split(BEGIN)
    _, after = rest.split(END)
    plot = page.with_name("benchmarks.svg")
    _plot(results, titles, plot)
    image = f"![requests per second by contender]({plot.name})"
    page.write_text(f"{before}{BEGIN}\n\n{image}\n\n```\n{text(results, titles)}\n```\n\n{END}{after}")


def _plot(results: Results, titles: dict[str, str], file: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - slow to import, and not always wanted

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "paddlemodel"  # equal numbers, equal file
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after `use`

    panels = list(dict.fromkeys((cell.workload, cell.form) for cell in results.cells))
    figure, axes = plt.subplots(1, len(panels), figsize=(3.2 * len(panels), 3.4), squeeze=False)
    for axis, (workload, form) in zip(axes[0], panels, strict=True):
        cells = [c for c in results.cells if (c.workload, c.form) == (workload, form)]
        groups = list(dict.fromkeys(cell.concurrency for cell in cells))
        names = list(dict.fromkeys(cell.contender for cell in cells))
        for number, name in enumerate(names):
            mine = [c for c in cells if c.contender == name]
            middle = [statistics.median(c.rates) for c in mine]
            low = [value - min(c.rates) for value, c in zip(middle, mine, strict=True)]
            high = [max(c.rates) - value for value, c in zip(middle, mine, strict=True)]
            at = [groups.index(c.concurrency) + 0.8 * (number + 0.5) / len(names) - 0.4 for c in mine]
            width = 0.75 / len(names)
            axis.bar(at, middle, width, yerr=[low, high], color=_COLOURS[name], label=TITLES[name])
        if workload == "convnet":
            axis.axhline(statistics.median(results.bare[workload]), color="#c00", lw=1, label=TITLES["bare"])
        axis.set_title(f"{workload}, {form}", fontsize=9)
        axis.set_xticks(range(len(groups)), [str(group) for group in groups])
        axis.set_xlabel("connections", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.legend(fontsize=6)
    axes[0][0].set_ylabel("requests per second", fontsize=8)
    figure.suptitle("; ".join(titles.values()), fontsize=7)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
