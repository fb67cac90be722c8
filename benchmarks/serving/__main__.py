"""`python -m benchmarks.serving`: our server beside its peers, a tutorial's, and no server at all.

All contenders of a workload are up at once and measured in turn, round after round, so that a noisy minute
hits all of them; ratios are taken within a round. docs/benchmarks.md says how to read the tables.
"""

import argparse
import os
import platform
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.serving import beside, contenders, load, report, workloads
from benchmarks.serving.contenders import TITLES, Server
from benchmarks.serving.results import Cell, Results
from benchmarks.serving.workloads import Workload

TITLES_OF_WORKLOADS = {
    "mlp": "small MLP (16-64-64-4, random weights)",
    "convnet": "mobilenet_v2 (random weights, 3x224x224, 602 kB as float32)",
}
PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # no contender is left behind
    args = _arguments()
    results = Results.load(args.show) if args.show else _measure(args)
    print(report.text(results, TITLES_OF_WORKLOADS))
    if args.json:
        results.save(args.json)
    if args.write:
        report.write(results, TITLES_OF_WORKLOADS, PAGE)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--only", choices=["mlp", "convnet", "beside"], help="one part")
    parser.add_argument("--quick", action="store_true", help="two minutes: one short round; proves nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep what was measured")
    parser.add_argument("--show", type=Path, metavar="FILE", help="measure nothing; show what was kept")
    parser.add_argument("--write", action="store_true", help=f"renew the numbers in docs/{PAGE.name}")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds = 1, 1.0
    return args


def _measure(args: argparse.Namespace) -> Results:
    machine = f"{os.cpu_count()} cores ({_cpu()}), Python {platform.python_version()}"
    results = Results(machine=f"{machine}\nload: {load.tool()}, on the same cores as the servers")
    with tempfile.TemporaryDirectory(prefix="pdm-bench-") as name:
        folder = Path(name)
        _progress("exporting the models")
        made = {"mlp": workloads.mlp(folder), "convnet": workloads.convnet(folder)}
        for workload in made.values():
            if args.only in {None, workload.name}:
                _compare(results, workload, folder, args.rounds, args.seconds)
        if args.only in {None, "beside"}:
            _beside(results, made, folder, args.rounds, args.seconds)
        _progress("")
    return results


def _compare(results: Results, workload: Workload, folder: Path, rounds: int, seconds: float) -> None:
    with ExitStack() as stack:
        servers: dict[tuple[str, str], Server] = {}  # by contender and our task
        for form, asks in workload.asks.items():
            for name in asks:
                key = _key(workload, name, form)
                if key not in servers:
                    _progress(f"{workload.name}: starting {TITLES[name]}")
                    servers[key] = stack.enter_context(contenders.started(name, workload, folder, form))
            found = {
                name: workloads.answer(ask.at(servers[_key(workload, name, form)].port), ask.read)
                for name, ask in asks.items()
            }
            workloads.check_same_answer(found)
        bare = stack.enter_context(contenders.bare(workload, folder))
        _rounds(results, workload, servers, bare, rounds, seconds)
        memory = results.memory_mb.setdefault(workload.name, {})
        for (name, task), server in servers.items():
            if not task:
                memory[name] = server.memory_mb()


def _rounds(
    results: Results,
    workload: Workload,
    servers: dict[tuple[str, str], Server],
    bare: contenders.Bare,
    rounds: int,
    seconds: float,
) -> None:
    ceiling, ceiling_cpu = (
        kept.setdefault(workload.name, []) for kept in (results.bare, results.bare_cpu_ms)
    )
    cells = {
        (form, name, at): Cell(
            workload=workload.name, form=form, contender=name, concurrency=at, measured=[], cpu_ms=[]
        )
        for form, asks in workload.asks.items()
        for at in workload.concurrencies[form]
        for name in asks
    }
    results.cells += cells.values()
    for number in range(1, rounds + 1):
        where = f"{workload.name}, round {number} of {rounds}"
        _progress(f"{where}: {TITLES['bare']}")
        before = bare.cpu_seconds()
        ceiling.append(bare.rate(seconds))
        ceiling_cpu.append(1000 * (bare.cpu_seconds() - before) / (ceiling[-1] * seconds))
        for (form, name, at), cell in cells.items():
            _progress(f"{where}: {form}, {at} at once, {TITLES[name]}")
            server = servers[_key(workload, name, form)]
            before = server.cpu_seconds()
            measured = load.measure(workload.asks[form][name].at(server.port), at, seconds)
            cell.measured.append(measured)
            cell.cpu_ms.append(1000 * (server.cpu_seconds() - before) / measured.requests)


def _key(workload: Workload, name: str, form: str) -> tuple[str, str]:
    return name, workload.tasks.get(form, "") if name == "ours" else ""


def _beside(results: Results, made: dict[str, Workload], folder: Path, rounds: int, seconds: float) -> None:
    for workload, at in ((made["convnet"], 32), (made["mlp"], 256)):
        with contenders.started("ours", workload, folder) as server:
            ask = workload.asks["raw"]["ours"]
            _progress(f"beside: probes and scrapes under full load, {workload.name}")
            results.probes_ms[workload.name] = beside.probes_under_load(server, ask, at, seconds * rounds)
            if workload.name == "mlp":
                _progress(f"beside: {beside.IDLE_CONNECTIONS} idle connections")
                results.idle = beside.idle_cost(server, ask, seconds, rounds)
            else:
                _progress("beside: SIGTERM under load")
                answered, lost = beside.lost_on_sigterm(server, ask, 32)
                results.ending = {"answered": answered, "lost": lost}
    for number in range(rounds):
        _progress(f"beside: start-up, {number + 1} of {rounds}")
        results.start_up.append(beside.start_up(made["convnet"], "raw", folder))


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
