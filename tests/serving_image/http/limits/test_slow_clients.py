"""Clients that owe us the rest of a request: cut off in time, while others are answered."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from tests import cleartext
from tests.serving_image.support.load import GROWTH, MAPPINGS, footprint
from tests.serving_image.support.servers import Server, eventually

INFER = "/v2/models/mixed/infer"
HEAD = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()


@pytest.fixture
def connection(server: Server) -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=180)) as made:
        yield made


def rest(connection: socket.socket) -> bytes:
    """Everything until the server closes; a time-out of the socket fails the test."""
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


def test_silence_is_closed(connection: socket.socket) -> None:
    assert rest(connection) == b""


@pytest.mark.parametrize("sent", [b"P", b"\r\n", b"POST / HTTP/1.1\r\n", HEAD, HEAD + b"X-Half: "])
def test_half_a_head_is_closed(connection: socket.socket, sent: bytes) -> None:
    connection.sendall(sent)
    answer = rest(connection)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")


def test_half_a_head_after_an_answer_is_closed(connection: socket.socket) -> None:
    connection.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\nGET /v2/hea")
    answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"HTTP/1.1 408 " in answer


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"Content-Length: 100\r\n\r\n",
        HEAD + b"Content-Length: 100\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
)
def test_half_a_body_is_closed(connection: socket.socket, sent: bytes) -> None:
    connection.sendall(sent)
    answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'{"error":"The request\'s body did not arrive in time."}' in answer


def test_a_body_that_drips_is_closed(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n")
    connection.settimeout(0.1)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        connection.sendall(b" ")
        with suppress(TimeoutError):
            assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
            return
    pytest.fail("it may drip for ever")


def test_an_endless_head_is_refused(connection: socket.socket) -> None:
    connection.sendall(HEAD)
    for _ in range(500):
        connection.sendall(b"X-Filler: " + b"y" * 1000 + b"\r\n")
    assert rest(connection).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(connection: socket.socket, sent: bytes) -> None:
    connection.sendall(sent)
    answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 4")
    assert b'{"error":' in answer


def test_a_body_in_an_unknown_coding_is_refused_and_nothing_behind_it_is_read(
    connection: socket.socket,
) -> None:
    hidden = b"0\r\n\r\nGET /v2 HTTP/1.1\r\nHost: x\r\n\r\n"
    connection.sendall(
        b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + hidden
    )
    answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 501 ")
    assert (answer.count(b"HTTP/1.1 "), b"connection: close" in answer) == (1, True)
    assert b"The Transfer-Encoding is 'gzip, chunked'; only chunked is taken here." in answer


def test_a_refused_body_does_not_keep_the_connection(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1e8480\r\n" + bytes(2_000_000))
    connection.sendall(b"nonsense" * 1000)
    answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_slow_clients_hold_nobody_up(server: Server) -> None:
    before = footprint(server)
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    for number, connection in enumerate(slow):
        connection.sendall(HEAD if number % 2 else HEAD + b"Content-Length: 100\r\n\r\n{")
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]}]}
    with cleartext.Client(base_url=server.url, timeout=180) as client:
        assert {client.post(INFER, json=body).status_code for _ in range(20)} == {200}
    held = footprint(server)
    assert held.processes == before.processes
    assert held.threads <= before.threads
    for connection in slow:
        connection.close()
    eventually(lambda: footprint(server).descriptors <= before.descriptors + 2, "all are let go of")
    after = footprint(server)
    assert after.memory < before.memory + GROWTH
    assert after.mappings <= before.mappings + MAPPINGS
