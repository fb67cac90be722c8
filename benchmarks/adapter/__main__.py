"""`python -m benchmarks.adapter`: one adapter, one core, the pods of hundreds of models.

docs/benchmarks-adapter.md says how to read the tables.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
from paddlemodel_operator.metrics_adapter.settings import Settings

from benchmarks.adapter import contenders, page, report, stalls, steps, world
from benchmarks.adapter.asking import Asker, Round
from benchmarks.adapter.report import Results
from benchmarks.adapter.world import Fleet
from devcluster import cluster as clusters
from tests.operator.support.cluster import Cluster
from tests.operator.support.process import install

FRESH_SECONDS = Settings().fresh_seconds + 0.5
"""Between two rounds: what an adapter remembers of the one shall not help it in the other."""


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # no cluster is left behind
    args = _arguments()
    ours, others = _two_cores()
    os.sched_setaffinity(0, {others})  # and so all that is started here, but for the adapters
    results = Results(fleet=Fleet(args.models, args.pods), machine=report.machine())
    with tempfile.TemporaryDirectory(prefix="pdm-bench-") as temporary:
        folder = Path(temporary)
        (folder / "page").write_bytes(page.real())
        results.page_bytes = (folder / "page").stat().st_size
        with clusters.control_plane_for(f"bench-{os.getpid()}") as state:
            cluster = Cluster(state.kubeconfig)
            install(cluster)
            world.fill(cluster, results.fleet)
            with world.answering(results.fleet, folder / "page"):
                _measure(results, cluster, folder, ours, args.rounds)
            cluster.http.close()
    print(report.text(results))
    if args.write:
        report.write(results)


def _measure(results: Results, cluster: Cluster, folder: Path, core: int, rounds: int) -> None:
    pki = cluster.kubeconfig.parent / "pki"
    with stalls.watched(core) as stall:
        with contenders.ours(cluster, folder, core) as (process, port):
            results.rounds["ours"] = _rounds(Asker(port, pki, results.fleet), process, rounds, stall)
        with contenders.naive(folder, core) as (process, port):
            results.rounds["naive"] = _rounds(Asker(port, pki, results.fleet), process, rounds, stall)
    results.steps = steps.measure(results.fleet, folder, core)


def _rounds(
    asker: Asker, process: psutil.Process, rounds: int, stall: Callable[[], float]
) -> dict[str, list[Round]]:
    """Both ways of asking, turn by turn; the first of each, which opens the connections, does not count."""
    found: dict[str, list[Round]] = {"spread": [], "burst": []}
    for number in range(rounds + 1):
        for way, ask in (("spread", asker.spread), ("burst", asker.burst)):
            time.sleep(FRESH_SECONDS)
            stall()
            one = replace(ask(process), stall_ms=stall())
            if number:
                found[way].append(one)
    return found


def _two_cores() -> tuple[int, int]:
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        raise SystemExit("two cores are needed: one for the adapter, one for all else")
    return available[0], available[1]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adapter", description=__doc__)
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--pods", type=int, default=4, help="of each model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help=f"renew the numbers in docs/{report.PAGE.name}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
