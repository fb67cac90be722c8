"""The plot of docs/benchmarks.md: a column by workload and body, a row by what was measured."""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.serving import workloads
from benchmarks.serving.contenders import TITLES
from benchmarks.serving.results import Cell, Results

_COLOURS = {"ours": "#0a6", "mosec": "#a50", "KServe": "#66c", "naive": "#888"}
_ROWS: dict[str, Callable[[Cell], list[float]]] = {
    "requests per second": lambda cell: cell.rates,
    "p99, ms": lambda cell: [entry.p99_ms for entry in cell.measured],
    "CPU of a request, ms": lambda cell: cell.cpu_ms,
}


def draw(results: Results, file: Path) -> None:
    """Bars are medians, with the lowest and the highest round."""
    columns = list(dict.fromkeys((cell.workload, cell.form) for cell in results.cells))
    size = 3.2 * len(columns), 2.6 * len(_ROWS) + 0.6
    figure = Figure(figsize=size)
    axes = figure.subplots(len(_ROWS), len(columns), squeeze=False)
    for row, (title, values) in zip(axes, _ROWS.items(), strict=True):
        row[0].set_ylabel(title, fontsize=8)
        for axis, (workload, form) in zip(row, columns, strict=True):
            cells = [cell for cell in results.cells if (cell.workload, cell.form) == (workload, form)]
            _panel(axis, cells, values)
    for axis, (workload, form) in zip(axes[0], columns, strict=True):
        if workload == "convnet":
            middle = statistics.median(results.bare[workload])
            axis.axhline(middle, color="#c00", lw=1, label=TITLES["bare"])
        axis.set_title(f"{workload}, {form}", fontsize=9)
        axis.legend(fontsize=6)
    for axis in axes[-1]:
        axis.set_xlabel("connections", fontsize=8)
    figure.suptitle("; ".join(workloads.TITLES[name] for name, _ in dict(columns).items()), fontsize=7)
    figure.tight_layout()
    with mpl.rc_context({"svg.hashsalt": "paddlemodel"}):  # equal numbers, equal file
        figure.savefig(file, format="svg", metadata={"Date": None})


def _panel(axis: Any, cells: list[Cell], values: Callable[[Cell], list[float]]) -> None:
    groups = list(dict.fromkeys(cell.concurrency for cell in cells))
    names = list(dict.fromkeys(cell.contender for cell in cells))
    for number, name in enumerate(names):
        mine = [cell for cell in cells if cell.contender == name]
        middle = [statistics.median(values(cell)) for cell in mine]
        low = [value - min(values(cell)) for value, cell in zip(middle, mine, strict=True)]
        high = [max(values(cell)) - value for value, cell in zip(middle, mine, strict=True)]
        at = [groups.index(cell.concurrency) + 0.8 * (number + 0.5) / len(names) - 0.4 for cell in mine]
        axis.bar(at, middle, 0.75 / len(names), yerr=[low, high], color=_COLOURS[name], label=TITLES[name])
    axis.set_xticks(range(len(groups)), [str(group) for group in groups])
    axis.tick_params(labelsize=7)
