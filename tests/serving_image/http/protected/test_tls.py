"""A server that speaks HTTPS: what it takes and refuses, and a certificate that is renewed under load."""

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving_image.support import servers
from tests.serving_image.support.access.certificates import Pair, pair
from tests.serving_image.support.access.mounts import mount_bytes
from tests.serving_image.support.command_line import called
from tests.serving_image.support.metric_rules import documented, shown
from tests.serving_image.support.servers import Server, eventually

INFER = "/v2/models/mixed/infer"
BODY = json.dumps(
    {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4.5]}]}
).encode()
FIRST, SECOND = pair(), pair()


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mount_bytes(tmp_path_factory.mktemp("access") / "tls", FIRST.entries)


@pytest.fixture(scope="module")
def server(
    exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory, secret: Path
) -> Iterator[Server]:
    with servers.serving(
        exported("pir", "mixed"),
        tmp_path_factory.mktemp("tls"),
        name="mixed",
        http_workers=2,
        tls_dir=secret,
        head_timeout_seconds=1,
        max_request_bytes=1_000_000,
    ) as running:
        yield running


def connect(server: Server, trusted: Pair = FIRST) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection("localhost", server.port, timeout=180, context=trusted.trusting())


def ask(connection: http.client.HTTPSConnection, body: bytes = BODY) -> tuple[int, bytes]:
    connection.request("POST", INFER, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_https_is_answered_at_every_door_and_the_cluster_s_port_is_as_ever(server: Server) -> None:
    connection = connect(server)
    for path in ("/", "/openapi.json", "/v2/health/ready", "/v2"):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
    assert [ask(connection)[0] for _ in range(5)] == [200] * 5
    connection.request("GET", "/", headers={"Accept": "text/html"})
    assert f"curl https://localhost:{server.port}/" in connection.getresponse().read().decode()
    connection.close()
    assert [server.get(path)[0] for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3


def test_a_body_that_is_too_large_is_answered(server: Server) -> None:
    """TLS cannot end one side, so the answer's length tells the client that it is whole."""
    connection = connect(server)
    connection.putrequest("POST", INFER)
    connection.putheader("Content-Length", "5000000")
    connection.endheaders(bytes(100_000))
    answer = connection.getresponse()
    assert (answer.status, b"at most" in answer.read()) == (413, True)
    connection.close()


def test_who_ends_its_side_of_tls_ends_the_connection_and_holds_nothing(server: Server) -> None:
    """asyncio has no half-closed TLS: what has not been answered by then never is."""
    head = f"POST {INFER} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    raw = socket.create_connection(("localhost", server.port), timeout=180)
    with servers.stopped(server), FIRST.trusting().wrap_socket(raw, server_hostname="localhost") as spoken:
        spoken.sendall(head + BODY)
        eventually(lambda: servers.metric(server, "paddle_inflight_requests") == 1, "it waits")
        spoken.unwrap()
        assert spoken.recv(1000) == b""
        eventually(lambda: servers.metric(server, "paddle_inflight_requests") == 0, "it is withdrawn")
    assert "eof_received" not in server.logged()  # what asyncio warns of where one tries


def test_plain_http_and_old_tls_get_nothing(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=180) as plain:
        plain.sendall(b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP" not in plain.recv(1000)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=180) as raw,
        old.wrap_socket(raw) as spoken,
    ):
        assert (spoken.version(), spoken.selected_alpn_protocol()) == ("TLSv1.3", "http/1.1")


def test_who_does_not_begin_to_speak_tls_is_cut_off(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=180) as silent:
        silent.sendall(b"\x16\x03\x01")
        assert silent.recv(1000) == b""


def test_the_commands_verify_the_certificate(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, authority, other = f"https://127.0.0.1:{server.port}", tmp_path / "ca.crt", tmp_path / "other.crt"
    authority.write_bytes(FIRST.certificate)
    other.write_bytes(SECOND.certificate)
    once = ("--duration", 0.4, "--warmup", 0, "--rounds", 5, "--concurrency", 4, "--json")
    trusting = ("--ca-file", authority, "--server-name", "localhost")
    assert "answered in" in called(capsys, "predict", url, *trusting)
    (measured,) = json.loads(called(capsys, "bench", url, *trusting, *once))
    assert (measured["errors"], max(measured["throughput"]) > 0) == ({}, True)
    refused = f"{url} has no certificate that is trusted here"
    for arguments in ((), ("--ca-file", other), ("--ca-file", authority, "--server-name", "example.com")):
        for command in ("predict", "bench"):
            assert refused in called(capsys, command, url, *arguments, code=1)


class Load(threading.Thread):
    """A client that asks over and over, on one connection; it notes what it is answered."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._connection = connect(server)
        self.statuses: list[int] = []
        self.ended = False

    def run(self) -> None:
        self._connection.connect()
        connected = self._connection.sock
        while not self.ended:
            self.statuses.append(ask(self._connection)[0])
            assert self._connection.sock is connected
        self._connection.close()


def seen(server: Server) -> int:
    """The serial of the certificate that a new connection gets."""
    der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", server.port), timeout=180))
    return next(
        one.serial for one in (FIRST, SECOND) if ssl.PEM_cert_to_DER_cert(one.certificate.decode()) == der
    )


def test_a_renewed_certificate_under_load_costs_no_answer(server: Server, secret: Path) -> None:
    loads = [Load(server) for _ in range(4)]
    for load in loads:
        load.start()
    eventually(lambda: all(len(load.statuses) > 50 for load in loads), "they are answered")
    mount_bytes(secret, SECOND.entries)
    eventually(
        lambda: {seen(server) for _ in range(20)} == {SECOND.serial}, "every HTTP worker has the new one", 30
    )
    mount_bytes(secret, {**SECOND.entries, "tls.key": FIRST.key})
    eventually(lambda: servers.metric(server, "paddle_tls_certificate_outdated") == 1, "it is told")
    new = connect(server, SECOND)  # by the new authority
    assert ask(new)[0] == 200
    new.close()
    answered = [len(load.statuses) for load in loads]
    eventually(
        lambda: all(len(load.statuses) > n + 50 for load, n in zip(loads, answered, strict=True)),
        "the old connections go on",
    )
    for load in loads:
        load.ended = True
        load.join()
    assert {status for load in loads for status in load.statuses} == {200}


def test_the_metrics_are_as_documented(server: Server) -> None:
    there = shown(server.get("/metrics")[1])
    assert {
        name: entry for name, entry in there.items() if name.startswith(("paddle_tls_", "paddle_api_"))
    } == {name: entry for name, entry in documented().items() if name.startswith("paddle_tls_")}
