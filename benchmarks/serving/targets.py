"""The targets, each a row: what was aimed at, what was measured, met or missed. Pure; `report` shows them."""

import statistics
from dataclasses import dataclass

from benchmarks.serving.load import Measured
from benchmarks.serving.results import Cell, Results, ratios, spread


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
    bare = results.bare.get("convnet", [])
    mine, mosec = (results.cell("convnet", "raw", name, 32) for name in ("ours", "mosec"))
    binary = results.cell("convnet", "V2 binary", "ours", 32)
    jpeg, naive = (results.cell("convnet", "JPEG", name, 32) for name in ("ours", "naive"))
    return [
        _at_least("mobilenet raw, 32 at once, against two bare predictors", 0.95, _against(mine, bare)),
        _at_least(
            "mobilenet V2 binary, 32 at once, against two bare predictors", 0.95, _against(binary, bare)
        ),
        _at_least("mobilenet raw, 32 at once, against mosec", 1.0, ratios(mine, mosec)),
        _at_most("its p99 against mosec's", 1.0, ratios(mine, mosec, lambda entry: entry.p99_ms), "x"),
        _at_least("mobilenet JPEG, 32 at once, against Flask and gunicorn", 1.4, ratios(jpeg, naive)),
    ]


def _mlp(results: Results) -> list[Row | None]:
    def raw(name: str, concurrency: int) -> Cell | None:
        return results.cell("mlp", "raw", name, concurrency)

    wide = [
        _at_least(f"MLP raw, {at} at once, against mosec", 1.0, ratios(raw("ours", at), raw("mosec", at)))
        for at in (32, 64, 256)
    ]
    mine, v2 = raw("ours", 32), results.cell("mlp", "V2 JSON", "ours", 32)
    return [
        *wide,
        _at_least("MLP raw, one at a time, against mosec", 5.0, ratios(raw("ours", 1), raw("mosec", 1))),
        _at_most("MLP raw, 32 at once: CPU of a request", 0.06, mine.cpu_ms if mine else [], "ms", 3),
        _at_least("MLP V2 JSON against raw, 32 at once", 0.6, ratios(v2, mine)),
    ]


def _beside(results: Results) -> list[Row | None]:
    found: list[Row | None] = []
    for workload, probes in results.probes_ms.items():
        found.append(
            _at_most(f"liveness under full load ({workload}), p99", 20, [_p99(probes["/healthz"])], "ms")
        )
        found.append(
            _at_most(f"scrape under full load ({workload}), p99", 20, [_p99(probes["/metrics"])], "ms")
        )
    late = [mine - bare for mine, bare in results.start_up]
    found.append(_at_most("first answer later than the bare predictor's by", 2, late, "s"))
    if results.ending:
        lost, answered = results.ending["lost"], results.ending["answered"]
        found.append(
            Row("requests lost on SIGTERM under load", "0", f"{lost} of {answered + lost}", lost == 0)
        )
    if results.idle:
        idle = results.idle
        found.append(_at_most("memory of 10,000 idle connections", 100, [idle["MB"]], "MB", 0))
        change = idle["p50 with"] / idle["p50 without"]
        found.append(_at_most("median latency with them, against without", 1.1, [change], "x"))
    return found


def _against(cell: Cell | None, reference: list[float]) -> list[float]:
    if cell is None:
        return []
    rates: list[Measured] = cell.measured
    return [entry.rate / other for entry, other in zip(rates, reference, strict=True)]


def _at_least(name: str, target: float, values: list[float]) -> Row | None:
    if not values:
        return None
    return Row(name, f">= {target:g}x", f"{spread(values, 2)}x", statistics.median(values) >= target)


def _at_most(name: str, target: float, values: list[float], unit: str, digits: int = 2) -> Row | None:
    if not values:
        return None
    text = spread(values, digits) if len(values) > 1 else f"{values[0]:.{digits}f}"
    return Row(name, f"<= {target:g} {unit}", f"{text} {unit}", statistics.median(values) <= target)


def _p99(values: list[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]
