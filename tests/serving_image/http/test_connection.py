"""One client's connection: requests in order, on either way; and clients that leave, or never read."""

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from paddlemodel_server.http.connection import MAX_PIPELINED

from tests import cleartext
from tests.serving_image.support.servers import UNMEASURED, Server, eventually, serving, stopped

INFER = "/v2/models/mixed/infer"
SLOW = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}
MOST = 12


def opened(server: Server) -> "closing[socket.socket]":
    return closing(socket.create_connection(("127.0.0.1", server.port), timeout=180))


def head(path: str, body: bytes, *more: str, kind: str = "application/json") -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def infer(identity: str, value: float) -> bytes:
    entry = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [value, value]}
    body = json.dumps({"id": identity, "inputs": [entry]}).encode()
    return head(INFER, body) + body


class Answers:
    """Reads the answers of a connection one by one."""

    def __init__(self, connection: socket.socket) -> None:
        self._file = connection.makefile("rb")

    def next(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body; status 0 at the end of the connection."""
        first = self._file.readline()
        if not first:
            return 0, {}, b""
        headers = {}
        while (line := self._file.readline().decode().strip()) != "":
            name, _, value = line.partition(": ")
            headers[name] = value
        return int(first.split()[1]), headers, self._file.read(int(headers.get("content-length", 0)))


def test_pipelined_requests_are_answered_in_order_on_either_way(server: Server) -> None:
    with opened(server) as connection:
        asked = b""
        for number in range(10):
            asked += infer(str(number), number) + b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
            asked += b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n" + head("/predict", b"")
        connection.sendall(asked)
        answers = Answers(connection)
        for number in range(10):
            status, _, body = answers.next()
            answer = json.loads(body)
            assert (status, answer["id"]) == (200, str(number))
            assert answer["outputs"][0]["data"] == [2 * number + 1] * 2
            assert answers.next()[2] == b'{"live":true}'
            assert json.loads(answers.next()[2])["name"] == "paddlemodel-server"
            assert answers.next()[0] == 400


def test_a_pipelined_request_may_arrive_in_parts(server: Server) -> None:
    first, second = infer("1", 1), infer("2", 2)
    with opened(server) as connection:
        answers = Answers(connection)
        connection.sendall(first + second[:-5])
        assert json.loads(answers.next()[2])["id"] == "1"
        connection.sendall(second[-5:])
        assert json.loads(answers.next()[2])["id"] == "2"
        connection.sendall(first + second[:-5])
        assert json.loads(answers.next()[2])["id"] == "1"
        status, _, body = answers.next()
        assert (status, json.loads(body)["error"]) == (408, "The request's body did not arrive in time.")


def test_too_many_pipelined_requests_end_the_connection_in_order(server: Server) -> None:
    requests = [infer(str(number), number) for number in range(MAX_PIPELINED + 40)]
    with opened(server) as connection:
        with stopped(server):  # the HTTP worker reads no further, and then the others at once
            connection.sendall(b"".join(requests[:2]))
            eventually(lambda: counted(server, "paddle_inflight_requests") == 1, "the first one waits")
            connection.sendall(b"".join(requests[2:]))
        answers = Answers(connection)
        answered = 0
        while (answer := answers.next())[0] == 200:
            assert json.loads(answer[2])["id"] == str(answered)
            answered += 1
        assert answered > MAX_PIPELINED
        assert (answer[0], answer[1]["connection"], answer[1]["retry-after"]) == (429, "close", "1")
        assert answers.next()[0] == 0


def test_what_is_no_http_is_refused_after_the_answers_before_it(server: Server) -> None:
    with opened(server) as connection:
        connection.sendall(infer("1", 1) + infer("2", 2) + b"nonsense\r\n\r\n" + infer("3", 3))
        answers = Answers(connection)
        assert json.loads(answers.next()[2])["id"] == "1"
        assert json.loads(answers.next()[2])["id"] == "2"
        status, headers, body = answers.next()
        assert (status, headers["connection"]) == (400, "close")
        assert json.loads(body) == {"error": "The request is not valid HTTP."}
        assert answers.next()[0] == 0


def test_a_body_is_invited_only_where_it_is_wanted(server: Server) -> None:
    request = infer("1", 1)
    body = request.partition(b"\r\n\r\n")[2]
    with opened(server) as connection:
        connection.sendall(head(INFER, body, "Expect: 100-continue"))
        answers = Answers(connection)
        assert answers.next()[0] == 100
        connection.sendall(body)
        assert answers.next()[0] == 200
        connection.sendall(head(INFER, b"x" * 2_000_000, "Expect: 100-continue"))
        status, headers, _ = answers.next()
        assert (status, headers["connection"]) == (413, "close")
        assert answers.next()[0] == 0


def test_an_offered_upgrade_is_declined_by_answering(server: Server) -> None:
    """Java's client offers HTTP/2 with its first request."""
    body = infer("1", 1).partition(b"\r\n\r\n")[2]
    offer = (
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQBAAAAAAIAAAAA",
    )
    with opened(server) as connection:
        answers = Answers(connection)
        connection.sendall(head(INFER, body, *offer) + body)
        assert json.loads(answers.next()[2])["id"] == "1"
        connection.sendall(infer("2", 2))
        assert json.loads(answers.next()[2])["id"] == "2"


@pytest.mark.parametrize("path", [f"{INFER}?x=1", "/v2/models/mixe%64/infer", f"http://x{INFER}"])
def test_the_path_counts_not_how_it_is_written(server: Server, path: str) -> None:
    body = infer("1", 1).partition(b"\r\n\r\n")[2]
    with opened(server) as connection:
        connection.sendall(head(path, body) + body)
        assert json.loads(Answers(connection).next()[2])["id"] == "1"


def test_a_client_that_does_not_read_is_cut_off(server: Server) -> None:
    floats = b"\x11\x22\x33\x3f" * 240_000  # as JSON some four times as long
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(3)
        connection.connect(("127.0.0.1", server.port))
        request = head("/predict", floats, "X-Tensor-Shape: 1,240000", kind="application/octet-stream")
        with contextlib.suppress(TimeoutError, ConnectionError):
            for _ in range(12):  # their answers are more than the kernel keeps for us
                connection.sendall(request + floats)
        ours = connection.getsockname()[1]

        def open_at_the_server() -> bool:
            found = psutil.net_connections("tcp")
            return any(
                c.raddr and c.raddr.port == ours and c.pid and c.status == "ESTABLISHED" for c in found
            )

        eventually(lambda: not open_at_the_server(), "the connection is given up")
        received = b""
        try:
            while data := connection.recv(1 << 20):
                received += data
        except ConnectionError:
            pass
        assert received.startswith(b"HTTP/1.1 200 OK\r\n")
        assert received.count(b"HTTP/1.1 200 OK") < 12
    assert cleartext.get(f"{server.admin_url}/readyz").status_code == 200


@pytest.fixture(scope="module")
def slow(exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A model of a good part of a second, one row at a time, behind an HTTP worker with few connections."""
    folder = tmp_path_factory.mktemp("slow")
    with serving(
        exported("legacy", "slow"), folder, name="slow", max_connections=MOST, **UNMEASURED
    ) as running:
        yield running


def counted(server: Server, name: str) -> float:
    lines = cleartext.get(f"{server.admin_url}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def post(server: Server, **options: Any) -> httpx.Response:
    return cleartext.post(f"{server.url}/predict", json=SLOW, timeout=180, **options)


def test_a_client_may_shorten_its_deadline(slow: Server) -> None:
    before = counted(slow, "paddle_batch_rows_count")
    with ThreadPoolExecutor(1) as pool:
        with stopped(slow):
            first = pool.submit(post, slow)
            eventually(lambda: counted(slow, "paddle_inflight_requests") == 1, "it waits for the worker")
            late = post(slow, headers={"X-Request-Timeout": "0.02"})
            assert late.status_code == 504
            assert late.json() == {"error": "The request was not answered within 0.02 seconds."}
        assert first.result().status_code == 200
    assert post(slow).status_code == 200
    assert counted(slow, "paddle_batch_rows_count") == before + 2  # the late one never ran


def test_the_work_of_clients_that_leave_is_dropped(slow: Server) -> None:
    before = counted(slow, "paddle_batch_rows_count")
    gone = 'paddle_requests_total{route="predict",status="499"}'
    left = counted(slow, gone)
    body = json.dumps(SLOW).encode()
    with ThreadPoolExecutor(1) as pool, ExitStack() as leaving:
        with stopped(slow):
            stays = pool.submit(post, slow)
            for _ in range(4):
                leaving.enter_context(opened(slow)).sendall(head("/predict", body) + body)
            eventually(lambda: counted(slow, "paddle_inflight_requests") == 5, "all have arrived")
            leaving.close()
            eventually(lambda: counted(slow, gone) == left + 4, "their leaving is noticed")
        assert stays.result().status_code == 200
    assert post(slow).status_code == 200
    assert counted(slow, "paddle_batch_rows_count") == before + 2


def test_a_crowd_of_idle_connections_gives_way(slow: Server) -> None:
    with ExitStack() as clients:
        held = [clients.enter_context(opened(slow)) for _ in range(3 * MOST)]
        assert cleartext.get(f"{slow.admin_url}/healthz").status_code == 200
        assert post(slow).status_code == 200
        for connection in held:
            connection.setblocking(False)
        eventually(lambda: sum(map(ended, held)) >= 2 * MOST, "most of them are closed")


def test_where_all_wait_for_us_a_newcomer_is_told_to_come_back(slow: Server) -> None:
    body = json.dumps(SLOW).encode()
    with ExitStack() as clients, stopped(slow):

        def refused() -> tuple[int, dict[str, str], bytes] | None:
            clients.enter_context(opened(slow)).sendall(head("/predict", body) + body)
            with opened(slow) as newcomer:
                newcomer.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    return Answers(newcomer).next()
            return None

        status, headers, _ = eventually(refused, "there are as many as may be")
        assert (status, headers["connection"], headers["retry-after"]) == (503, "close", "1")


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(b"POST /predict HTTP/1.1\r\n\r\n", id="no Host"),
        pytest.param(
            b"POST /predict HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 9\r\n\r\n", id="two Hosts"
        ),
    ],
)
@pytest.mark.parametrize("rest", [b"\x00\x01garbage", b"\r\n\r\nGET x y z\r\n\r\n", b"POST"])
def test_what_follows_a_refused_head_in_the_same_read_is_answered_by_nothing(
    server: Server, refused: bytes, rest: bytes
) -> None:
    before = len(server.logged())
    with socket.create_connection(("127.0.0.1", server.port), timeout=180) as connection:
        connection.sendall(refused + rest)
        received = b""
        while part := connection.recv(4096):
            received += part
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1 ") == 1
    assert '"trace"' not in server.logged()[before:]
