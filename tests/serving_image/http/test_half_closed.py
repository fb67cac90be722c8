"""Clients that end their own side and read on, and clients that look so and are gone."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.serving_image.support.servers import Server, eventually, metric, serving, stopped

GONE = 'paddle_requests_total{route="predict",status="499"}'
BODY = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}'
GET = b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n"


def post(version: str = "1.1", body: bytes = BODY) -> bytes:
    head = f"POST /predict HTTP/{version}\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + body


@pytest.fixture(scope="module")
def server(
    exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with serving(exported("pir", "mixed"), tmp_path_factory.mktemp("half"), name="mixed") as running:
        yield running


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=180)


def counted(server: Server, series: str) -> float:
    """Of a series that is not there before it counts."""
    with suppress(KeyError):
        return metric(server, series)
    return 0


def rest(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


@pytest.mark.parametrize(
    ("sent", "answers"),
    [
        pytest.param(post(), [b"200"], id="one"),
        pytest.param(post("1.0"), [b"200"], id="HTTP/1.0"),
        pytest.param(GET, [b"200"], id="of the other door"),
        pytest.param(post() + GET + post(), [b"200"] * 3, id="three"),
        pytest.param(post(body=b"{" * len(BODY)), [b"400"], id="a wrong one"),
    ],
)
def test_who_sends_no_more_is_answered_and_the_connection_ends(
    server: Server, sent: bytes, answers: list[bytes]
) -> None:
    with connected(server) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = rest(connection)
    finals = [part[:3] for part in received.split(b"HTTP/1.1 ")[1:] if part[:3] != b"100"]
    assert finals == answers


@pytest.mark.parametrize(("version", "interim"), [("1.1", b"HTTP/1.1 100 Continue\r\n\r\n"), ("1.0", b"")])
def test_who_has_to_wait_is_asked_once_whether_it_is_there(
    server: Server, version: str, interim: bytes
) -> None:
    with connected(server) as connection:
        with stopped(server):
            connection.sendall(post(version))
            connection.shutdown(socket.SHUT_WR)
            eventually(lambda: metric(server, "paddle_inflight_requests") == 1, "it waits")
            asked = b"".join(connection.recv(1) for _ in interim)
        assert asked == interim
        assert rest(connection).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("half", [False, True], ids=["at once", "half-closed before"])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_who_is_gone_holds_nothing(server: Server, half: bool, reset: bool) -> None:
    left, ran = counted(server, GONE), metric(server, "paddle_batch_rows_count")
    with stopped(server):
        with connected(server) as connection:
            connection.sendall(post())
            eventually(lambda: metric(server, "paddle_inflight_requests") == 1, "it waits")
            if half:
                connection.shutdown(socket.SHUT_WR)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        eventually(lambda: counted(server, GONE) == left + 1, "its leaving is noticed")
        assert metric(server, "paddle_inflight_requests") == 0
    with connected(server) as connection:
        connection.sendall(post("1.0"))
        assert rest(connection).startswith(b"HTTP/1.1 200 OK")
    assert (
        metric(server, "paddle_batch_rows_count") <= ran + 2
    )  # the worker may have had the first one already


@pytest.mark.parametrize("sent", [b"", b"POST /pre", post()[:-1], post() + post()[:-1]])
def test_half_a_request_is_not_waited_for(server: Server, sent: bytes) -> None:
    with connected(server) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert rest(connection).count(b"HTTP/1.1 200 OK") <= 1
    eventually(lambda: metric(server, "paddle_inflight_requests") == 0, "nothing is left of it")
