"""`python -m benchmarks.operator.restart`: a restart of one operator with thousands of models.

It asks a recording of a real API server (`recorded`). docs/benchmarks-operator.md says how to read the table.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import httpx
import yaml

from benchmarks.operator import fleet, report
from benchmarks.operator.__main__ import LIMIT_SECONDS, REST_SECONDS, cluster_for, probed, until_steady
from benchmarks.operator.recorded import WRITES, record
from benchmarks.operator.report import Restart
from devcluster import ports
from tests.operator.support.cluster import Cluster, environment, eventually
from tests.operator.support.process import Operator

CONTROLLERS_SECONDS = 35.0
"""Until everything has been said of the model that is recorded."""
SECOND_LISTS_SECONDS = 30.0
"""Until kopf has listed the models, and the operator a second time, as it does every ten minutes."""


class Recorded(Operator):
    """An operator that asks a recording."""

    def __init__(self, folder: Path, server: str) -> None:
        super().__init__(cast("Cluster", None), folder, server)

    def _kubeconfig(self) -> Path:
        cluster = {"name": "c", "cluster": {"server": self._server}}
        context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
        parts = {"clusters": [cluster], "contexts": [context], "users": [{"name": "u", "user": {}}]}
        target = self._folder / "kubeconfig"
        target.write_text(yaml.safe_dump({"current-context": "x", **parts}))
        return target


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # no process is left behind
    args = _arguments()
    with tempfile.TemporaryDirectory(prefix="pdm-bench-") as folder:
        recording = Path(folder, "recording.json")
        recording.write_text(json.dumps(_recorded(Path(folder))))
        rows = []
        for models in args.models:
            with _served(recording, models) as server:
                rows.append(_measure(Recorded(Path(folder), server), server, models))
            print(report.restarts(rows), flush=True)
    if args.write:
        report.write(report.RESTARTS, report.restarts(rows))


def _recorded(folder: Path) -> dict[str, object]:
    """What a real control plane says of one model, once all controllers have seen it."""
    with cluster_for(f"bench-{os.getpid()}") as cluster:
        operator = Operator(cluster, folder)
        try:
            operator.start()
            fleet.create(cluster, range(1))
            until_steady(cluster, operator, 1)
            time.sleep(CONTROLLERS_SECONDS)
            return record(cluster)
        finally:
            operator.kill()


@contextmanager
def _served(recording: Path, models: int) -> Iterator[str]:
    port = ports.free(1)[0]
    command = [sys.executable, "-m", "benchmarks.operator.recorded", str(recording), str(port), str(models)]
    process = subprocess.Popen(command, env=environment())
    try:
        server = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(f"{server}{WRITES}"))
        yield server
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.ConnectError:
        return False


def _measure(operator: Recorded, server: str, models: int) -> Restart:
    row = Restart(models=models)
    try:
        with probed(operator) as slowest:
            began = time.monotonic()
            operator.start(wait=False)
            eventually(lambda: _is_idle(operator), LIMIT_SECONDS)
            row.seconds, row.cpu = time.monotonic() - began, operator.cpu_seconds
            row.healthz_ms = slowest() * 1000
        with probed(operator) as slowest:
            time.sleep(SECOND_LISTS_SECONDS)
            httpx.get(f"http://127.0.0.1:{operator.port}/metrics", trust_env=False).raise_for_status()
            row.healthz_later_ms = slowest() * 1000
        cpu = operator.cpu_seconds
        time.sleep(REST_SECONDS)
        row.rest_cpu = operator.cpu_seconds - cpu
        row.peak_mb = operator.peak_memory / 1e6
        row.writes = httpx.get(f"{server}{WRITES}", trust_env=False).json()
    finally:
        operator.kill()
    return row


def _is_idle(operator: Operator) -> bool:
    if not operator.is_running:
        sys.exit(operator.log.read_text()[-3000:])
    return operator.is_idle()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operator.restart", description=__doc__)
    parser.add_argument("--models", type=int, nargs="+", default=[1, 500, 1000, 5000])
    parser.add_argument("--write", action="store_true", help=f"renew the numbers in docs/{report.PAGE.name}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
