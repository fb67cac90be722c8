"""Starts and watches real servers for the tests: supervisor, gunicorn, workers, Paddle."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from paddlemodel_server.ipc.scoreboard import Scoreboard

from devcluster import ports
from tests import planted

# A busy machine may take minutes for what takes a second; where all is well, patience costs nothing.
READY_SECONDS = 600
PATIENCE_SECONDS = 180
# Of a model that takes long to measure, where requests come one by one and the warm-up is not the point.
UNMEASURED: dict[str, Any] = {"max_batch_size": 1, "warmup_seconds": 0}
MODULES = {"http_worker": "http.master", "worker": "worker.main"}


def eventually(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait for a condition; a bounded deadline, no fixed sleep."""
    until = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > until:
            raise TimeoutError(f"never happened: {what}")
        time.sleep(0.02)


class Server:
    """A running server."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, admin_port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.admin_port = admin_port
        self.url = f"http://127.0.0.1:{port}"
        self.admin_url = f"http://127.0.0.1:{admin_port}"
        self.log = log

    def logged(self) -> str:
        return self.log.read_text()

    def ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"the server ended: {self.logged()}")
        try:
            return self.get("/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of the admin port.

        Unlike cleartext.get it makes no TLS context each time, which costs 30 ms.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=180)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def wait_ready(self) -> None:
        try:
            eventually(self.ready, "ready", READY_SECONDS)
        except TimeoutError:
            raise RuntimeError(f"not ready: {self.logged()}") from None

    def processes(self, kind: str) -> list[psutil.Process]:
        """The server's processes that run a module, such as `worker`."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if f"paddlemodel_server.{MODULES[kind]}" in process.cmdline():
                    found.append(process)
            except psutil.Error:
                continue  # it has just ended
        return found

    def http_workers(self) -> tuple[psutil.Process, list[psutil.Process]]:
        """Gunicorn's master, which is our process's child, and its workers, which are its children."""
        found, ours = self.processes("http_worker"), psutil.Process(self.process.pid).children()
        (master,) = [process for process in found if process in ours]
        return master, [process for process in found if process != master]

    def connections(self, http_worker: psutil.Process) -> int:
        """How many clients an HTTP worker has."""
        found = http_worker.net_connections("tcp")
        return len([one for one in found if one.status == "ESTABLISHED" and one.laddr.port == self.port])

    def runtime(self) -> dict[str, Any]:
        """What the supervisor handed to its children."""
        found: dict[str, Any] = json.loads(self.processes("http_worker")[0].cmdline()[-1])
        return found

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_SECONDS)


def cannot(why: str) -> BaseException:
    """What skips a test where this machine lacks something; where everything must be tested, it fails."""
    return (pytest.fail if os.environ.get("CI") else pytest.skip).Exception(why)


@contextmanager
def serving(model: Path, folder: Path, before: Sequence[str] = (), **settings: object) -> Iterator[Server]:
    """Run a server for a model; settings in lower case, without their prefix."""
    server = start(model, folder, before, **settings)
    try:
        server.wait_ready()
        yield server
    finally:
        end(server)


def start(model: Path, folder: Path, before: Sequence[str] = (), **settings: object) -> Server:
    port, admin_port = ports.free(2)
    manifests: dict[str, Any] = {
        "model_dir": model,
        "port": port,
        "admin_port": admin_port,
        "bind": "127.0.0.1",
        "http_workers": 1,
        "workers": 1,
        "drain_seconds": 0.5,
        # A busy machine must change neither what the warm-up finds out nor whether a request is answered.
        "warmup_seconds": 60,
        "timeout_seconds": 120,
    }
    manifests |= settings
    port, admin_port = manifests["port"], manifests["admin_port"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PADDLEMODEL_")}
    environment |= {f"PADDLEMODEL_{name.upper()}": str(value) for name, value in manifests.items()}
    environment |= {"HOME": str(folder), "TMPDIR": str(folder)}
    log = folder / f"server-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*before, sys.executable, "-m", "paddlemodel_server.cli", "serve"],
            env=environment,
            stderr=output,
            stdout=output,
        )
    return Server(process, port, admin_port, log)


def end(server: Server) -> None:
    """Leave nothing behind, whatever the test did."""
    if server.process.poll() is None:
        server.process.terminate()
        server.process.terminate()  # nobody is told to go elsewhere: a second signal ends the wait of a drain
        try:
            server.process.wait(60)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()
    assert not (place := planted.leaked(server.logged())), f"the server's log has a secret: {place}"


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """Hold the workers meanwhile: what is sent now waits for them, however fast or busy the machine is."""
    workers = server.processes("worker")
    try:
        for worker in workers:
            worker.suspend()
        eventually(lambda: {worker.status() for worker in workers} == {"stopped"}, "the workers stand still")
        yield
    finally:
        for worker in workers:
            with suppress(psutil.NoSuchProcess):
                worker.resume()


def linked(server: Server) -> bool:
    """Whether every HTTP worker has found every worker.

    Until then a request may get 503 though all are ready.
    """
    http_workers = len(server.processes("http_worker")) - 1  # the first one is their master
    try:
        sockets = {len(worker.net_connections("unix")) for worker in server.processes("worker")}
    except psutil.NoSuchProcess:
        return False
    return sockets == {1 + http_workers}  # the one that listens, and one for each HTTP worker


def whole(server: Server, workers: int) -> None:
    """Wait until every HTTP worker has so many workers: the last of them load once the first is measured."""
    eventually(lambda: metric(server, "paddle_workers_ready") == workers, f"{workers} workers are ready", 120)
    eventually(lambda: linked(server), "every HTTP worker has found every worker", 120)


def metric(server: Server, series: str) -> float:
    """The value of a series, such as `paddle_workers_ready`."""
    for line in server.get("/metrics")[1].splitlines():
        name, _, value = line.rpartition(" ")
        if name == series:
            return float(value)
    raise KeyError(series)


@contextmanager
def shared_scoreboard(server: Server) -> Iterator[Scoreboard]:
    """The page that the server's processes share."""
    found = os.open(f"/proc/{server.process.pid}/fd/{server.runtime()['scoreboard_fd']}", os.O_RDWR)
    try:
        yield Scoreboard(found)
    finally:
        os.close(found)


def tensor(name: str, datatype: str, array: Any) -> dict[str, Any]:
    """One input of a V2 request."""
    return {
        "name": name,
        "datatype": datatype,
        "shape": list(array.shape),
        "data": array.reshape(-1).tolist(),
    }
