"""The admin port: the cluster's questions are answered there whatever clients do, and clients' are not."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from paddlemodel_server.http.worker import ADMIN_CONNECTIONS

from tests import cleartext
from tests.serving_image.support.command_line import command
from tests.serving_image.support.load import BODY, INFER, post
from tests.serving_image.support.servers import Server, eventually, metric, serving, stopped

MOST = 12  # connections of clients
METRICS = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def small(exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One HTTP worker that lets few clients in and waits for slow ones."""
    folder = tmp_path_factory.mktemp("small")
    with serving(
        exported("legacy", "mixed"),
        folder,
        name="mixed",
        max_connections=MOST,
        head_timeout_seconds=600,
        body_timeout_seconds=600,
    ) as running:
        yield running


def opened(port: int) -> "closing[socket.socket]":
    return closing(socket.create_connection(("127.0.0.1", port), timeout=180))


def answered(server: Server) -> dict[str, int]:
    """What the admin port says to the kubelet and to Prometheus, each on a new connection."""
    return {path: server.get(path)[0] for path in ("/healthz", "/readyz", "/metrics")}


ALL_WELL = {"/healthz": 200, "/readyz": 200, "/metrics": 200}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_clients_are_told_where_health_and_metrics_are(server: Server, path: str) -> None:
    answer = cleartext.get(f"{server.url}{path}")
    assert answer.status_code == 404
    assert answer.json() == {"error": f"{path} is on the admin port, {server.admin_port}, not on this one."}
    assert cleartext.get(f"{server.admin_url}{path}").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/openapi.json"),
        ("POST", "/predict"),
        ("POST", INFER),
        ("GET", "/v2/health/live"),
        ("GET", "/v2/health/ready"),
        ("GET", "/v2/models/mixed/ready"),
        ("GET", "/v1/models"),
        ("GET", "/nothing"),
    ],
)
def test_the_admin_port_has_no_route_for_clients(server: Server, method: str, path: str) -> None:
    answer = cleartext.request(
        method, f"{server.admin_url}{path}", content=BODY if method == "POST" else None
    )
    assert answer.status_code == 404
    assert answer.json() == {
        "error": "The admin port has /healthz, /readyz and /metrics; everything else is on port "
        f"{server.port}."
    }


def test_a_head_that_the_client_port_knows_means_nothing_on_the_admin_port(small: Server) -> None:
    """An HTTP worker remembers the heads of whole requests, byte for byte."""
    request = post(INFER, BODY)
    for port, status in [(small.port, b"200"), (small.port, b"200"), (small.admin_port, b"404")]:
        with opened(port) as connection:
            connection.sendall(request)
            assert connection.recv(4096).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_the_admin_port_only_tells(server: Server, method: str) -> None:
    answer = cleartext.request(method, f"{server.admin_url}/healthz")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json() == {"error": f"{method} is not possible here; use GET, HEAD."}


def test_a_head_request_has_the_headers_of_the_answer_and_no_body(server: Server) -> None:
    answer = cleartext.head(f"{server.admin_url}/healthz", headers={"X-Request-Id": "seven-7"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(b'{"live":true}'))
    assert answer.headers["x-request-id"] == "seven-7"


def test_health_is_answered_while_clients_have_all_their_connections(small: Server) -> None:
    with ExitStack() as clients, stopped(small):

        def refused() -> bool:
            for _ in range(MOST):
                clients.enter_context(opened(small.port)).sendall(post(INFER, BODY))
            return cleartext.get(f"{small.url}/v2/health/live").status_code == 503

        eventually(refused, "the client port is full")
        assert answered(small) == ALL_WELL
        assert metric(small, "paddle_inflight_requests") == MOST
    eventually(lambda: metric(small, "paddle_inflight_requests") == 0, "all is settled")


@pytest.mark.parametrize("sent", [b"", b"POST /pre", post("/predict", BODY)[:-1]], ids=["", "head", "body"])
def test_health_is_answered_while_slow_clients_sit_on_the_client_port(small: Server, sent: bytes) -> None:
    with ExitStack() as clients:
        for _ in range(3 * MOST):
            clients.enter_context(opened(small.port)).sendall(sent)
        assert answered(small) == ALL_WELL


@pytest.mark.parametrize("sent", [b"", b"GET /hea", METRICS], ids=["idle", "head", "never-reading"])
def test_the_admin_port_has_room_for_the_next_one_whatever_holds_it(small: Server, sent: bytes) -> None:
    (http_worker,) = small.http_workers()[1]

    def held() -> int:
        found = http_worker.net_connections("tcp")
        return len([c for c in found if c.status == "ESTABLISHED" and c.laddr.port == small.admin_port])

    with ExitStack() as clients:
        for _ in range(2 * ADMIN_CONNECTIONS):
            clients.enter_context(opened(small.admin_port)).sendall(sent)
        assert answered(small) == ALL_WELL
        assert cleartext.post(f"{small.url}{INFER}", content=BODY).status_code == 200
        eventually(lambda: held() <= ADMIN_CONNECTIONS, "those that sit longest are let go of")


def test_both_ports_are_counted_by_route(server: Server) -> None:
    def counted(route: str, status: int) -> float:
        return metric(server, f'paddle_requests_total{{route="{route}",status="{status}"}}')

    assert cleartext.get(f"{server.url}/v2/health/ready").status_code == 200
    assert server.get("/readyz")[0] == 200
    assert server.get("/nothing")[0] == 404
    before = counted("readiness", 200), counted("other", 404), counted("metrics", 200)
    cleartext.get(f"{server.url}/v2/health/ready")
    server.get("/readyz")
    server.get("/nothing")
    found = counted("readiness", 200), counted("other", 404), counted("metrics", 200)
    assert found[:2] == (before[0] + 2, before[1] + 1)
    assert found[2] > before[2]


def families(server: Server, host: str) -> dict[int, Any]:
    """The status of health by a host's address, on each port; None where nobody listens."""
    found: dict[int, Any] = {}
    for port, path in ((server.port, "/v2/health/live"), (server.admin_port, "/healthz")):
        try:
            found[port] = cleartext.get(f"http://{host}:{port}{path}").status_code
        except httpx.ConnectError:
            found[port] = None
    return found


@pytest.mark.parametrize("bind", ["::", "[::]"])
def test_all_addresses_are_those_of_both_families(
    exported: Callable[[str, str], Path], tmp_path: Path, bind: str
) -> None:
    with serving(exported("legacy", "mixed"), tmp_path, name="mixed", bind=bind) as server:
        both = {server.port: 200, server.admin_port: 200}
        assert (families(server, "127.0.0.1"), families(server, "[::1]")) == (both, both)
        url = f"http://[::1]:{server.port}"
        assert json.loads(command("predict", url, "--zeros", "--json"))["model_name"] == "mixed"
        (measured,) = json.loads(
            command("bench", url, "--concurrency", 1, "--duration", 0.2, "--rounds", 1, "--json")
        )
        assert measured["errors"] == {}


def test_an_address_of_one_family_is_that_address_alone(server: Server) -> None:
    assert families(server, "127.0.0.1") == {server.port: 200, server.admin_port: 200}
    assert families(server, "[::1]") == {server.port: None, server.admin_port: None}
