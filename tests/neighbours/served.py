"""Real servers as pods: each at an address of its own, on the pods' admin port; faults.

There is no kubelet on a control plane, so a server is a process here, and what the kubelet would report is
written into the status of the Pod that the ReplicaSet controller made.
"""

import datetime as dt
import json
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from paddlemodel_api import contract
from paddlemodel_operator.base import names

from devcluster import simulated_gpu
from tests import cleartext
from tests.autoscaling.support.kubelet import running
from tests.operator.support.cluster import Cluster, eventually
from tests.serving_image.support import servers
from tests.serving_image.support.memory_group import Group
from tests.serving_image.support.servers import Server, metric

Object = dict[str, Any]

MIB: Final = 1 << 20
QUEUE: Final = 4
#: Columns of a row that takes as many megabytes while it runs.
WIDE: Final = 256
#: What is large is given back to the kernel when it is freed, whatever was freed before.
HEAP: Final = ("MALLOC_MMAP_THRESHOLD_=1048576", "MALLOC_TRIM_THRESHOLD_=131072", "MALLOC_ARENA_MAX=1")
_addresses = (f"127.{216 + os.getpid() % 38}.0.{number}" for number in range(1, 255))


@contextmanager
def node(cluster: Cluster) -> Iterator[str]:
    """A node that pods can be bound to: only a pod on a node holds a GPU. It reports, and no more."""
    name, stop = "with-gpus", threading.Event()
    lease: Object = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    lease["metadata"] = {"name": name, "namespace": "kube-node-lease"}

    def report() -> None:
        while not stop.wait(5):
            now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            cluster.apply({**lease, "spec": {"holderIdentity": name, "renewTime": now}})

    cluster.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
    cluster.patch(f"/api/v1/nodes/{name}/status", {"status": {"conditions": [ready]}})
    with ThreadPoolExecutor(1) as pool:
        reports = pool.submit(report)
        try:
            yield name
        finally:
            stop.set()
            cluster.kubectl("delete", "node", name)
        reports.result()


@contextmanager
def as_pod(cluster: Cluster, namespace: str, model: str, server: Server, on: str = "") -> Iterator[str]:
    """Let the only pod of a model be this server, on a node if one is named; gives the pod's name."""
    (pod,) = eventually(lambda: _pods(cluster, namespace, model))
    if on:
        target = {"apiVersion": "v1", "kind": "Node", "name": on}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod["metadata"]["name"]}}
        path = f"{names.POD.item(namespace, pod['metadata']['name'])}/binding"
        cluster.http.post(path, json={**binding, "target": target}).raise_for_status()
    address = next(_addresses)
    with socket.create_server((address, contract.ADMIN_PORT)) as listener:
        words = [
            sys.executable,
            "-m",
            "devcluster.nodes.gateway",
            str(listener.fileno()),
            "127.0.0.1",
            str(server.admin_port),
        ]
        gateway = subprocess.Popen(words, pass_fds=[listener.fileno()])
        try:
            cluster.set_pod_status(pod, running(address))
            yield str(pod["metadata"]["name"])
        finally:
            gateway.kill()
            gateway.wait(60)


def _pods(cluster: Cluster, namespace: str, model: str) -> list[Object]:
    found = cluster.all(names.POD, namespace)
    return [pod for pod in found if pod["metadata"]["labels"][contract.MODEL_LABEL] == model]


@contextmanager
def on_gpu(model: Path, folder: Path, *, device: str = "", **settings: object) -> Iterator[Server]:
    """A server on a simulated GPU, or, without `device`, on one whose NVML is not there.

    Args:
        model: its folder.
        folder: for files.
        device: a line of the simulated NVML's file.
        settings: the server's.
    """
    shim = Path(simulated_gpu.__file__).parent
    (folder / "sitecustomize.py").write_text("import simulated_gpu\nsimulated_gpu.watch()\n")
    variables = {
        "PYTHONPATH": f"{folder}:{shim}",
        "SIMULATED_GPU_RUN_MS": "50",
        "SIMULATED_GPU_DIR": f"{folder}/runs",
    }
    if device:
        simulated_gpu.build_nvml(folder)
        (folder / "nvml").write_text(f"{device}\n")
        variables |= {"LD_LIBRARY_PATH": str(folder), "SIMULATED_NVML": f"{folder}/nvml"}
    before = ["env", *(f"{name}={value}" for name, value in variables.items())]
    with servers.serving(model, folder, before, device="gpu", name="mixed", **settings) as server:
        yield server


@contextmanager
def busy(server: Server) -> Iterator[None]:
    """Keep it saturated: more clients than rows of a run."""
    stop = threading.Event()

    def ask() -> None:
        with cleartext.Client(base_url=server.url, timeout=180) as client:
            while not stop.is_set():
                client.post("/v2/models/mixed/infer", content=body(1, 2))

    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(8))
        stack.callback(stop.set)
        for _ in range(8):
            pool.submit(ask)
        yield


def body(rows: int, columns: int) -> bytes:
    """A V2 request full of ones."""
    entry = {"name": "x", "datatype": "FP32", "shape": [rows, columns], "data": [1.0] * (rows * columns)}
    return json.dumps({"inputs": [entry]}).encode()


def settled(server: Server) -> None:
    """Wait until its worker is there and answers."""
    eventually(server.ready, 120)
    eventually(lambda: servers.linked(server), 120)
    eventually(lambda: ask(server, body(1, 2)) == 200, 120)


def ask(server: Server, content: bytes) -> int:
    """The status of one request to any of the models here, all of which call themselves mixed."""
    return cleartext.post(f"{server.url}/v2/models/mixed/infer", content=content, timeout=180).status_code


def fill_the_queue(server: Server) -> None:
    """The worker stands still: of ten requests some are refused, and the others get no answer in time."""
    with servers.stopped(server), ThreadPoolExecutor(10) as pool:
        statuses = set(pool.map(lambda _: ask(server, body(1, 2)), range(10)))
    assert statuses == {429, 504}, statuses


def crash(server: Server, times: int) -> None:
    """Somebody kills its worker."""
    for _ in range(times):
        (worker,) = server.processes("worker")
        worker.kill()
        worker.wait(60)
        eventually(lambda: server.processes("worker"), 120)
        settled(server)


def lack_device_memory(server: Server) -> None:
    """A run does not fit, by a limit on the address space, since the device is a CPU; its halves do."""
    (worker,) = server.processes("worker")
    room = WIDE * MIB * 7 // 4
    worker.rlimit(psutil.RLIMIT_AS, (worker.memory_info().vms + room, resource.RLIM_INFINITY))
    assert _wide(server, 2) == 200
    assert metric(server, "paddle_out_of_memory_total") >= 1


def _wide(server: Server, rows: int) -> int:
    x = np.ones((rows, WIDE), np.float32)
    headers = {"Content-Type": "application/octet-stream", "X-Tensor-Shape": f"{rows},{WIDE}"}
    return cleartext.post(
        f"{server.url}/predict", content=x.tobytes(), headers=headers, timeout=180
    ).status_code


def lack_memory(server: Server, group: Group) -> None:
    """The kernel kills its worker when memory runs out."""
    group.limit(group.held() + 16 * MIB)
    assert ask(server, body(1, 4000)) == 503
    group.limit(1 << 40)
    settled(server)
    assert metric(server, 'paddle_worker_exits_total{reason="memory"}') == 1
