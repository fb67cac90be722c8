"""`python -m benchmarks.serving`: our server beside a tutorial's server and beside no server at all.

All contenders are up at once and measured in turn, round after round, so that a noisy minute hits all of
them; the ratios are taken within a round. docs/benchmarks.md says how to read the table.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving import contenders, load, workloads
from benchmarks.serving.load import Measured

CONCURRENCIES = (1, 32)


@dataclass
class Results:
    """One workload: by server and concurrency, one entry per round."""

    measured: dict[tuple[str, int], list[Measured]] = field(default_factory=lambda: defaultdict(list))
    cpu_ms: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    bare: list[float] = field(default_factory=list)
    bare_cpu_ms: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--only", choices=["mlp", "textline"], help="one workload")
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores ({_cpu()}), Python {platform.python_version()}")
    print(f"load: {load.tool()}, on the same cores as the servers")
    with tempfile.TemporaryDirectory(prefix="pdm-bench-") as folder:
        for name in [args.only] if args.only else ["mlp", "textline"]:
            workload = workloads.mlp(Path(folder)) if name == "mlp" else workloads.textline()
            print(f"\n{workload.name}", flush=True)
            _print(_compare(workload, Path(folder), args.rounds, args.seconds))


def _compare(workload: workloads.Workload, folder: Path, rounds: int, seconds: float) -> Results:
    results = Results()
    with ExitStack() as stack:
        _progress("starting the contenders")
        mine = stack.enter_context(contenders.ours(workload, folder))
        naive = stack.enter_context(contenders.naive(workload, folder))
        workloads.check_same_answer(mine.target, naive.target)
        bare = stack.enter_context(contenders.bare(workload, folder))
        for number in range(1, rounds + 1):
            _progress(f"round {number} of {rounds}: bare predictors")
            before = bare.cpu_seconds()
            results.bare.append(bare.rate(seconds))
            spent = bare.cpu_seconds() - before
            results.bare_cpu_ms.append(1000 * spent / (results.bare[-1] * seconds))
            for concurrency in CONCURRENCIES:
                for server in (mine, naive):
                    _progress(f"round {number} of {rounds}: {server.name}, {concurrency} at once")
                    before = server.cpu_seconds()
                    measured = load.measure(server.target, concurrency, seconds)
                    spent = server.cpu_seconds() - before
                    results.measured[server.name, concurrency].append(measured)
                    results.cpu_ms[server.name, concurrency].append(1000 * spent / measured.requests)
        _progress("")
    return results


def _print(results: Results) -> None:
    names = list(dict.fromkeys(name for name, _ in results.measured))
    rival = names[-1]
    heads = f"{'req/s':>22}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>8}{'x naive':>20}{'x bare':>20}"
    print(f"{'':24}{'at once':>8}{heads}")
    bare_name, bare_cpu = (
        f"{contenders.BARE_PROCESSES} bare predictors",
        statistics.median(results.bare_cpu_ms),
    )
    print(f"{bare_name:24}{'-':>8}{_spread(results.bare, 0):>22}{'':18}{bare_cpu:>8.3f}")
    for concurrency in CONCURRENCIES:
        for name in names:
            rows = results.measured[name, concurrency]
            rates = [row.rate for row in rows]
            against_rival = [
                a / b.rate for a, b in zip(rates, results.measured[rival, concurrency], strict=True)
            ]
            against_bare = [a / b for a, b in zip(rates, results.bare, strict=True)]
            errors = sum(row.errors for row in rows)
            print(
                f"{name:24}{concurrency:>8}{_spread(rates, 0):>22}"
                f"{statistics.median(row.p50_ms for row in rows):>9.2f}"
                f"{statistics.median(row.p99_ms for row in rows):>9.2f}"
                f"{statistics.median(results.cpu_ms[name, concurrency]):>8.3f}"
                f"{_spread(against_rival, 2):>20}{_spread(against_bare, 2):>20}"
                + (f"  {errors} ERRORS" if errors else "")
            )


def _spread(values: list[float], digits: int) -> str:
    """Median, and from the lowest to the highest round."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
