"""Hostile questions to the metrics adapter, and hostile pods: the real process before the real API server."""

import contextlib
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.cluster import scrape
from paddlemodel_operator.metrics_adapter.connections import DEFAULT_LIMITS as LIMITS
from paddlemodel_operator.metrics_adapter.log import Limiter

from tests.operator.support.adapters import ROOT, Adapter, adapter_process, front_proxy, over
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.simulated_pods import Behaviour, SimulatedPod, announce, hang, page, respond
from tests.repository.helm.charts import ADAPTER, one, render

pytestmark = pytest.mark.control_plane

GPU = contract.GPU_METRIC


@pytest.fixture(scope="module")
def adapter(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adapter]:
    with adapter_process(cluster, tmp_path_factory.mktemp("adapter"), fresh_seconds="0") as result:
        yield result


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(f"namespaces/x%3Flimit=1%26y=/pods/%2A/{GPU}", id="a query in the namespace"),
        pytest.param(f"namespaces/a%2F..%2F..%2Fsecrets/pods/%2A/{GPU}", id="a path in the namespace"),
        pytest.param(f"namespaces/%2E%2E/pods/%2A/{GPU}", id="dots as the namespace"),
        pytest.param(f"namespaces/a%00/pods/%2A/{GPU}", id="a zero byte in the namespace"),
        pytest.param(f"namespaces/a%0d%0aX-A:%20b/pods/%2A/{GPU}", id="a header in the namespace"),
        pytest.param(f"namespaces/{'a' * 64}/pods/%2A/{GPU}", id="a namespace that is too long"),
        pytest.param(f"namespaces/DEFAULT/pods/%2A/{GPU}", id="capitals in the namespace"),
        pytest.param(f"namespaces/a%25/pods/%2A/{GPU}", id="a percent sign in the namespace"),
        pytest.param(f"namespaces/default/pods/%252A/{GPU}", id="a star encoded twice"),
        pytest.param(f"namespaces/default/pods/a%2Cstatus.phase%3DPending/{GPU}", id="a field in the pod"),
        pytest.param(f"namespaces/default/pods/{'a' * 254}/{GPU}", id="a pod's name that is too long"),
        pytest.param(f"namespaces/default/pods/%ff/{GPU}", id="no UTF-8"),
        pytest.param("namespaces/default/pods/%2A/a%7Bb%7D", id="a selector in the metric"),
        pytest.param(f"namespaces/default/pods/%2A/{GPU}?metricLabelSelector=a%3Db", id="a metric's labels"),
        pytest.param(f"namespaces/default/pods/%2A/{GPU}?limit=1", id="an unknown parameter"),
        pytest.param(f"namespaces/default/pods/%2A/{GPU}?labelSelector=a&labelSelector=b", id="twice"),
        pytest.param(f"namespaces/default/pods/%2A/{GPU}?labelSelector=%0a", id="a line in the selector"),
        pytest.param(f"namespaces/default/pods/%2A/{GPU}?labelSelector=%3D%3D", id="no selector"),
        pytest.param(f"namespaces/default/pods/%2A/{GPU}?labelSelector={'a' * 4097}", id="a long selector"),
    ],
)
def test_what_is_no_name_reaches_nobody(adapter: Adapter, target: str) -> None:
    """The first one made the adapter, in its first version, ask the API server for something else."""
    answer = adapter.ask(f"{ROOT}/v1beta2/{target}")
    assert (answer.status, answer.json()["reason"]) == (400, "BadRequest")
    assert answer.json()["kind"] == "Status"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (f"{ROOT}/v1beta2/namespaces/default/pods/%2A/container_cpu_usage", 404),
        (f"{ROOT}/v1beta2/namespaces/default/services/%2A/{GPU}", 404),
        (f"{ROOT}/v1beta2/nodes/%2A/{GPU}", 404),
        (f"{ROOT}/v1beta2/namespaces/default/metrics/{GPU}", 404),
        (f"{ROOT}/v1/namespaces/default/pods/%2A/{GPU}", 404),
        ("/api/v1/namespaces/kube-system/secrets", 404),
        ("/openapi/v2", 404),
        ("/openapi/v3", 404),
        ("/metrics", 404),
        ("//apis", 404),
        ("/apis/", 404),
        (f"{ROOT}/../{names.CUSTOM_METRICS_GROUP}/v1beta2", 404),
        (f"https://elsewhere.invalid{ROOT}/v1beta2", 404),
    ],
)
def test_what_is_not_here_is_a_status(adapter: Adapter, target: str, status: int) -> None:
    answer = adapter.ask(target)
    assert (answer.status, answer.json()["kind"], answer.json()["code"]) == (status, "Status", status)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"])
def test_metrics_can_only_be_read(adapter: Adapter, method: str) -> None:
    answer = adapter.ask(f"{ROOT}/v1beta2", method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET")
    # What follows it would be no HTTP any more.
    assert adapter.ask(f"{ROOT}/v1beta2", method="CONNECT").headers["connection"] == "close"


def test_a_question_has_no_body(adapter: Adapter) -> None:
    answer = adapter.ask(f"{ROOT}/v1beta2", body=b"{}")
    assert (answer.status, answer.headers["connection"]) == (413, "close")


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", id="a long field"),
        pytest.param(b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", id="a long target"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 1000 + b"\r\n", id="many fields"),
        pytest.param(b"GET / HTTP/1.1\r\nA\x00: b\r\n\r\n", id="a zero byte"),
        pytest.param(
            b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", id="two lengths"
        ),
        pytest.param(b"\x00\x01\x02garbage\r\n\r\n", id="garbage"),
    ],
)
def test_a_wrong_head_is_refused_and_the_connection_closed(
    adapter: Adapter, cluster: Cluster, head: bytes
) -> None:
    with contextlib.closing(adapter.connect(front_proxy(cluster))) as connection:
        assert connection.sock is not None
        connection.sock.sendall(head)
        answer = b""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while more := connection.sock.recv(65536):
                answer += more
        assert b" 400 " in answer.split(b"\r\n")[0]


def test_who_floods_the_port_does_not_keep_others_out(adapter: Adapter) -> None:
    """Connections that say nothing are limited per address, and end by themselves."""
    before = adapter.log.stat().st_size
    silent = [
        socket.create_connection(("127.0.0.1", adapter.port), source_address=("127.66.255.1", 0))
        for _ in range(LIMITS.per_address + 20)
    ]
    try:
        eventually(lambda: b"Too many connections" in adapter.log.read_bytes()[before:])
        assert adapter.ask(f"{ROOT}/v1beta2").status == 200
        eventually(lambda: silent[0].recv(1) == b"")
    finally:
        for one in silent:
            one.close()
    assert adapter.is_ready()


def test_unverified_clients_that_take_all_places_keep_nobody_out(adapter: Adapter) -> None:
    """From several pods, not even with a handshake: the API server is let in, and memory has an end."""
    before = adapter.log.stat().st_size
    silent: list[socket.socket] = []
    try:
        for number in range(LIMITS.connections + 20):
            address = f"127.66.254.{number % 4 + 1}"
            silent.append(socket.create_connection(("127.0.0.1", adapter.port), source_address=(address, 0)))
        eventually(lambda: b"closing the oldest of an unverified client" in adapter.log.read_bytes()[before:])
        assert adapter.ask(f"{ROOT}/v1beta2").status == 200
        limit = one(render(), "Deployment", ADAPTER)["spec"]["template"]["spec"]["containers"][0]["resources"]
        assert limit["limits"]["memory"] == "192Mi"
        assert adapter.process.memory_info().rss < 192 << 20
    finally:
        for socket_ in silent:
            socket_.close()
    assert adapter.is_ready()


def endless(client: socket.socket, over: threading.Event) -> None:
    """Without a length, and without an end."""
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not over.is_set():
        client.sendall(b"a" * 65536)


def drip(client: socket.socket, over: threading.Event) -> None:
    """A byte now and then: never silent for long, and never done."""
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not over.wait(0.05):
        client.sendall(b"a")


def raw(text: bytes) -> Behaviour:
    """These bytes, and the end."""

    def answer(client: socket.socket, _: threading.Event) -> None:
        client.sendall(text)

    return answer


GOOD = f"{GPU} 50\n".encode()
EXPLODED = b"".join(f'a{{l="{number}"}} 1\n'.encode() for number in range(100_000))

HOSTILE = {
    "hangs": hang,
    "never ends": endless,
    "drips": drip,
    "closes": raw(b""),
    "says garbage": raw(b"\x00\xff" * 100),
    "has a head without an end": raw(b"HTTP/1.1 200 OK\r\nA: " + b"a" * 100_000),
    "answers with 500": respond(GOOD, "HTTP/1.1 500 Internal Server Error"),
    "redirects": respond(GOOD, "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest"),
    "is huge": respond(GOOD + b"a" * scrape.MAX_BYTES),
    "explodes its labels": respond(EXPLODED + GOOD),
    "compresses a bomb": respond(
        gzip.compress(GOOD + b"\n" * 50_000_000), "HTTP/1.1 200 OK\r\nContent-Encoding: gzip"
    ),
    "ends too early": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + GOOD),
    "is cut in a number": respond(GOOD[:-1]),
    "tells it twice": respond(GOOD + GOOD),
    "tells NaN": page(f"{GPU} NaN\n"),
    "tells infinity": page(f"{GPU} +Inf\n"),
    "tells less than nothing": page(f"{GPU} -1\n"),
    "tells more than there is": page(f"{GPU} 1e300\n"),
    "tells it with labels": page(f'{GPU}{{gpu="0"}} 50\n'),
    "tells it in a comment": page(f"# {GPU} 50\n"),
    "tells no number": page(f"{GPU} abc\n{GPU}x 50\n x{GPU} 50\n"),
}


def test_no_pod_harms_another(adapter: Adapter, cluster: Cluster, namespace: str) -> None:
    """All at the same time, beside one that is well: only its value is told, and nothing grows."""
    adapter.metric(namespace, GPU)
    files, memory = adapter.process.num_fds(), adapter.process.memory_info().rss
    with contextlib.ExitStack() as stack:
        started = []
        for number, behave in enumerate([*HOSTILE.values(), page(GOOD.decode())]):
            pod = SimulatedPod(behave)
            stack.callback(pod.close)
            announce(cluster, namespace, f"pod-{number}", pod.address)
            started.append(pod)
        announce(cluster, namespace, "nobody-there", "127.66.255.254")
        announce(cluster, namespace, "link-local", "169.254.169.254")
        for _ in range(3):
            assert adapter.metric(namespace, GPU).values() == {f"pod-{len(HOSTILE)}": "50"}
        # A pod that just closes is asked once more each time.
        assert all(pod.requests in {3, 6} for pod in started), [pod.requests for pod in started]
        head = started[-1].heads[0].lower()
        assert head.startswith(b"get /metrics http/1.1\r\n")
        assert b"authorization" not in head
        assert b"cookie" not in head
        for number in range(len(HOSTILE)):
            answer = adapter.metric(namespace, GPU, pod=f"pod-{number}")
            assert (answer.status, answer.json()["reason"]) == (404, "NotFound"), list(HOSTILE)[number]
    eventually(lambda: adapter.process.num_fds() <= files + 1)
    assert adapter.process.memory_info().rss - memory < 30_000_000
    assert adapter.is_ready()


def test_a_log_is_no_flood_and_no_forgery(adapter: Adapter) -> None:
    """Two places in the source, each with ten lines a period."""
    before, began = adapter.log.stat().st_size, time.monotonic()
    for _ in range(50):
        adapter.ask(f"{ROOT}/v1beta2/namespaces/a%0AForged/pods/%2A/{GPU}")
        adapter.anonymous(f"{ROOT}/v1beta2", headers={"Authorization": "Bearer secret"})
    lines = adapter.log.read_bytes()[before:].decode().splitlines()
    periods = 2 + (time.monotonic() - began) // Limiter.SECONDS
    assert 0 < len(lines) <= 2 * Limiter.EVENTS * periods
    assert not [line for line in lines if line.startswith("Forged") or "secret" in line]


def test_many_questions_over_one_connection(adapter: Adapter, cluster: Cluster, namespace: str) -> None:
    with contextlib.closing(adapter.connect(front_proxy(cluster))) as connection:
        target = f"{ROOT}/v1beta2/namespaces/{namespace}/pods/%2A/{GPU}"
        assert [over(connection, target).status for _ in range(100)] == [200] * 100
