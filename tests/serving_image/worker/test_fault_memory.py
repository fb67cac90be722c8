"""More large bodies at once than memory holds: some are told to come back, and no process dies."""

import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.serving_image.support import servers
from tests.serving_image.support.load import INFER, asked, row_of_ones
from tests.serving_image.support.memory_group import memory_group
from tests.serving_image.support.servers import eventually, metric

CLIENTS = 60
HALF = 9_000_000
HEAD = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n".encode()


def test_a_flood_of_large_bodies(exported: Callable[[str, str], Path], tmp_path: Path) -> None:
    """Half a gigabyte of unfinished bodies, in a container that has not so much to spare."""
    with memory_group() as group:
        group.limit(600 << 20)
        with group.entered():
            server = servers.start(exported("legacy", "mixed"), tmp_path, name="mixed")
        connections = []
        try:
            server.wait_ready()
            eventually(lambda: "sized" in server.logged(), "the first worker is measured")
            before = {
                process.pid for process in (*server.processes("worker"), *server.processes("http_worker"))
            }
            for _ in range(CLIENTS):
                connection = socket.create_connection(("127.0.0.1", server.port), timeout=180)
                connections.append(connection)
                with suppress(ConnectionError):  # it may be refused before all is sent
                    connection.sendall(HEAD + bytes(HALF))
            refused = 'paddle_requests_total{route="infer",status="429"}'
            eventually(lambda: refused in server.get("/metrics")[1], "some are told to come back")
            for connection in connections:
                connection.close()
            eventually(lambda: metric(server, "paddle_inflight_requests") == 0, "all are gone")
            assert {p.pid for p in (*server.processes("worker"), *server.processes("http_worker"))} == before
            large = row_of_ones(1_000_000)
            eventually(lambda: asked(server, INFER, large)[0] == 200, "what was held has been let go of")
        finally:
            for connection in connections:
                connection.close()
            servers.end(server)
