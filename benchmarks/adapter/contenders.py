"""The two adapters that are compared, each as a process on a core of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from devcluster import ports
from tests.operator.support.adapters import Adapter
from tests.operator.support.cluster import Cluster, environment, eventually


@contextmanager
def ours(cluster: Cluster, folder: Path, core: int) -> Iterator[tuple[psutil.Process, int]]:
    """With the settings of production; process and port."""
    adapter = Adapter(cluster, folder)
    adapter.new_pair()
    try:
        adapter.start(log_level="WARNING")
        adapter.process.cpu_affinity([core])
        yield adapter.process, adapter.port
    finally:
        adapter.kill()


@contextmanager
def naive(folder: Path, core: int) -> Iterator[tuple[psutil.Process, int]]:
    """In the folder of ours: with the same rights and the same certificate."""
    port = ports.free(1)[0]
    command = [sys.executable, "-m", "benchmarks.adapter.naive", str(port), str(folder / "tls")]
    variables = environment(KUBECONFIG=str(folder / "adapter.kubeconfig"))
    with subprocess.Popen(command, env=variables) as process:
        try:
            found = psutil.Process(process.pid)
            found.cpu_affinity([core])
            eventually(lambda: _is_up(process, port))
            yield found, port
        finally:
            process.kill()


def _is_up(process: subprocess.Popen[bytes], port: int) -> bool:
    if process.poll() is not None:
        raise SystemExit("the naive adapter has ended: its message stands above")
    return httpx.get(f"https://127.0.0.1:{port}/healthz", verify=False).is_success
