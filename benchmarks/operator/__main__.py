"""`python -m benchmarks.operator`: one operator, hundreds to thousands of models, on a real control plane.

docs/benchmarks-operator.md says how to read the table.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from paddlemodel_operator.base import names

from benchmarks.operator import fleet, report
from benchmarks.operator.report import Row
from devcluster import cluster as clusters
from tests.operator.support.cluster import Cluster, environment, eventually
from tests.operator.support.process import USER, Operator, install

REST_SECONDS = 60.0
LIMIT_SECONDS = 1800.0
PROBE_SECONDS = 0.25
"""Twenty a second cost more than a third of what a creation does on a busy machine."""


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # no cluster is left behind
    args = _arguments()
    rows = []
    for models in args.models:
        row = Row(models=models)
        with cluster_for(f"bench-bare-{os.getpid()}") as cluster:
            _bare(row, cluster)
        with (
            cluster_for(f"bench-{os.getpid()}") as cluster,
            tempfile.TemporaryDirectory(prefix="pdm-bench-") as folder,
        ):
            operator = Operator(cluster, Path(folder))
            try:
                _operator(row, cluster, operator)
            finally:
                operator.kill()
        rows.append(row)
        print(report.text(rows), flush=True)
    if args.write:
        report.write(report.ROWS, report.text(rows))


@contextmanager
def cluster_for(name: str) -> Iterator[Cluster]:
    """A control plane with what the chart installs, and the namespaces of the models."""
    with clusters.control_plane_for(name) as state:
        cluster = Cluster(state.kubeconfig)
        install(cluster)
        fleet.namespaces(cluster)
        yield cluster
        cluster.http.close()


def _bare(row: Row, cluster: Cluster) -> None:
    """The same writes by a loop that looks at nothing."""
    fleet.create(cluster, range(row.models))
    command = [sys.executable, "-m", "benchmarks.operator.bare", "0", str(row.models)]
    variables = environment(KUBECONFIG=str(cluster.kubeconfig))
    done = subprocess.run(command, env=variables, check=True, capture_output=True, text=True)
    row.bare_cpu, row.bare_seconds = (float(word) for word in done.stdout.split())


def _operator(row: Row, cluster: Cluster, operator: Operator) -> None:
    operator.start()
    with probed(operator) as slowest:
        mark, cpu, began = cluster.mark(), operator.cpu_seconds, time.monotonic()
        fleet.create(cluster, range(row.models))
        row.posted_seconds = time.monotonic() - began
        until_steady(cluster, operator, row.models)
        row.create_seconds = time.monotonic() - began
        row.create_cpu = operator.cpu_seconds - cpu
        row.requests = sum(fleet.requests(cluster, USER, mark).values())
        row.healthz_create_ms = slowest() * 1000
    _rest(row, cluster, operator)  # without the probe, which costs as much as everything else
    row.change_seconds = _change(cluster, row.models // 2)
    time.sleep(1)  # What the controllers say of the change is judged half a second later.
    eventually(operator.is_idle)
    operator.stop()
    mark, began = cluster.mark(), time.monotonic()
    operator.start(wait=False)
    with probed(operator) as slowest:
        eventually(operator.is_idle, LIMIT_SECONDS)
        row.restart_seconds = time.monotonic() - began
        row.restart_cpu = operator.cpu_seconds
        time.sleep(REST_SECONDS / 2)  # kopf's first list, and the second look at everything
        row.healthz_restart_ms = slowest() * 1000
    row.restart_writes = sum(fleet.requests(cluster, USER, mark).values())
    row.peak_mb = operator.peak_memory / 1e6


def until_steady(cluster: Cluster, operator: Operator, models: int) -> None:
    """Every model has a status, and nothing is left to do."""

    def done() -> bool:
        listed = cluster.http.get(names.MODEL.collection()).raise_for_status().json()["items"]
        return all("status" in item for item in listed) and len(listed) == models and operator.is_idle()

    eventually(done, LIMIT_SECONDS)


def _rest(row: Row, cluster: Cluster, operator: Operator) -> None:
    """A minute in which nobody changes anything, once the controllers have done theirs."""
    writes = -1
    while writes != 0:
        mark, cpu = cluster.mark(), operator.cpu_seconds
        time.sleep(REST_SECONDS)
        row.rest_cpu = operator.cpu_seconds - cpu
        writes = sum(fleet.requests(cluster, USER, mark).values())


def _change(cluster: Cluster, number: int) -> float:
    """Seconds from a changed spec to its child."""
    namespace, name = fleet.place(number)
    began = time.monotonic()
    cluster.patch(names.MODEL.item(namespace, name), {"spec": {"server": {"queueSize": 7}}})
    eventually(lambda: '"7"' in str(cluster.get(names.DEPLOYMENT, namespace, name)).replace("'", '"'), 60)
    return time.monotonic() - began


@contextmanager
def probed(operator: Operator) -> Iterator[Callable[[], float]]:
    """Ask /healthz all the time; yields a function that tells the slowest answer so far, seconds."""
    over, slowest = threading.Event(), [0.0]

    def ask() -> None:
        with httpx.Client(timeout=60) as client:
            while not over.wait(PROBE_SECONDS):
                began = time.monotonic()
                try:
                    client.get(f"http://127.0.0.1:{operator.port}/healthz")
                except httpx.ConnectError:
                    continue  # It does not listen yet.
                slowest[0] = max(slowest[0], time.monotonic() - began)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield lambda: slowest[0]
    finally:
        over.set()
        thread.join()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operator", description=__doc__)
    parser.add_argument("--models", type=int, nargs="+", default=[100, 500, 1000, 2000, 5000])
    parser.add_argument("--write", action="store_true", help=f"renew the numbers in docs/{report.PAGE.name}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
