"""Ten thousand connections that do nothing: cheap, no hindrance to others, and gone when they are gone."""

import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.serving_image.support import servers
from tests.serving_image.support.load import MAPPINGS, Load, footprint
from tests.serving_image.support.servers import Server, eventually

Export = Callable[[str, str], Path]
WANTED = 10_000
MOST_BYTES = 100 << 20
ASK = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def limit() -> Iterator[None]:
    """Let this process open as many connections as are wanted; a lower hard limit shows as a skipped test."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < WANTED + 1000:
        needed = f"{WANTED} connections need {WANTED + 1000}"
        raise servers.cannot(f"the hard limit of open files is {hard}; {needed}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("limit")
def test_idle_connections(exported: Export, tmp_path: Path) -> None:
    with servers.serving(exported("legacy", "mixed"), tmp_path, name="mixed") as server:
        with Load(server, 8) as warm:
            eventually(lambda: warm.answered() > 200, "requests are answered")
        (http_worker,) = server.http_workers()[1]
        eventually(lambda: server.connections(http_worker) == 0, "the HTTP worker has parted from them")
        before = footprint(server)
        with ExitStack() as stack:
            idle = [stack.enter_context(ask(server)) for _ in range(WANTED)]
            for connection in idle:
                receive(connection)
            held = footprint(server)
            assert held.descriptors >= before.descriptors + WANTED
            assert held.memory < before.memory + MOST_BYTES
            with Load(server, 8) as clients:
                eventually(lambda: clients.answered() > 200, "others are answered")
            assert (clients.outcomes.lost, set(clients.outcomes.statuses)) == ([], {200})
            idle[-1].sendall(ASK)
            receive(idle[-1])
        eventually(lambda: footprint(server).descriptors <= before.descriptors + 8, "all are let go of")
        assert footprint(server).mappings <= before.mappings + MAPPINGS
        with Load(server, 8) as clients:
            eventually(lambda: clients.answered() > 200, "requests are answered")
        assert set(clients.outcomes.statuses) == {200}


def ask(server: Server) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=180)
    connection.sendall(ASK)
    return connection


def receive(connection: socket.socket) -> None:
    """Read one whole answer, which may come in parts."""
    received = b""
    while not received.endswith(b'{"live":true}'):
        part = connection.recv(4096)
        assert part, received
        received += part
    assert received.startswith(b"HTTP/1.1 200 ")
