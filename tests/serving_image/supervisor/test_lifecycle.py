"""Starting, dying and draining: real processes, real signals."""

import json
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from paddlemodel_server.host import signals

from tests import cleartext
from tests.serving_image.support import servers
from tests.serving_image.support.load import BODY, INFER, Load
from tests.serving_image.support.servers import UNMEASURED, Server, eventually, metric

Export = Callable[[str, str], Path]


def test_sigterm_under_load_loses_nothing(exported: Export, tmp_path: Path) -> None:
    """Clients go on for a while, on kept and on new connections: as long as a Service still names the pod."""
    with servers.serving(
        exported("legacy", "mixed"), tmp_path, name="mixed", http_workers=2, drain_seconds=60
    ) as server:
        children = psutil.Process(server.process.pid).children(recursive=True)
        with Load(server, 16) as load:
            eventually(lambda: load.answered() > 200, "requests are answered")
            server.process.send_signal(signal.SIGTERM)
            eventually(lambda: httpx_or_none(server, "/readyz") == 503, "the pod is unready")
            before = load.answered()
            eventually(lambda: load.answered() > before + 100, "it still answers")
            assert cleartext.get(f"{server.admin_url}/healthz").headers["connection"] == "close"
            load.stop()
        assert server.stop() == 0  # nobody comes any more: a second signal ends the wait
        assert (load.outcomes.lost, load.outcomes.refused, load.outcomes.wrong) == ([], 0, [])
        assert set(load.outcomes.statuses) == {200}
        assert not [child for child in children if child.is_running() and child.status() != "zombie"]
        assert not list(tmp_path.glob("paddlemodel-*"))
        events = [
            json.loads(line) for line in server.logged().splitlines()
        ]  # all of them: Paddle is kept quiet
        assert "draining" in [event["message"] for event in events]


def test_what_was_taken_in_is_answered_after_the_drain(exported: Export, tmp_path: Path) -> None:
    slow = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}
    with (
        servers.serving(
            exported("legacy", "slow"), tmp_path, name="slow", drain_seconds=0, **UNMEASURED
        ) as server,
        ThreadPoolExecutor(4) as pool,
    ):
        with servers.stopped(server):
            waiting = [
                pool.submit(cleartext.post, f"{server.url}/predict", json=slow, timeout=180) for _ in range(4)
            ]
            eventually(lambda: metric(server, "paddle_inflight_requests") == 4, "all are taken in")
            server.process.send_signal(signal.SIGTERM)
            eventually(lambda: httpx_or_none(server, "/readyz") is None, "nobody is let in any more")
        assert [answer.result().status_code for answer in waiting] == [200] * 4
        assert server.process.wait(servers.PATIENCE_SECONDS) == 0


def test_without_traffic_the_end_does_not_wait(exported: Export, tmp_path: Path) -> None:
    model = exported("legacy", "mixed")
    outside = ["env", "-u", "KUBERNETES_SERVICE_HOST"]
    with servers.serving(model, tmp_path, outside, name="mixed", drain_seconds=600) as server:
        assert server.stop() == 0  # else the time that `stop` waits passes


def test_a_second_signal_ends_the_drain_of_a_pod(exported: Export, tmp_path: Path) -> None:
    """Its Service may send the first request ever after SIGTERM."""
    model = exported("legacy", "mixed")
    inside = ["env", "KUBERNETES_SERVICE_HOST=10.0.0.1"]
    with servers.serving(model, tmp_path, inside, name="mixed", drain_seconds=600) as server:
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: httpx_or_none(server, "/readyz") == 503, "the pod is unready")
        assert cleartext.post(f"{server.url}{INFER}", content=BODY).status_code == 200
        assert server.stop() == 0


def test_nobody_outlives_a_killed_parent(exported: Export, tmp_path: Path) -> None:
    server = servers.start(exported("legacy", "mixed"), tmp_path, name="mixed", http_workers=2)
    try:
        eventually(
            lambda: len(server.processes("http_worker")) == 3 and server.processes("worker"), "children", 60
        )
        children = psutil.Process(server.process.pid).children(recursive=True)
        server.process.kill()
        server.process.wait()
        _, alive = psutil.wait_procs(children, timeout=180)
        assert alive == []
    finally:
        servers.end(server)


def test_dead_http_workers_end_the_server(exported: Export, tmp_path: Path) -> None:
    server = servers.start(exported("legacy", "mixed"), tmp_path, name="mixed")
    try:
        master = eventually(lambda: server.processes("http_worker"), "http_workers", 60)[0]
        master.kill()
        assert server.process.wait(servers.PATIENCE_SECONDS) == 1
        assert "The HTTP workers ended unexpectedly (signal SIGKILL); see the log." in server.logged()
    finally:
        servers.end(server)


def test_a_signal_while_loading_ends_at_once(exported: Export, tmp_path: Path) -> None:
    server = servers.start(exported("legacy", "mixed"), tmp_path, name="mixed")
    try:
        eventually(lambda: server.processes("worker"), "a worker starts", 60)
        assert httpx_or_none(server, "/readyz") in {None, 503}
        assert server.stop(signal.SIGINT) == 0
    finally:
        servers.end(server)


def httpx_or_none(server: Server, path: str) -> int | None:
    try:
        return cleartext.get(f"{server.admin_url}{path}").status_code
    except httpx.TransportError:
        return None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"port": "x"}, "PADDLEMODEL_PORT is 'x'; set it to a whole number from 1 to 65535."),
        ({"model_dir": "/nowhere"}, "There is no folder /nowhere; the model's files belong there."),
        ({"task": '{"imageClassification":{}}'}, "The task imageClassification takes an FP32 input of 4"),
        ({"task": "{"}, "PADDLEMODEL_TASK cannot be used: spec.task is not JSON: EOF"),
    ],
)
def test_a_start_that_must_fail_is_one_clear_line(
    exported: Export, tmp_path: Path, settings: dict[str, str], message: str
) -> None:
    server = servers.start(exported("legacy", "mixed"), tmp_path, **settings)
    assert server.process.wait(servers.PATIENCE_SECONDS) == 1
    (line,) = server.logged().splitlines()
    assert message in line


def test_a_model_that_paddle_refuses_is_one_clear_line(exported: Export, tmp_path: Path) -> None:
    """Sound files, but an operator that does not exist: only Paddle can tell."""
    folder = tmp_path / "model"
    folder.mkdir()
    for file in exported("legacy", "picture").iterdir():
        content = file.read_bytes()
        (folder / file.name).write_bytes(content.replace(b"conv2d", b"conv2X"))
    server = servers.start(folder, tmp_path, name="broken")
    assert server.process.wait(servers.PATIENCE_SECONDS) == 1
    last = json.loads(server.logged().splitlines()[-1])
    assert "conv2X" in last["message"]
    assert last["reason"] in {"ModelDoesNotLoad", "UnknownOperator"}


def test_no_thread_of_the_supervisor_takes_a_signal(server: Server) -> None:
    """A signal goes to any thread that does not block it; one that numpy started would swallow it."""
    wanted = sum(1 << (number - 1) for number in signals.AWAITED)
    pid = server.process.pid
    others = [f for f in Path(f"/proc/{pid}/task").glob("*/status") if f.parent.name != str(pid)]
    assert others  # the main thread itself waits for them, and shows them as unblocked meanwhile
    for status in others:
        blocked = next(line for line in status.read_text().splitlines() if line.startswith("SigBlk:"))
        assert int(blocked.split()[1], 16) & wanted == wanted, status
