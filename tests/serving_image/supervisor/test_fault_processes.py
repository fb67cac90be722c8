"""Workers and HTTP workers that die.

By signals, out of memory, again and again. Real processes, real kills.
"""

import os
import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from tests import cleartext
from tests.serving_image.support import load, servers
from tests.serving_image.support.load import BODY, GROWTH, INFER, Footprint, Load, footprint
from tests.serving_image.support.memory_group import memory_group
from tests.serving_image.support.servers import UNMEASURED, Server, eventually, metric

Export = Callable[[str, str], Path]
SIGNALLED = 'paddle_worker_exits_total{reason="signal"}'


def settled(server: Server) -> None:
    """Wait until the server is whole again, and holds no request."""
    eventually(server.ready, "ready", 120)
    wanted = metric(server, "paddle_workers_desired")
    servers.whole(server, int(wanted))
    eventually(lambda: metric(server, "paddle_inflight_requests") == 0, "no request is left over")
    assert cleartext.post(f"{server.url}{INFER}", content=BODY).status_code == 200


def recovered(server: Server, before: Footprint) -> None:
    """Wait until it is whole again; it has not grown."""
    settled(server)
    eventually(lambda: footprint(server).descriptors <= before.descriptors + 2, "no descriptor is left over")
    after = footprint(server)
    assert after.processes == before.processes
    assert after.memory < before.memory + GROWTH


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_a_dead_worker_is_replaced_and_its_requests_are_run_again(
    server: Server, how: signal.Signals
) -> None:
    """No worker is left for seconds: all requests wait. One that ran alone as its worker crashed gets 500."""
    settled(server)
    held = footprint(server)
    before = {process.pid for process in server.processes("worker")}
    died = metric(server, SIGNALLED)
    with Load(server, 16) as clients:
        eventually(lambda: clients.answered() > 100, "requests are answered")
        for pid in before:
            os.kill(pid, how)
        eventually(lambda: server.get("/readyz")[0] == 503, "the pod is unready")
        assert cleartext.get(f"{server.admin_url}/healthz").status_code == 200
        eventually(server.ready, "ready again", 120)
        more = clients.answered()
        eventually(lambda: clients.answered() > more + 100, "requests are answered again")
    assert clients.outcomes.lost == clients.outcomes.wrong == []
    crashes = len(before) if how == signal.SIGSEGV else 0
    assert clients.outcomes.statuses[500] <= crashes
    assert set(clients.outcomes.statuses) <= {200, 500}
    recovered(server, held)
    assert not before & {process.pid for process in server.processes("worker")}
    assert f'"how": "signal {how.name}"' in server.logged()
    assert metric(server, SIGNALLED) == died + len(before)


def test_one_of_two_workers_dies_and_the_pod_stays_ready(server: Server) -> None:
    settled(server)
    held = footprint(server)
    died = metric(server, SIGNALLED)
    victim = server.processes("worker")[0]
    with Load(server, 8) as clients:
        eventually(lambda: clients.answered() > 100, "requests are answered")
        victim.kill()
        eventually(lambda: metric(server, SIGNALLED) == died + 1, "the death is noticed")
        assert server.ready()
        more = clients.answered()
        eventually(lambda: clients.answered() > more + 100, "the other one goes on")
    assert clients.outcomes.lost == clients.outcomes.wrong == []
    recovered(server, held)


def test_a_killed_http_worker_loses_its_connections_and_nothing_else(server: Server) -> None:
    settled(server)
    held = footprint(server)
    workers = {process.pid for process in server.processes("worker")}
    _, http_workers = server.http_workers()
    with Load(server, 16) as clients:
        eventually(lambda: clients.answered() > 200, "requests are answered")
        busiest = max(http_workers, key=server.connections)
        busiest.kill()
        eventually(lambda: clients.outcomes.lost, "its clients notice")
        eventually(lambda: busiest not in server.http_workers()[1], "it is gone")
        eventually(lambda: len(server.http_workers()[1]) == len(http_workers), "it is replaced")
        more = clients.answered()
        eventually(lambda: clients.answered() > more + 200, "requests are answered")
    assert len(clients.outcomes.lost) <= 16  # each client once, at most
    assert clients.outcomes.wrong == []
    assert set(clients.outcomes.statuses) == {
        200
    }  # the new HTTP worker listened when it had found the workers
    recovered(server, held)
    assert {process.pid for process in server.processes("worker")} == workers


def test_a_worker_that_the_kernel_kills_when_memory_runs_out(exported: Export, tmp_path: Path) -> None:
    with memory_group() as group:
        with group.entered():
            # Each number of a request takes a megabyte in the worker, and in the HTTP worker nearly nothing.
            server = servers.start(exported("legacy", "greedy"), tmp_path, name="mixed", **UNMEASURED)
        try:
            server.wait_ready()
            settled(server)
            group.limit(group.held() + (16 << 20))
            answer = cleartext.post(f"{server.url}{INFER}", content=load.row_of_ones(4000), timeout=180)
            assert answer.status_code == 500  # it ran alone, so the memory was wanted by none but it
            assert "Retry-After" not in answer.headers
            group.limit(1 << 40)
            logged = '"how": "signal SIGKILL, out of memory"'
            eventually(lambda: logged in server.logged(), "the reason is told")
            settled(server)
            assert metric(server, 'paddle_worker_exits_total{reason="memory"}') == 1
        finally:
            servers.end(server)


def test_a_worker_that_never_gets_ready_ends_the_server(exported: Export, tmp_path: Path) -> None:
    server = servers.start(exported("legacy", "mixed"), tmp_path, name="mixed")
    killed: set[int] = set()

    def ended() -> bool:
        for worker in server.processes("worker"):
            if worker.pid not in killed:
                worker.send_signal(signal.SIGSEGV)
                killed.add(worker.pid)
        return server.process.poll() is not None

    try:
        eventually(ended, "the server gives up", 60)
        assert server.process.returncode == 1
        assert len(killed) == 5
        assert "The process that loads the model mixed ended 5 times in a row" in server.logged()
        assert "signal SIGSEGV. Paddle crashes on this model: export it again" in server.logged()
        with pytest.raises(httpx.ConnectError):  # what Kubernetes' liveness probe would see
            cleartext.get(f"{server.admin_url}/healthz")
    finally:
        servers.end(server)


def test_http_workers_that_die_again_and_again_end_the_server(exported: Export, tmp_path: Path) -> None:
    with servers.serving(exported("legacy", "mixed"), tmp_path, name="mixed") as server:
        master, _ = server.http_workers()

        def ended() -> bool:
            for worker in server.processes("http_worker"):
                if worker.pid != master.pid:
                    worker.kill()
            return server.process.poll() is not None

        eventually(ended, "the server gives up", 60)
        assert server.process.returncode == 1
        assert "10 HTTP workers ended within 60 seconds; see the log." in server.logged()


def test_an_http_worker_that_cannot_start_ends_the_server(exported: Export, tmp_path: Path) -> None:
    """Its successor finds no row on the scoreboard, for the rows' locks have become folders."""
    with servers.serving(exported("legacy", "mixed"), tmp_path, name="mixed") as server:
        children = psutil.Process(server.process.pid).children(recursive=True)
        (folder,) = tmp_path.glob("paddlemodel-*")
        for lock in folder.glob("http-worker-*.lock"):
            lock.unlink()
            lock.mkdir()
        server.http_workers()[1][0].kill()
        assert server.process.wait(servers.PATIENCE_SECONDS) == 1
        assert "The HTTP workers ended unexpectedly (exit code 3); see the log." in server.logged()
        _, alive = psutil.wait_procs(children, timeout=180)
        assert alive == []
    assert not folder.exists()


def test_a_port_that_is_taken_is_one_clear_sentence(exported: Export, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = servers.start(exported("legacy", "mixed"), tmp_path, name="mixed", port=port)
        try:
            assert server.process.wait(servers.PATIENCE_SECONDS) == 1
            assert f"The server cannot listen on 127.0.0.1:{port}; set PADDLEMODEL_PORT" in server.logged()
        finally:
            servers.end(server)


def test_a_tiny_shared_memory_volume_is_no_obstacle(exported: Export, tmp_path: Path) -> None:
    """Docker gives 64 MB of /dev/shm, and a pod may have less: here it is one page."""
    if os.geteuid() or not shutil.which("unshare"):
        raise servers.cannot("only root may mount another /dev/shm for the server")
    mount = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount -t tmpfs -o size=4096 tmpfs /dev/shm && exec "$@"',
        "sh",
    ]
    with servers.serving(exported("legacy", "mixed"), tmp_path, before=mount, name="mixed") as server:
        space = os.statvfs(f"/proc/{server.process.pid}/root/dev/shm")
        assert space.f_blocks * space.f_frsize == 4096
        with Load(server, 8, load.own) as clients:
            eventually(lambda: clients.answered() > 200, "requests are answered")
        assert set(clients.outcomes.statuses) == {200}
        assert clients.outcomes.wrong == []
