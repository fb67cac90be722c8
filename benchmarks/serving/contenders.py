"""The programs that are compared; each is started once per workload and stays up during all rounds."""

import base64
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.serving.load import Target
from benchmarks.serving.workloads import Workload

NAIVE_WORKERS = 4
BARE_PROCESSES = 2
_PATIENCE = 120.0


@dataclass(frozen=True, kw_only=True)
class Server:
    name: str
    process: psutil.Process
    target: Target

    def cpu_seconds(self) -> float:
        """Of the whole family of processes."""
        return _cpu_seconds([self.process, *self.process.children(recursive=True)])


@contextmanager
def ours(workload: Workload, logs: Path) -> Iterator[Server]:
    port = _free_port()
    environment = os.environ | {
        "PADDLEMODEL_NAME": "bench",
        "PADDLEMODEL_MODEL_DIR": str(workload.model),
        "PADDLEMODEL_PORT": str(port),
        "PADDLEMODEL_BIND": "127.0.0.1",
        "PADDLEMODEL_TASK": workload.task,
        "PADDLEMODEL_LOG_LEVEL": "WARNING",
    }
    command = [str(Path(sys.executable).with_name("paddlemodel-server")), "serve"]
    with _running(command, environment, logs / "ours.log") as process:
        _until_ok(port, "/readyz", process, logs / "ours.log")
        yield Server(name="paddlemodel-server", process=process, target=workload.for_ours(port))


@contextmanager
def naive(workload: Workload, logs: Path) -> Iterator[Server]:
    port = _free_port()
    command = [sys.executable, "-m", "gunicorn", "-w", str(NAIVE_WORKERS), "-b", f"127.0.0.1:{port}"]
    command += ["--no-control-socket", "benchmarks.serving.naive_app:app"]
    environment = os.environ | {"MODEL_DIR": str(workload.model), "GLOG_minloglevel": "2"}
    with _running(command, environment, logs / "naive.log") as process:
        _until_ok(port, "/", process, logs / "naive.log")
        yield Server(
            name=f"Flask, gunicorn -w {NAIVE_WORKERS}", process=process, target=workload.for_naive(port)
        )


class Bare:
    """Predictors without a server."""

    def __init__(self, processes: list[subprocess.Popen[str]]) -> None:
        self._processes = processes

    def cpu_seconds(self) -> float:
        return _cpu_seconds([psutil.Process(process.pid) for process in self._processes])

    def rate(self, seconds: float) -> float:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{seconds}\n")
            process.stdin.flush()
        return sum(int(_line(process)) for process in self._processes) / seconds


@contextmanager
def bare(workload: Workload, logs: Path) -> Iterator[Bare]:
    body = base64.b64encode(workload.naive_body).decode()
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOG_minloglevel": "2"}
    command = [sys.executable, "-m", "benchmarks.serving.bare", str(workload.model), workload.kind, body]
    with ExitStack() as stack:
        log = stack.enter_context((logs / "bare.log").open("w"))
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    env=environment,
                )
            )
            for _ in range(BARE_PROCESSES)
        ]
        for process in processes:
            stack.callback(process.kill)
        for process in processes:
            while _line(process) != "ready":
                pass
        yield Bare(processes)


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a bare predictor ended; is Paddle installed?")
    return line.strip()


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[psutil.Process]:
    with log.open("w") as output:
        started = subprocess.Popen(
            command,
            env=environment,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    process = psutil.Process(started.pid)
    try:
        yield process
    finally:
        family = process.children(recursive=True) if started.poll() is None else []
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
        for left in family:
            if left.is_running():
                left.kill()


def _until_ok(port: int, path: str, process: psutil.Process, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            break
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).close()
        except urllib.error.HTTPError as error:
            if error.code == 404:  # the naive application has no such page, but it is there
                return
        except OSError:
            pass
        else:
            return
        time.sleep(0.1)
    raise RuntimeError(f"the server did not become ready:\n{log.read_text()[-3000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
