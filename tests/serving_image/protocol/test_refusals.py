"""Heads that are refused or bent, and that the client hears of it, however much it still has to send."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from paddlemodel_server.http import head_checks

from tests.serving_image.support.load import BODY, INFER, post
from tests.serving_image.support.servers import Server, shared_scoreboard

HALF = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
LARGE = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in range(1000))


@pytest.fixture
def connection(server: Server) -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=180)) as made:
        yield made


def answer_to(connection: socket.socket, *sent: bytes) -> bytes:
    """Send everything, and then read until the server ends: neither may be cut off by a reset."""
    for part in sent:
        connection.sendall(part)
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


@pytest.mark.parametrize(
    ("sent", "status", "error"),
    [
        ([HALF, LARGE, LARGE], 431, "The request's head is too large."),
        ([HALF + LARGE[:100_000], b"\r\n\r\n"], 431, "The request's head is too large."),
        (
            [HALF + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n", LARGE],
            431,
            "The request's trailer is too large.",
        ),
        (
            [HALF + b"Connection: close\r\nContent-Length: 4000000\r\n\r\n", bytes(4_000_000)],
            413,
            "The body has 4000000 bytes; at most 1000000 are allowed.",
        ),
        (
            [b"POST /predict HTTP/1.1\r\nContent-Length: 4000000\r\n\r\n", bytes(4_000_000)],
            400,
            "A request has one header Host; this one has none.",
        ),
        (
            [HALF + b"Host: y\r\nContent-Length: 0\r\n\r\n"],
            400,
            "A request has one header Host; this one has 2.",
        ),
    ],
    ids=[
        "endless head",
        "large head",
        "trailer",
        "body",
        "no host",
        "two hosts",
    ],
)
def test_a_refusal_reaches_who_still_sends(
    connection: socket.socket, sent: list[bytes], status: int, error: str
) -> None:
    answer = answer_to(connection, *sent)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"error": error}


def test_whole_requests_do_not_count_as_the_head_of_the_next(connection: socket.socket) -> None:
    request = post(INFER, BODY + b" " * 4000)
    answer = answer_to(connection, request * 40 + HALF)
    assert answer.count(b"HTTP/1.1 200 OK") == 40
    assert answer.count(b"HTTP/1.1 408 ") == 1


def test_nobody_is_invited_to_send_a_body_twice(connection: socket.socket) -> None:
    """Whether a client that was answered early still sends its body, nobody can know."""
    answer = answer_to(
        connection, b"GET /v2 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
    )
    assert b"\r\nconnection: close\r\n" in answer


def test_an_old_client_gets_no_interim_answer(connection: socket.socket) -> None:
    request = post(INFER, BODY, "Expect: 100-continue\r\n").replace(b"HTTP/1.1", b"HTTP/1.0")
    assert answer_to(connection, request).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_declined_upgrade_changes_nothing_else(connection: socket.socket) -> None:
    offer = "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    answer = answer_to(connection, post(INFER, BODY, offer))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nconnection: close\r\n" in answer


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        ([(b"Connection", b"upgrade"), (b"Upgrade", b"h2c")], []),
        ([(b"connection", b"close, Upgrade"), (b"Host", b"x")], [b"connection: close", b"Host: x"]),
        ([(b"Connection", b"X-A"), (b"X-A", b"1")], [b"Connection: X-A", b"X-A: 1"]),
    ],
)
def test_an_offer_is_taken_out_of_a_head(lines: list[tuple[bytes, bytes]], kept: list[bytes]) -> None:
    plain = head_checks.declining(b"GET", b"/", "1.0", lines)
    assert plain == b"\r\n".join([b"GET / HTTP/1.0", *kept, b"", b""])


def test_what_was_taken_in_together_is_answered_before_the_end(
    server: Server, connection: socket.socket
) -> None:
    """Of pipelined requests only the last answer ends the connection, on either way."""
    health = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    with shared_scoreboard(server) as scoreboard:
        scoreboard.drain()
        try:
            answer = answer_to(connection, post(INFER, BODY) + health + post(INFER, BODY) + health)
        finally:
            scoreboard.resume()
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 4
    assert b"connection: close" not in answer[: answer.rindex(b"HTTP/1.1 200 OK")]
    assert b"connection: close" in answer
