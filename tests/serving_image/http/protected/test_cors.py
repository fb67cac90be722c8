"""A server that asks nobody for a key, but lets pages of two origins read its answers: at every door."""

import http.client
import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from paddlemodel_server.access.cors import EXPOSED, READ

from tests.serving_image.support import servers
from tests.serving_image.support.servers import Server

INFER = "/v2/models/mixed/infer"
BODY = json.dumps(
    {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4.5]}]}
).encode()
APP, LOCAL, ELSEWHERE = "https://app.example.com", "http://localhost:3000", "https://elsewhere.example.com"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(
    exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    settings = {"allowedOrigins": [APP, LOCAL], "allowedHeaders": ["X-Mine"], "maxAgeSeconds": 5}
    with servers.serving(
        exported("pir", "mixed"),
        tmp_path_factory.mktemp("cors"),
        name="mixed",
        cors=json.dumps(settings),
        max_request_bytes=1000,
    ) as running:
        yield running


@pytest.fixture
def connection(server: Server) -> Iterator[http.client.HTTPConnection]:
    opened = http.client.HTTPConnection("127.0.0.1", server.port, timeout=180)
    yield opened
    opened.close()


def told(headers: http.client.HTTPMessage) -> dict[str, str]:
    return {
        name.lower(): text for name, text in headers.items() if name.lower().startswith("access-control-")
    }


def varies(headers: http.client.HTTPMessage) -> bool:
    return "Origin" in ", ".join(headers.get_all("Vary", [])).split(", ")


DOORS: Mapping[str, tuple[str, str, bytes | None, int]] = {
    "the model": ("POST", INFER, BODY, 200),
    "the model, once more": ("POST", INFER, BODY, 200),  # its head is remembered
    "a refused body": ("POST", INFER, b"{}", 400),
    "a body too large": ("POST", INFER, bytes(2000), 413),
    "the event loop": ("GET", "/v2/health/ready", None, 200),
    "Flask": ("GET", "/v2", None, 200),
    "the page": ("GET", "/", None, 200),
    "no route": ("GET", "/nothing", None, 404),
    "no method": ("DELETE", INFER, None, 405),
}


@pytest.mark.parametrize(("method", "path", "body", "status"), DOORS.values(), ids=DOORS)
def test_every_door_tells_browsers_which_pages_may_read(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, status: int
) -> None:
    expected = {
        APP: {"access-control-allow-origin": APP, "access-control-expose-headers": ", ".join(EXPOSED)},
        LOCAL: {"access-control-allow-origin": LOCAL, "access-control-expose-headers": ", ".join(EXPOSED)},
        ELSEWHERE: {},
        None: {},
    }
    for origin, lines in expected.items():
        for _ in range(2):  # on the same connection
            connection.request(method, path, body, JSON | ({"Origin": origin} if origin else {}))
            answer = connection.getresponse()
            answer.read()
            assert (answer.status, varies(answer.headers)) == (status, True)
            assert told(answer.headers) == lines


@pytest.mark.parametrize("path", [INFER, "/predict", "/", "/nothing"])
def test_what_a_browser_asks_ahead_is_answered_without_a_body(
    connection: http.client.HTTPConnection, path: str
) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-mine"}
    connection.request("OPTIONS", path, headers={"Origin": APP, **asks})
    answer = connection.getresponse()
    assert (answer.status, answer.read(), varies(answer.headers)) == (200, b"", True)
    assert told(answer.headers) == {
        "access-control-allow-origin": APP,
        "access-control-expose-headers": ", ".join(EXPOSED),
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": ", ".join((*READ, "X-Mine")),
        "access-control-max-age": "5",
    }
    connection.request("OPTIONS", path, headers={"Origin": ELSEWHERE, **asks})
    answer = connection.getresponse()
    answer.read()
    assert (told(answer.headers), varies(answer.headers)) == ({}, True)


def test_pipelined_requests_get_the_lines_of_their_own_origin(server: Server) -> None:
    def post(origin: str) -> bytes:
        lines = (
            f"Host: x\r\nOrigin: {origin}\r\nContent-Length: {len(BODY)}\r\nContent-Type: application/json"
        )
        return f"POST {INFER} HTTP/1.1\r\n{lines}\r\n\r\n".encode() + BODY

    ahead = f"OPTIONS / HTTP/1.1\r\nHost: x\r\nOrigin: {LOCAL}\r\nAccess-Control-Request-Method: GET\r\n\r\n"
    last = "GET /v2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=180) as sent:
        sent.sendall(post(APP) + ahead.encode() + post(ELSEWHERE) + post(LOCAL) + last.encode())
        received = b""
        while more := sent.recv(65536):
            received += more
    heads = [part.partition(b"\r\n\r\n")[0] for part in received.split(b"HTTP/1.1 ")[1:]]
    origins = [re.findall(rb"access-control-allow-origin: (\S+)", head) for head in heads]
    assert origins == [[APP.encode()], [LOCAL.encode()], [], [LOCAL.encode()], []]


def test_the_model_s_own_page_is_of_one_origin_and_needs_none_of_it(
    connection: http.client.HTTPConnection, server: Server
) -> None:
    """Browsers name the origin also where page and server have the same, and then heed no such line."""
    connection.request("POST", INFER, BODY, JSON | {"Origin": server.url})
    answer = connection.getresponse()
    assert (answer.status, bool(answer.read()), told(answer.headers)) == (200, True, {})
