"""A server that asks for keys, at each of its doors, and a rotation under load."""

import base64
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from paddlemodel_server import protocol

from tests.serving_image.support import servers
from tests.serving_image.support.access.mounts import mount
from tests.serving_image.support.command_line import called
from tests.serving_image.support.load import received, statuses
from tests.serving_image.support.metric_rules import documented, shown
from tests.serving_image.support.servers import Server, eventually

ALICE, ALICE_NEXT, BOB = "planted-alice-0123456789", "planted-alice-fedcba9876", "planted-bob-0123456789ab"
INFER = "/v2/models/mixed/infer"
BODY = json.dumps(
    {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4.5]}]}
).encode()
MISSING = "This request needs an API key: send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'."
WRONG = "The API key of this request is not valid."


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mount(tmp_path_factory.mktemp("access") / "keys", alice=ALICE, bob=BOB)


@pytest.fixture(scope="module")
def server(
    exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory, keys: Path
) -> Iterator[Server]:
    with servers.serving(
        exported("pir", "mixed"),
        tmp_path_factory.mktemp("protected"),
        name="mixed",
        http_workers=2,
        api_keys_dir=keys,
        path_prefix="/below",
        log_level="DEBUG",
    ) as running:
        yield running


def asked(
    server: Server, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=180)
    try:
        connection.request(
            method, path, body, {name.replace("_", "-"): text for name, text in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


ROUTES = [(route.method, route.path("mixed"), route.kind) for route in protocol.CLIENT_ROUTES]
OPEN = {protocol.Kind.LIVE, protocol.Kind.READY}
CLOSED = [
    *[(method, path) for method, path, kind in ROUTES if kind not in OPEN],
    *[("GET", path) for path in ("/nothing", "/metrics", "/healthz", "/below", "/below/", "//", "/%")],
    *[
        ("GET", path)
        for path in ("/v2/health/live/", "/v2/health/live/../../", "/v2/health", "//v2/health/live")
    ],
    *[("POST", path) for path in ("/v2/health/live", f"/below{INFER}", f"{INFER}?key={ALICE}", "/nothing")],
    *[(method, INFER) for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")],
]


@pytest.mark.parametrize(("method", "path"), CLOSED, ids=[f"{method} {path}" for method, path in CLOSED])
def test_nothing_answers_without_a_key(server: Server, method: str, path: str) -> None:
    """Deny by default: what is open is a list, not what is closed."""
    body = BODY if method == "POST" else None
    status, content, headers = asked(server, method, path, body)
    assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="mixed"')
    if method == "HEAD":
        assert content == b""
    elif path == "/v1/embeddings":
        fault = {"type": "invalid_request_error", "param": None, "code": "invalid_api_key"}
        assert json.loads(content) == {"error": {"message": MISSING, **fault}}
    else:
        assert json.loads(content) == {"error": MISSING}
    status, content, headers = asked(server, method, path, body, X_API_Key="wrong")
    assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="mixed", error="invalid_token"')
    assert method == "HEAD" or WRONG.encode() in content


@pytest.mark.parametrize(
    ("method", "path"), [route[:2] for route in ROUTES], ids=[" ".join(route[:2]) for route in ROUTES]
)
def test_every_route_answers_with_a_key_as_it_does_without_access(
    server: Server, method: str, path: str
) -> None:
    body = BODY if method == "POST" else None
    for prefix in ("", "/below"):
        status, _, _ = asked(server, method, prefix + path, body, Authorization=f"Bearer {ALICE}")
        assert status == {"/v1/embeddings": 404, "/v1/models/mixed:predict": 400}.get(path, 200)


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready", "/below/v2/health/ready?x=1"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_load_balancers_ask_is_open(server: Server, method: str, path: str) -> None:
    assert asked(server, method, path)[0] == 200


def test_the_cluster_s_port_asks_nobody(server: Server) -> None:
    assert [server.get(path)[0] for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3
    assert servers.metric(server, "paddle_api_keys_outdated") == 0


def test_the_metrics_are_as_documented(server: Server) -> None:
    there = shown(server.get("/metrics")[1])
    assert {name: entry for name, entry in there.items() if name.startswith("paddle_api_")} == {
        name: entry for name, entry in documented().items() if name.startswith("paddle_api_")
    }


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[[], socket.socket]]:
    with ExitStack() as closing:
        address = "127.0.0.1", server.port
        yield lambda: closing.enter_context(socket.create_connection(address, timeout=180))


def head(length: int, *lines: str) -> bytes:
    whole = [f"POST {INFER} HTTP/1.1", "Host: x", f"Content-Length: {length}", *lines, "", ""]
    return "\r\n".join(whole).encode()


def test_who_waits_for_100_continue_is_refused_before_the_body(connect: Callable[[], socket.socket]) -> None:
    refused, allowed = connect(), connect()
    refused.sendall(head(len(BODY), "Expect: 100-continue"))
    answer = received(refused)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"100 Continue" not in answer
    allowed.sendall(head(len(BODY), "Expect: 100-continue", f"X-API-Key: {BOB}"))
    assert received(allowed, 1) == b"HTTP/1.1 100 Continue\r\n\r\n"
    allowed.sendall(BODY)
    assert received(allowed, 1).startswith(b"HTTP/1.1 200 ")


def test_a_large_body_is_not_waited_for(connect: Callable[[], socket.socket]) -> None:
    """Answered at the head; then the server ends its side, so that the client sees that nobody reads on."""
    announced, chunked = connect(), connect()
    announced.sendall(head(5_000_000))
    announced.sendall(bytes(1000))
    answer = received(announced)
    assert answer.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert b"connection: close" in answer
    chunked.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    assert received(chunked)[:12] == b"HTTP/1.1 401"


def test_a_small_refused_body_keeps_the_connection_and_the_order(
    connect: Callable[[], socket.socket],
) -> None:
    with_key, without = head(len(BODY), f"X-API-Key: {BOB}") + BODY, head(len(BODY)) + BODY
    kept, in_pieces = connect(), connect()
    kept.sendall(with_key + without + with_key + without + with_key)
    assert statuses(received(kept, 5)) == [b"200", b"401", b"200", b"401", b"200"]
    kept.sendall(without)
    assert statuses(received(kept, 1)) == [b"401"]
    for piece in (without[:7], without[7:-5], without[-5:] + with_key):
        in_pieces.sendall(piece)
    assert statuses(received(in_pieces, 2)) == [b"401", b"200"]


def test_a_head_of_somebody_else_opens_nothing(connect: Callable[[], socket.socket]) -> None:
    """The same connection, first with a key and then without: nothing is remembered of a connection."""
    connection, with_key = connect(), head(len(BODY), f"X-API-Key: {BOB}") + BODY
    for request in (with_key, with_key, head(len(BODY)) + BODY):
        connection.sendall(request)
    assert statuses(received(connection, 3)) == [b"200", b"200", b"401"]


def test_browsers_are_asked_for_a_key_and_send_it_as_a_password(server: Server) -> None:
    status, _, headers = asked(server, "GET", "/", Accept="text/html")
    assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="mixed", Basic realm="mixed"')
    login = "Basic " + base64.b64encode(f"alice:{ALICE}".encode()).decode()
    status, page, _ = asked(server, "GET", "/", Accept="text/html", Authorization=login)
    assert status == 200
    command = page.decode().partition('id="curl"')[2]
    assert "curl -H &#34;Authorization: Bearer $API_KEY&#34; http://" in command


def test_the_openapi_document_says_how_to_send_a_key(server: Server) -> None:
    document = json.loads(asked(server, "GET", "/openapi.json", X_API_Key=ALICE)[1])
    assert document["security"] == [{"bearer": []}, {"header": []}, {"basic": []}]
    assert set(document["components"]["securitySchemes"]) == {"bearer", "header", "basic"}
    assert document["components"]["responses"]["Error401"]["headers"]["WWW-Authenticate"]["required"]
    operations = [
        (path, operation) for path, found in document["paths"].items() for operation in found.values()
    ]
    for path, operation in operations:
        is_open = path.startswith("/v2/health/")
        assert (operation.get("security") == [], "401" in operation["responses"]) == (is_open, not is_open)


def test_the_commands_send_a_key_from_a_file_or_a_variable(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*arguments: object, code: int = 0) -> str:
        printed = called(capsys, *arguments, code=code)
        assert "planted" not in printed
        return printed

    right, wrong, recording = (tmp_path / name for name in ("right", "wrong", "r.jsonl"))
    right.write_text(f"{ALICE}\n")
    wrong.write_text("planted-nobody-0123456789")
    once = ("--duration", 1, "--warmup", 0, "--rounds", 1, "--concurrency", 1, "--json")
    assert f"{MISSING} Give a key by --key-file FILE or in" in run("predict", server.url, code=1)
    assert "answered in" in run("predict", server.url, "--key-file", right)
    run("verify", server.url, recording, "--record", "--count", 1, "--key-file", right)
    (measured,) = json.loads(run("bench", server.url, "--key-file", right, *once))
    assert (measured["errors"], measured["throughput"][0] > 0) == ({}, True)
    monkeypatch.setenv("PADDLEMODEL_API_KEY", ALICE)
    assert json.loads(run("verify", server.url, recording, "--json"))["agrees"]
    assert f"{WRONG} The key that was sent" in run("predict", server.url, "--key-file", wrong, code=1)


class Load(threading.Thread):
    """One client that asks over and over, on connections that it keeps; it notes what it is answered."""

    def __init__(self, server: Server, key: str) -> None:
        super().__init__(daemon=True)
        self._address, self._key = ("127.0.0.1", server.port), key
        self.statuses: list[int] = []
        self.ended = False

    def run(self) -> None:
        connection = http.client.HTTPConnection(*self._address, timeout=180)
        headers = {"Content-Type": "application/json", "X-API-Key": self._key}
        while not self.ended:
            connection.request("POST", INFER, BODY, headers)
            answer = connection.getresponse()
            answer.read()
            self.statuses.append(answer.status)
        connection.close()


def test_a_rotation_under_load_refuses_nobody_wrongly(server: Server, keys: Path) -> None:
    """And takes what was removed away, also from connections on which the head was seen a thousand times."""
    loads = {key: [Load(server, key) for _ in range(2)] for key in (ALICE, BOB)}
    for load in [*loads[ALICE], *loads[BOB]]:
        load.start()
    try:
        eventually(lambda: all(len(load.statuses) > 100 for load in loads[ALICE]), "they are answered")
        mount(keys, alice=ALICE, alice__2=ALICE_NEXT, bob=BOB)
        eventually(lambda: servers.metric(server, "paddle_api_keys") == 3, "the new key is known")
        eventually(
            lambda: all(asked(server, "GET", "/v2", X_API_Key=ALICE_NEXT)[0] == 200 for _ in range(20)),
            "every HTTP worker takes it",
        )
        assert [set(load.statuses) for load in loads[ALICE]] == [{200}] * 2
        mount(keys, alice=ALICE_NEXT, bob=BOB)
        eventually(
            lambda: all(load.statuses[-1] == 401 for load in loads[ALICE]), "the old key is refused", 30
        )
        mount(keys)  # nobody is locked out by a mistake
        eventually(lambda: servers.metric(server, "paddle_api_keys_outdated") == 1, "it is told")
        assert asked(server, "GET", "/v2", X_API_Key=ALICE_NEXT)[0] == 200
    finally:
        for load in [*loads[ALICE], *loads[BOB]]:
            load.ended = True
            load.join()
        mount(keys, alice=ALICE, bob=BOB)
    assert [set(load.statuses) for load in loads[BOB]] == [{200}] * 2
    for load in loads[ALICE]:
        refused = load.statuses.index(401)
        assert (set(load.statuses[:refused]), set(load.statuses[refused:])) == ({200}, {401})
    eventually(
        lambda: all(asked(server, "GET", "/v2", X_API_Key=ALICE)[0] == 200 for _ in range(20)),
        "the old key is back",
    )


def test_no_key_is_anywhere_but_in_its_secret(server: Server) -> None:
    """Last in this file: neither in the log at DEBUG, nor in an environment, argument or answer."""
    said: list[Any] = [server.logged(), server.get("/metrics")[1]]
    said += [
        asked(server, "GET", path, X_API_Key=ALICE)[1].decode() for path in ("/", "/openapi.json", "/v2")
    ]
    for process in [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(True)]:
        said += [process.environ(), process.cmdline()]
    assert "answered" in said[0]
    assert "the API keys were renewed" in said[0]
    assert "planted" not in repr(said)
