"""The server and the loops of a workload, measured in turn, round after round."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.tasks.bare import COMPARED
from benchmarks.tasks.workload import Workload
from devcluster import ports
from tests import cleartext

LOOPS = 2
CLIENTS = 32
READY_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Round:
    """What was measured one after the other.

    Attributes:
        server: units a second over HTTP.
        loops: units a second of all loops together.
        single: units a second of one loop that runs alone.
        server_cpu_ms: the processor time of a unit, of all processes of the server.
        loop_cpu_ms: the same of the loops.
    """

    server: float
    loops: float
    single: float
    server_cpu_ms: float
    loop_cpu_ms: float


def measured(workload: Workload, rounds: int, seconds: float, folder: Path) -> Iterator[Round]:
    """One round after the other; both sides answered alike before."""
    model = workload.model()
    with _server(workload, model, folder) as (server, port), _loops(workload, model) as (loops, answers):
        _compare(workload, port, answers)
        for _ in range(rounds):
            before = _cpu_seconds(server)
            over_http, units = _clients(workload, port, seconds)
            spent, before = _cpu_seconds(server) - before, _cpu_seconds(*loops)
            bare = _run(loops, seconds)
            loop_cpu_ms = (_cpu_seconds(*loops) - before) / max(1, bare * seconds) * 1e3
            single = _run(loops[:1], seconds)
            yield Round(
                server=over_http,
                loops=bare,
                single=single,
                server_cpu_ms=spent / max(1, units) * 1e3,
                loop_cpu_ms=loop_cpu_ms,
            )


def _compare(workload: Workload, port: int, answers: list[list[float]]) -> None:
    """A fast wrong answer is none."""
    for body, expected in zip(workload.bodies()[:COMPARED], answers, strict=True):
        headers = {"Content-Type": body.media}
        answer = cleartext.post(
            f"http://127.0.0.1:{port}/predict", content=body.content, headers=headers, timeout=60
        )
        found = workload.numbers(answer.raise_for_status().json())
        far = [abs(one - other) for one, other in zip(found, expected, strict=True)]
        if not all(one <= workload.close for one in far):  # which NaN is not
            raise SystemExit(f"{workload.name}: the server's answer is {max(far)} from the loop's")


@contextmanager
def _server(workload: Workload, model: Path, folder: Path) -> Iterator[tuple[psutil.Process, int]]:
    """With its default settings."""
    port, admin_port = ports.free(2)
    settings = {
        "MODEL_DIR": model,
        "PORT": port,
        "ADMIN_PORT": admin_port,
        "BIND": "127.0.0.1",
        "TASK": workload.task,
    }
    environment = os.environ | {f"PADDLEMODEL_{name}": str(value) for name, value in settings.items()}
    log = folder / f"{workload.name}.log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "paddlemodel_server.cli", "serve"]
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
    try:
        _wait_ready(process, port, admin_port, log)
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        process.wait(60)


def _wait_ready(process: subprocess.Popen[bytes], port: int, admin_port: int, log: Path) -> None:
    """Until all workers that the server wants are there."""
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            page = cleartext.get(f"http://127.0.0.1:{admin_port}/metrics", timeout=5).text
            lines = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
            ready = lines.get("paddle_workers_ready")
            sized = '"sized"' in log.read_text()  # before, one worker is all that is desired
            if sized and ready == lines.get("paddle_workers_desired"):
                return
        time.sleep(0.2)
    raise SystemExit(f"the server at port {port} is not ready: {log.read_text()[-2000:]}")


@contextmanager
def _loops(workload: Workload, model: Path) -> Iterator[tuple[list[psutil.Popen], list[list[float]]]]:
    """Processes of one thread each, and what they answer to the first bodies."""
    command = [sys.executable, "-m", "benchmarks.tasks.bare", workload.name, str(model)]
    single = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    loops = [psutil.Popen(command, env=single, **pipes) for _ in range(LOOPS)]
    try:
        answers = [json.loads(_said(loop, "answers")) for loop in loops]
        yield loops, answers[0]
    finally:
        for loop in loops:
            loop.terminate()
            loop.wait()


def _said(loop: psutil.Popen, word: str) -> str:
    """What stands behind a word at the begin of a line."""
    for line in loop.stdout:
        if line.startswith(f"{word} "):
            return str(line.removeprefix(f"{word} "))
    raise SystemExit(f"a loop ended: {loop.wait()}")


def _run(loops: list[psutil.Popen], seconds: float) -> float:
    for loop in loops:
        loop.stdin.write(f"{seconds}\n")
        loop.stdin.flush()
    return sum(float(_said(loop, "rate")) for loop in loops)


def _cpu_seconds(*processes: psutil.Process) -> float:
    """Of processes and their children."""
    found = [*processes, *(child for process in processes for child in process.children(recursive=True))]
    return sum(sum(process.cpu_times()[:2]) for process in found)


def _clients(workload: Workload, port: int, seconds: float) -> tuple[float, float]:
    """Units a second of all clients together, and all units; a process of its own: clients are elsewhere."""
    command = [sys.executable, "-m", "benchmarks.tasks.clients", workload.name]
    command += [str(port), str(CLIENTS), str(seconds)]
    rate, units = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(rate), float(units)
