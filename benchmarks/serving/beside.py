"""What a server must do beside throughput: tell how it is, start, hold idle connections, end.

Each function measures one of these on our server and returns numbers; `targets` judges them.
"""

import asyncio
import http.client
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.serving import contenders, load
from benchmarks.serving.contenders import Server
from benchmarks.serving.load import Measured, Target
from benchmarks.serving.results import Idle
from benchmarks.serving.workloads import RequestSpec, Workload
from devcluster import ports

IDLE_CONNECTIONS = 10_000
IDLE_BESIDE = 1, 32  # connections under load beside them
ANSWERED_BEFORE = 100  # before SIGTERM


def check_limits() -> None:
    """Before hours are spent: may one process hold the idle connections?"""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < IDLE_CONNECTIONS + 500:
        raise SystemExit(
            f"{IDLE_CONNECTIONS} idle connections need more open files than `ulimit -Hn` allows ({hard})"
        )


def probes_under_load(
    server: Server, ask: RequestSpec, concurrency: int, seconds: float
) -> tuple[dict[str, list[float]], Measured]:
    """Milliseconds of GET /healthz and /metrics, on new connections as the kubelet asks; and the load."""
    times: dict[str, list[float]] = {"/healthz": [], "/metrics": []}
    failures: list[Exception] = []
    over = threading.Event()

    def probe(path: str, pause: float) -> None:
        try:
            while not over.wait(pause):
                times[path].append(_probe(server.admin_port, path))
        except Exception as error:  # noqa: BLE001 - told below; a thread's own end would be silent
            failures.append(error)

    threads = [
        threading.Thread(target=probe, args=arguments)
        for arguments in (("/healthz", 0.01), ("/metrics", 0.1))
    ]
    for thread in threads:
        thread.start()
    try:
        measured = load.measure(ask.at(server.port), concurrency, seconds)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if failures:
        raise ExceptionGroup("probes failed under load", failures)
    return times, measured


def _probe(port: int, path: str) -> float:
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    reply = connection.getresponse()
    reply.read()
    connection.close()
    if reply.status != 200:
        raise RuntimeError(f"{path} answered {reply.status}")
    return 1000 * (time.perf_counter() - began)


def start_up(workload: Workload, form: str, folder: Path, *, ours_first: bool) -> tuple[float, float]:
    """Seconds from nothing to the first answer: of our server, and of a bare predictor."""
    if ours_first:
        return _our_start(workload, form, folder), _bare_start(workload, folder)
    bare = _bare_start(workload, folder)
    return _our_start(workload, form, folder), bare


def _bare_start(workload: Workload, folder: Path) -> float:
    tensor = folder / f"{workload.name}.npy"
    np.save(tensor, workload.tensor)
    command = [sys.executable, "-m", "benchmarks.serving.bare", str(workload.model), str(tensor), "once"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOG_minloglevel": "2"}
    log = folder / "start-up-bare.log"
    with log.open("w") as errors:
        began = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:  # oneDNN's passes print, too
                if line.strip() == "answered":
                    return time.perf_counter() - began
    raise RuntimeError(f"the bare predictor ended without an answer:\n{log.read_text()[-2000:]}")


def _our_start(workload: Workload, form: str, folder: Path) -> float:
    (port, admin_port), log = ports.free(2), folder / "start-up.log"
    settings = os.environ | contenders.our_settings(workload.model, port, admin_port)
    ask = workload.asks[form]["ours"]
    began = time.perf_counter()
    with contenders.running(contenders.our_command(), settings, log):
        while time.perf_counter() < began + 120:
            if answers(port, ask):
                return time.perf_counter() - began
            time.sleep(0.02)
    raise RuntimeError(f"no answer in two minutes:\n{log.read_text()[-2000:]}")


def answers(port: int, ask: RequestSpec) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", ask.path, ask.body, ask.headers | {"Content-Type": ask.content_type})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


class Holder:
    """Holds connections that have asked once and then say nothing."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def still_open(self) -> int:
        """How many the server has not closed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("how many\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def idle_connections(port: int, count: int) -> Iterator[Holder]:
    """In a process of their own."""
    command = [sys.executable, "-m", "benchmarks.serving.beside", str(port), str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        try:
            if holder.stdout.readline().strip() != "open":
                raise RuntimeError(f"{count} connections could not be opened")
            yield Holder(holder)
        finally:
            holder.kill()


def idle_cost(server: Server, ask: RequestSpec, seconds: float) -> Idle:
    """One round without and one with idle connections."""

    def measured() -> dict[str, Measured]:
        return {str(at): load.measure(ask.at(server.port), at, seconds) for at in IDLE_BESIDE}

    without, before = measured(), server.memory_mb()
    with idle_connections(server.port, IDLE_CONNECTIONS) as holder:
        memory = server.memory_mb() - before
        with_them, still_open = measured(), holder.still_open()
    time.sleep(1)  # until the server has noticed that they are gone
    return Idle(
        opened=IDLE_CONNECTIONS,
        still_open=still_open,
        memory_mb=memory,
        without=without,
        with_them=with_them,
    )


def lost_on_sigterm(server: Server, ask: RequestSpec, clients: int) -> tuple[int, int]:
    """Requests answered and lost while the server is told to end; it is gone afterwards."""
    return asyncio.run(_ending(server, ask.at(server.port), clients))


async def _ending(server: Server, target: Target, clients: int) -> tuple[int, int]:
    counts = {"answered": 0, "lost": 0, "refused": 0}
    tasks = [asyncio.create_task(_persist(target, counts)) for _ in range(clients)]
    async with asyncio.timeout(60):
        while counts["answered"] <= ANSWERED_BEFORE and not all(task.done() for task in tasks):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    if counts["lost"] or counts["refused"]:
        raise RuntimeError(f"requests failed before the signal: {counts}")
    server.process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    return counts["answered"], counts["lost"]


async def _persist(target: Target, counts: dict[str, int]) -> None:
    """Ask again and again until nobody listens; whatever was sent must be answered with 200."""
    request = target.request()
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        except OSError:
            counts["refused"] += 1
            return
        goes_on = True
        while goes_on:
            try:
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
                await reader.readexactly(int(fields[b"content-length"]))
            except (OSError, asyncio.IncompleteReadError):
                counts["lost"] += 1
                break
            counts["answered" if head.startswith(b"HTTP/1.1 200 ") else "lost"] += 1
            goes_on = fields.get(b"connection") != b"close"
        writer.close()


async def _hold(port: int, count: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /v2/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await reader.readuntil(b"}")
        held.append((reader, writer))
    print("open", flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(sum(not reader.at_eof() and reader.exception() is None for reader, _ in held), flush=True)


if __name__ == "__main__":
    asyncio.run(_hold(int(sys.argv[1]), int(sys.argv[2])))
