"""What a server must do beside throughput: tell how it is, start, hold idle connections, end.

Each function measures one of these on our server and returns numbers; `targets` judges them.
"""

import asyncio
import http.client
import os
import resource
import signal
import statistics
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
from benchmarks.serving.load import Target
from benchmarks.serving.workloads import Ask, Workload

IDLE_CONNECTIONS = 10_000


def probes_under_load(server: Server, ask: Ask, concurrency: int, seconds: float) -> dict[str, list[float]]:
    """Milliseconds of GET /healthz and GET /metrics, each on a new connection, as the kubelet asks."""
    times: dict[str, list[float]] = {"/healthz": [], "/metrics": []}
    over = threading.Event()

    def probe(path: str, pause: float) -> None:
        while not over.wait(pause):
            began = time.perf_counter()
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            connection.request("GET", path)
            reply = connection.getresponse()
            reply.read()
            connection.close()
            times[path].append(1000 * (time.perf_counter() - began))
            if reply.status != 200:
                raise RuntimeError(f"{path} answered {reply.status}")

    threads = [
        threading.Thread(target=probe, args=arguments)
        for arguments in (("/healthz", 0.01), ("/metrics", 0.1))
    ]
    for thread in threads:
        thread.start()
    try:
        load.measure(ask.at(server.port), concurrency, seconds)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    return times


def start_up(workload: Workload, form: str, folder: Path) -> tuple[float, float]:
    """Seconds from nothing to the first answer: of our server, and of a bare predictor."""
    tensor = folder / f"{workload.name}.npy"
    np.save(tensor, workload.tensor)
    command = [sys.executable, "-m", "benchmarks.serving.bare", str(workload.model), str(tensor), "once"]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    bare = time.perf_counter() - began
    port = contenders.free_port()
    settings = os.environ | contenders.our_settings(workload.model, port)
    ask = workload.asks[form]["ours"]
    began = time.perf_counter()
    with contenders.running(contenders.our_command(), settings, folder / "start-up.log"):
        while time.perf_counter() < began + 120:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                connection.request(
                    "POST", ask.path, ask.body, ask.headers | {"Content-Type": ask.content_type}
                )
                answered = connection.getresponse().status == 200
                connection.close()
            except OSError:
                answered = False
            if answered:
                return time.perf_counter() - began, bare
            time.sleep(0.02)
    raise RuntimeError(f"no answer in two minutes:\n{(folder / 'start-up.log').read_text()[-2000:]}")


@contextmanager
def idle_connections(port: int, count: int) -> Iterator[None]:
    """Connections that have asked once and then say nothing; in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.serving.beside", str(port), str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        if holder.stdout.readline().strip() != "open":
            raise RuntimeError(
                f"{count} connections could not be opened; is the limit of open files too low?"
            )
        yield
        holder.kill()


def idle_cost(server: Server, ask: Ask, seconds: float, rounds: int) -> dict[str, float]:
    """Memory of idle connections, and the median latency at one connection without and with them."""
    without, with_them, memory = [], [], []
    for _ in range(rounds):
        without.append(load.measure(ask.at(server.port), 1, seconds).p50_ms)
        before = server.memory_mb()
        with idle_connections(server.port, IDLE_CONNECTIONS):
            memory.append(server.memory_mb() - before)
            with_them.append(load.measure(ask.at(server.port), 1, seconds).p50_ms)
        time.sleep(1)  # until the server has noticed that they are gone
    return {
        "MB": max(memory),
        "p50 without": statistics.median(without),
        "p50 with": statistics.median(with_them),
    }


def lost_on_sigterm(server: Server, ask: Ask, clients: int) -> tuple[int, int]:
    """Requests answered and lost while the server is told to end; it is gone afterwards."""
    return asyncio.run(_ending(server, ask.at(server.port), clients))


async def _ending(server: Server, target: Target, clients: int) -> tuple[int, int]:
    counts = {"answered": 0, "lost": 0}
    tasks = [asyncio.create_task(_persist(target, counts)) for _ in range(clients)]
    await asyncio.sleep(1)
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
    writers = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await reader.readuntil(b"}")
        writers.append(writer)
    sys.stdout.write("open\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_hold(int(sys.argv[1]), int(sys.argv[2])))
