"""The programs that are compared; each is started once per workload and stays up during all rounds."""

import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.serving.workloads import Workload
from devcluster import ports
from tests import peers

NAIVE_WORKERS = 4
BARE_PROCESSES = 2
TITLES = {
    "ours": "paddlemodel-server",
    "before": "the server of --before",
    "mosec": "mosec 0.9.8",
    "KServe": "KServe paddleserver",
    "naive": f"Flask, gunicorn -w {NAIVE_WORKERS}",
    "bare": f"{BARE_PROCESSES} bare predictors",
}
OURS = "ours", "before"  # they take the same settings and requests
_START_SECONDS = 180.0
_COUNTED = re.compile(
    r'^paddle_(?:stage_duration_seconds|batch_rows)_(sum|count)(?:\{stage="(\w+)"\})? (\S+)$', re.MULTILINE
)


@dataclass(frozen=True, kw_only=True)
class Server:
    name: str
    process: psutil.Process
    port: int
    admin_port: int = 0  # of our server: where its health and metrics are

    def _family(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    def cpu_seconds(self, part: str = "") -> float:
        """Of the whole family of processes, or of one kind of our server's.

        http.master or worker.main.
        """
        return _cpu_seconds([one for one in self._family() if not part or _runs(one, part)])

    def settle(self) -> None:
        """Wait until it has done what the load left behind: wrk goes with requests under way."""
        deadline, before = time.monotonic() + 10, self.cpu_seconds()
        while time.monotonic() < deadline:
            time.sleep(0.1)
            now = self.cpu_seconds()
            if now - before < 0.05:  # half a core
                return
            before = now

    def stages(self) -> dict[str, tuple[float, float]]:
        """What our server has counted: seconds and requests by stage; rows and runs as "rows"."""
        url = f"http://127.0.0.1:{self.admin_port}/metrics"
        page = urllib.request.urlopen(url, timeout=30).read().decode()
        found: dict[str, dict[str, float]] = {}
        for kind, stage, value in _COUNTED.findall(page):
            found.setdefault(stage or "rows", {})[kind] = float(value)
        return {stage: (counted["sum"], counted["count"]) for stage, counted in found.items()}

    def memory_mb(self) -> float:
        """Of the whole family; pages that several processes share count once (PSS)."""
        total = 0
        for process in self._family():
            try:
                total += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
        return total / 1e6


def started(
    name: str, workload: Workload, folder: Path, form: str = "", before: Path | None = None
) -> "_Starting":
    """A contender for a workload, as a context manager; `folder` gets its log.

    `before` is the checkout whose server "before" is.
    """
    task = workload.tasks.get(form, "") if name in OURS else ""
    (port, admin_port), log = ports.free(2), folder / f"{workload.name}-{name}{'-task' * bool(task)}.log"
    tensor = folder / f"{workload.name}.npy"
    np.save(tensor, workload.tensor)
    site = sysconfig.get_paths()["purelib"]
    common = {"MODEL_DIR": str(workload.model), "GLOG_minloglevel": "2"}
    common |= {"BENCH_SITE": site, "BENCH_TENSOR": str(tensor)}
    common |= {"BENCH_BATCH": str(workload.batch), "BENCH_WORKERS": str(workload.workers)}
    if name in OURS:
        settings = our_settings(workload.model, port, admin_port, task)
        command = our_command(before if name == "before" else None)
        return _Starting(name, command, settings, port, "/v2/health/ready", log)
    if name == "naive":
        command = [sys.executable, "-m", "gunicorn", "-w", str(NAIVE_WORKERS), "-b", f"127.0.0.1:{port}"]
        command += ["--no-control-socket", "benchmarks.serving.apps.naive_app:app"]
        return _Starting(name, command, common, port, "/", log)
    options = {
        "mosec": ["--address", "127.0.0.1", "--port", str(port), "--timeout", "60000"],
        "KServe": [f"--http_port={port}", "--enable_grpc=false"],
    }
    command = [str(peers.python()), "-m", f"benchmarks.serving.apps.{name.lower()}_app", *options[name]]
    path = {"mosec": "/metrics", "KServe": "/v2/models/bench/ready"}[name]
    return _Starting(name, command, common | {"OMP_NUM_THREADS": "1"}, port, path, log)


def our_command(checkout: Path | None = None) -> list[str]:
    """Of another checkout, with the environment that `make` gave it, or of this one."""
    programs = checkout / ".venv" / "bin" if checkout else Path(sys.executable).parent
    return [str(programs / "paddlemodel-server"), "serve"]


def our_settings(model: Path, port: int, admin_port: int, task: str = "") -> dict[str, str]:
    """The defaults, but for where the model and the ports are."""
    settings = {"NAME": "bench", "MODEL_DIR": str(model), "BIND": "127.0.0.1", "LOG_LEVEL": "WARNING"}
    settings |= {"PORT": str(port), "ADMIN_PORT": str(admin_port)} | ({"TASK": task} if task else {})
    return {f"PADDLEMODEL_{name}": value for name, value in settings.items()}


def ready(name: str, settings: dict[str, str], log: Path, checkout: Path | None = None) -> "_Starting":
    """Our server with these settings, as a context manager."""
    port = int(settings["PADDLEMODEL_PORT"])
    return _Starting(name, our_command(checkout), settings, port, "/v2/health/ready", log)


class _Starting:
    """Starts on entering the context, waits until it is ready, and ends it."""

    def __init__(
        self, name: str, command: list[str], environment: dict[str, str], port: int, path: str, log: Path
    ) -> None:
        self._name, self._command, self._port, self._path, self._log = name, command, port, path, log
        self._environment = os.environ | environment
        self._stack = ExitStack()

    def __enter__(self) -> Server:
        try:
            process = self._stack.enter_context(running(self._command, self._environment, self._log))
            until_ok(self._port, self._path, process, self._log)
        except BaseException:
            self._stack.close()
            raise
        admin_port = int(self._environment.get("PADDLEMODEL_ADMIN_PORT", 0))
        return Server(name=self._name, process=process, port=self._port, admin_port=admin_port)

    def __exit__(self, *_: object) -> None:
        self._stack.close()


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
def bare(workload: Workload, folder: Path) -> Iterator[Bare]:
    tensor = folder / f"{workload.name}.npy"
    np.save(tensor, workload.tensor)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOG_minloglevel": "2"}
    command = [sys.executable, "-m", "benchmarks.serving.bare", str(workload.model), str(tensor)]
    with ExitStack() as stack:
        log = stack.enter_context((folder / f"{workload.name}-bare.log").open("w"))
        processes = []
        for _ in range(BARE_PROCESSES):
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )
            processes.append(stack.enter_context(process))
            stack.callback(process.kill)
        for process in processes:
            while _line(process) != "ready":
                pass
        yield Bare(processes)


def _runs(process: psutil.Process, part: str) -> bool:
    try:
        return f"paddlemodel_server.{part}" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


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
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[psutil.Process]:
    """A program and, at the end, the end of its whole family."""
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


def until_ok(port: int, path: str, process: psutil.Process, log: Path) -> None:
    """Wait until a path of a server is there, or known not to be."""
    deadline = time.monotonic() + _START_SECONDS
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
