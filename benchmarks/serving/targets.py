"""The targets, each a row: what was aimed at, what was measured, met or missed. Pure; `report` shows them.

A row whose measurement had errors on either side is missed, whatever its numbers say.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.serving.load import Measured
from benchmarks.serving.results import Cell, Idle, Results, ratios, spread

# Why a row is missed, by its name; shown where it is. The test of the kept numbers wants one for each.
_THIRD_RUN = (
    "Requests are given to a worker when they come; one that finds eight running and eight waiting there is "
    "answered with the third run of 70 ms. mosec's workers take from one queue."
)
_LEVEL = (
    "Paddle's runs of eight rows limit both; who is ahead changes from round to round and from run to run."
)
_PYTHON = (
    "The HTTP worker is Python, 20 us of it a request on an idle core and twice that on a busy one; "
    "mosec's HTTP half is compiled."
)
REASONS: dict[str, str] = {
    "mobilenet raw, 32 at once, against mosec": _LEVEL,
    "mobilenet raw, 32 at once: p99 against mosec's": _THIRD_RUN,
    "mobilenet V2 binary, 32 at once, against mosec": _LEVEL,
    "mobilenet V2 binary, 32 at once: p99 against mosec's": _THIRD_RUN,
    "MLP raw, 32 at once, against mosec": _PYTHON,
    "MLP raw, 64 at once, against mosec": _PYTHON,
    "MLP raw, 256 at once, against mosec": _PYTHON,
}


@dataclass(frozen=True)
class Row:
    name: str
    target: str
    measured: str
    met: bool


def rows(results: Results) -> list[Row]:
    """Every target for which something was measured."""
    found = [*_convnet(results), *_mlp(results), *_beside(results)]
    return [row for row in found if row is not None]


def _convnet(results: Results) -> list[Row | None]:
    def cell(form: str, name: str) -> Cell | None:
        return results.cell("convnet", form, name, 32)

    bare = results.bare.get("convnet", [])
    mine, binary, mosec = cell("raw", "ours"), cell("V2 binary", "ours"), cell("raw", "mosec")
    jpeg, naive = cell("JPEG", "ours"), cell("JPEG", "naive")
    found = []
    for name, ours in (("raw", mine), ("V2 binary", binary)):
        title = f"mobilenet {name}, 32 at once"
        found += [
            _at_least(f"{title}, against two bare predictors", 0.95, _against(ours, bare), ours),
            _at_least(f"{title}, against mosec", 1.0, ratios(ours, mosec), ours, mosec),
            _at_most(f"{title}: p99 against mosec's", 1.0, ratios(ours, mosec, _p99_ms), "x", ours, mosec),
        ]
    jpeg_row = "mobilenet JPEG, 32 at once, against Flask and gunicorn"
    return [*found, _at_least(jpeg_row, 1.4, ratios(jpeg, naive), jpeg, naive)]


def _mlp(results: Results) -> list[Row | None]:
    def raw(name: str, concurrency: int) -> Cell | None:
        return results.cell("mlp", "raw", name, concurrency)

    def against_mosec(title: str, aim: float, at: int) -> Row | None:
        ours, mosec = raw("ours", at), raw("mosec", at)
        return _at_least(f"MLP raw, {title}, against mosec", aim, ratios(ours, mosec), ours, mosec)

    mine, v2 = raw("ours", 32), results.cell("mlp", "V2 JSON", "ours", 32)
    cpu, http_worker = (mine.cpu_ms, mine.http_worker_cpu_ms) if mine else ([], [])
    return [
        *(against_mosec(f"{at} at once", 1.0, at) for at in (32, 64, 256)),
        against_mosec("one at a time", 5.0, 1),
        _at_most("MLP raw, 32 at once: CPU of a request", 0.06, cpu, "ms", mine),
        _at_most("MLP raw, 32 at once: the HTTP worker's CPU of it", 0.06, http_worker, "ms", mine),
        _at_least("MLP V2 JSON against raw, 32 at once", 0.6, ratios(v2, mine), v2, mine),
    ]


def _beside(results: Results) -> list[Row | None]:
    found: list[Row | None] = []
    for workload, probes in results.probes_ms.items():
        load = results.probed.get(workload)
        for path, what in (("/healthz", "liveness"), ("/metrics", "scrape")):
            name = f"{what} under full load ({workload}), p99"
            found.append(_at_most(name, 20, [_p99(probes[path])], "ms", load))
    late = [mine - bare for mine, bare in results.start_up]
    found.append(_at_most("first answer later than the bare predictor's by", 2, late, "s"))
    if results.ending:
        lost, answered = results.ending["lost"], results.ending["answered"]
        found.append(
            Row("requests lost on SIGTERM under load", "0", f"{lost} of {answered + lost}", lost == 0)
        )
    return [*found, *_idle(results.idle)]


def _idle(rounds: list[Idle]) -> list[Row | None]:
    if not rounds:
        return []
    opened, left = rounds[0].opened, min(entry.still_open for entry in rounds)
    found: list[Row | None] = [
        _at_most("memory of 10,000 idle connections", 100, [max(entry.memory_mb for entry in rounds)], "MB"),
        Row("idle connections open after the load", f"{opened}", f"{left}", left == opened),
    ]
    for at in rounds[0].without:
        pairs = [(entry.with_them[at], entry.without[at]) for entry in rounds]
        loads = [load for pair in pairs for load in pair]
        for what, aim in (("p50", 1.1), ("p99", 1.25)):  # the aim is no change; the rest is for noise
            values = [getattr(a, f"{what}_ms") / getattr(b, f"{what}_ms") for a, b in pairs]
            name = f"{what} with them against without, {at} at once"
            found.append(_at_most(name, aim, values, "x", *loads))
    return found


def _against(cell: Cell | None, reference: list[float]) -> list[float]:
    if cell is None:
        return []
    rates: list[Measured] = cell.measured
    return [entry.rate / other for entry, other in zip(rates, reference, strict=True)]


def _at_least(name: str, aim: float, values: list[float], *loads: Cell | Measured | None) -> Row | None:
    if not values:
        return None
    row = Row(name, f">= {aim:g}x", f"{spread(values, 2)}x", statistics.median(values) >= aim)
    return _without_errors(row, loads)


def _at_most(
    name: str, aim: float, values: list[float], unit: str, *loads: Cell | Measured | None
) -> Row | None:
    if not values:
        return None
    digits = 3 if aim < 1 else 0 if unit == "MB" else 2
    text = spread(values, digits) if len(values) > 1 else f"{values[0]:.{digits}f}"
    row = Row(name, f"<= {aim:g} {unit}", f"{text} {unit}", statistics.median(values) <= aim)
    return _without_errors(row, loads)


def _without_errors(row: Row, loads: Sequence[Cell | Measured | None]) -> Row:
    errors = sum(load.errors for load in loads if load)
    return replace(row, measured=f"{row.measured}, {errors} errors", met=False) if errors else row


def _p99(values: list[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]


def _p99_ms(entry: Measured) -> float:
    return entry.p99_ms
