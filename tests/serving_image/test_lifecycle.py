"""Starting, dying and draining: real processes, real signals."""

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from tests.serving_image import servers
from tests.serving_image.servers import Server, eventually

INFER = "/v2/models/mixed/infer"
BODY = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
Export = Callable[[str, str], Path]


class Load:
    """Clients that send one request after the other and note every outcome."""

    def __init__(self, server: Server, clients: int) -> None:
        self.statuses: list[int] = []
        self.lost: list[str] = []
        self._server = server
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        """As behind a Service: once a connection is closed, a server on its way out gets no new one."""
        with httpx.Client(base_url=self._server.url, timeout=60) as client:
            while not self._stop.is_set():
                try:
                    answer = client.post(INFER, json=BODY)
                except httpx.ConnectError:
                    return
                except httpx.TransportError as error:
                    self.lost.append(repr(error))
                    return
                self.statuses.append(answer.status_code)
                if answer.headers.get("connection") == "close":
                    return


def test_sigterm_under_load_loses_nothing(exported: Export, tmp_path: Path) -> None:
    with servers.serving(exported("legacy", "mixed"), tmp_path, name="mixed", fronts=2) as server:
        children = psutil.Process(server.process.pid).children(recursive=True)
        with Load(server, 16) as load:
            eventually(lambda: len(load.statuses) > 200, "requests are answered")
            code = server.stop()
        assert (code, load.lost, set(load.statuses)) == (0, [], {200})
        assert not [child for child in children if child.is_running() and child.status() != "zombie"]
        assert not list(tmp_path.glob("paddlemodel-*"))
        events = [
            json.loads(line) for line in server.logged().splitlines()
        ]  # all of them: Paddle is kept quiet
        assert "draining" in [event["message"] for event in events]


def test_a_killed_owner_is_replaced_and_its_requests_get_503(server: Server) -> None:
    before = {process.pid for process in server.processes("owner")}
    with Load(server, 16) as load:
        eventually(lambda: len(load.statuses) > 200, "requests are answered")
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: 503 in load.statuses, "the loss is told")
        eventually(lambda: len(server.processes("owner")) == 2, "two new owners")
        eventually(server.ready, "ready again", 60)
    assert load.lost == []
    assert set(load.statuses) <= {200, 503}
    assert httpx.post(f"{server.url}{INFER}", json=BODY).status_code == 200
    assert not before & {process.pid for process in server.processes("owner")}
    assert "signal SIGKILL, perhaps out of memory" in server.logged()
    eventually(
        lambda: "paddle_owners_ready 2.0" in httpx.get(f"{server.url}/metrics").text, "both are ready", 60
    )


def test_a_killed_front_is_replaced(server: Server) -> None:
    master = min(server.processes("front"), key=lambda process: process.create_time())
    (worker, *_) = [process for process in server.processes("front") if process != master]
    worker.kill()
    eventually(lambda: not worker.is_running() or worker.status() == "zombie", "it is gone")
    eventually(lambda: len(server.processes("front")) == 3, "it is replaced")
    eventually(server.ready, "ready")
    for _ in range(20):
        answer = httpx.post(f"{server.url}{INFER}", json=BODY)
        assert answer.status_code in {200, 503}  # the new front may not have found the owners yet
    eventually(lambda: httpx.post(f"{server.url}{INFER}", json=BODY).status_code == 200, "answers")


def test_nobody_outlives_a_killed_parent(exported: Export, tmp_path: Path) -> None:
    server = servers.start(exported("legacy", "mixed"), tmp_path, name="mixed", fronts=2)
    try:
        eventually(lambda: len(server.processes("front")) == 3 and server.processes("owner"), "children", 60)
        children = psutil.Process(server.process.pid).children(recursive=True)
        server.process.kill()
        server.process.wait()
        _, alive = psutil.wait_procs(children, timeout=20)
        assert alive == []
    finally:
        servers.end(server)


def test_dead_fronts_end_the_server(exported: Export, tmp_path: Path) -> None:
    server = servers.start(exported("legacy", "mixed"), tmp_path, name="mixed")
    try:
        master = eventually(lambda: server.processes("front"), "fronts", 60)[0]
        master.kill()
        assert server.process.wait(60) == 1
        assert "the fronts ended; the server ends too" in server.logged()
    finally:
        servers.end(server)


def test_a_signal_while_loading_ends_at_once(exported: Export, tmp_path: Path) -> None:
    server = servers.start(exported("legacy", "mixed"), tmp_path, name="mixed")
    try:
        eventually(lambda: server.processes("owner"), "an owner starts", 60)
        assert httpx_or_none(server, "/readyz") in {None, 503}
        assert server.stop(signal.SIGINT) == 0
    finally:
        servers.end(server)


def httpx_or_none(server: Server, path: str) -> int | None:
    try:
        return httpx.get(f"{server.url}{path}").status_code
    except httpx.TransportError:
        return None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"port": "x"}, "PADDLEMODEL_PORT is 'x'; set it to a whole number from 1 to 65535."),
        ({"model_dir": "/nowhere"}, "There is no folder /nowhere; the model's files belong there."),
        ({"task": '{"type":"ImageClassification"}'}, "The task ImageClassification takes an FP32 input of 4"),
    ],
)
def test_a_start_that_must_fail_is_one_clear_line(
    exported: Export, tmp_path: Path, settings: dict[str, str], message: str
) -> None:
    server = servers.start(exported("legacy", "mixed"), tmp_path, **settings)
    assert server.process.wait(60) == 1
    (line,) = server.logged().splitlines()
    assert message in line


def test_a_model_that_paddle_refuses_is_one_clear_line(exported: Export, tmp_path: Path) -> None:
    """Right files, wrong parameters: only Paddle can tell."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "inference.pdmodel").write_bytes(
        (exported("legacy", "picture") / "inference.pdmodel").read_bytes()
    )
    (folder / "inference.pdiparams").write_bytes(
        (exported("legacy", "slow") / "inference.pdiparams").read_bytes()
    )
    server = servers.start(folder, tmp_path, name="broken")
    assert server.process.wait(90) == 1
    assert "Paddle cannot load the model: " in server.logged()
