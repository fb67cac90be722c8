"""`python -m benchmarks.serving`: our server beside its peers, a tutorial's, and no server at all.

docs/benchmarks.md says how to read the tables.
"""

import argparse
import os
import platform
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.serving import beside, contenders, load, report, rounds, workloads
from benchmarks.serving.progress import show
from benchmarks.serving.results import Results
from benchmarks.serving.workloads import Workload

ROOT = Path(__file__).parents[2]
CORES = 2
RIVALS = "mosec", "KServe", "naive"


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # no contender is left behind
    args = _arguments()
    results = Results.load(args.show) if args.show else _measure(args)
    print(report.text(results))
    if args.write:
        results.save(report.KEPT)
        report.write(results, report.PAGE)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--only", choices=["mlp", "convnet", "beside"], help="one part")
    parser.add_argument("--against", nargs="*", choices=RIVALS, default=RIVALS, help="who else takes part")
    parser.add_argument(
        "--before",
        type=Path,
        metavar="CHECKOUT",
        help="another checkout, made ready, whose server takes part",
    )
    parser.add_argument("--at", nargs="*", type=int, metavar="CONNECTIONS", help="only so many at once")
    parser.add_argument("--quick", action="store_true", help="two minutes: one short round; proves nothing")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        default=ROOT / "build" / "benchmarks.json",
        help="what was measured, after every round (default: build/benchmarks.json)",
    )
    parser.add_argument("--show", type=Path, metavar="FILE", help="measure nothing; show what was kept")
    parser.add_argument(
        "--write",
        action="store_true",
        help=f"keep it in {report.KEPT.name} and renew docs/{report.PAGE.name}",
    )
    args = parser.parse_args()
    if args.before and args.write:
        parser.error("--write keeps what peers are compared with; leave out --before")
    if args.quick:
        args.rounds, args.seconds = 1, 1.0
    return args


def _measure(args: argparse.Namespace) -> Results:
    if args.only in {None, "beside"}:
        beside.check_limits()
    results = Results(machine=f"{_two_cores()}\nload: {load.tool()}, on the same cores as the servers")
    plan = rounds.Plan(
        rounds=args.rounds,
        seconds=args.seconds,
        against=frozenset(args.against),
        at=frozenset(args.at) if args.at else None,
        keep=lambda: results.save(args.json),
        before=args.before.resolve() if args.before else None,
    )
    with tempfile.TemporaryDirectory(prefix="pdm-bench-") as temporary:
        folder = Path(temporary)
        show("exporting the models")
        makers = {"mlp": workloads.mlp, "convnet": workloads.convnet}
        made = {name: make(folder) for name, make in makers.items() if args.only in {None, "beside", name}}
        for name, workload in made.items():
            if args.only in {None, name}:
                rounds.compare(results, workload, folder, plan)
        if args.only in {None, "beside"}:
            _beside(results, made, folder, plan)
        show("")
    return results


def _two_cores() -> str:
    """Keep this process, and so all that it starts, on two cores; returns what to say of them.

    All numbers hold for two cores, also those of the sizes that our server and its rivals choose.
    """
    available = sorted(os.sched_getaffinity(0))
    if len(available) < CORES:
        raise SystemExit(f"{CORES} cores are needed, this process may use {len(available)}")
    os.sched_setaffinity(0, available[:CORES])
    cores = " and ".join(map(str, available[:CORES]))
    return f"cores {cores} of {os.cpu_count()} ({processor()}), Python {platform.python_version()}"


def _beside(results: Results, made: dict[str, Workload], folder: Path, plan: rounds.Plan) -> None:
    for workload, at in ((made["convnet"], 32), (made["mlp"], 256)):
        with contenders.started("ours", workload, folder) as server:
            ask = workload.asks["raw"]["ours"]
            show(f"beside: probes and scrapes under full load, {workload.name}")
            results.probes_ms[workload.name], results.probed[workload.name] = beside.probes_under_load(
                server, ask, at, plan.seconds * plan.rounds
            )
            plan.keep()
            if workload.name == "mlp":
                for number in range(plan.rounds):
                    show(f"beside: {beside.IDLE_CONNECTIONS} idle connections, {number + 1} of {plan.rounds}")
                    results.idle.append(beside.idle_cost(server, ask, plan.seconds))
                    plan.keep()
            else:
                show("beside: SIGTERM under load")
                answered, lost = beside.lost_on_sigterm(server, ask, 32)
                results.ending = {"answered": answered, "lost": lost}
                plan.keep()
    for number in range(plan.rounds):
        show(f"beside: start-up, {number + 1} of {plan.rounds}")
        pair = beside.start_up(made["convnet"], "raw", folder, ours_first=number % 2 == 1)
        results.start_up.append(pair)
        plan.keep()


def processor() -> str:
    """Its name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
