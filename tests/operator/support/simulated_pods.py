"""Pods that only simulate: there is no kubelet, so a pod's server is a socket of the test.

It listens on 127.66.x.y:8081, and the pod's status, which a kubelet would write, says that address.
"""

import contextlib
import itertools
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from paddlemodel_api import contract
from paddlemodel_operator.base import names

from tests.operator.support.cluster import Cluster

Object = dict[str, Any]

_addresses = itertools.count(1)


def address(network: str = "127.66", port: int = contract.ADMIN_PORT) -> str:
    """One that no other simulated pod has, of another run of tests neither: all listen on the same port."""
    while True:
        number = next(_addresses)
        found = f"{network}.{number // 250}.{number % 250 + 1}"
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((found, port))
            probe.listen()
            return found


Behaviour = Callable[[socket.socket, threading.Event], None]
"""What a simulated pod does after a request's head; the event says that the test is over."""


def page(text: str) -> Behaviour:
    """Answer with a page of metrics."""
    return respond(text.encode())


def respond(body: bytes, head: str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain") -> Behaviour:
    """Answer with whatever is given."""

    def answer(client: socket.socket, _: threading.Event) -> None:
        client.sendall(f"{head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)

    return answer


def hang(_: socket.socket, over: threading.Event) -> None:
    """Take the request and say nothing."""
    over.wait()


class Together:
    """Answers from the moment on at which so many pods are asked at once, and before that nobody.

    So no scrape reads some pods before a change and some after it, however long it takes.
    """

    def __init__(self, count: int, answer: Behaviour) -> None:
        self._answer = answer
        self._all = threading.Barrier(count)
        self._lock = threading.Lock()
        self._open = False

    def __call__(self, client: socket.socket, over: threading.Event) -> None:
        """As a Behaviour; a connection that is not answered is closed."""
        if not self._open:
            try:
                self._all.wait(1.0)  # a scrape waits for two
            except threading.BrokenBarrierError:
                with self._lock:
                    if self._all.broken:
                        self._all.reset()
                return
            self._open = True
        self._answer(client, over)


class SimulatedPod:
    """A server at a pod's address, and the pod in the API that says so."""

    def __init__(
        self, behave: Behaviour | None = None, at: str | None = None, port: int = contract.ADMIN_PORT
    ) -> None:
        self.address = at or address(port=port)
        self.behave = behave or page("")
        self.heads: list[bytes] = []
        self._over = threading.Event()
        pod = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                head = b""
                while b"\r\n\r\n" not in head and (more := self.request.recv(65536)):
                    head += more
                pod.heads.append(head)
                with contextlib.suppress(OSError):  # The adapter has had enough.
                    pod.behave(self.request, pod._over)

        class Server(socketserver.ThreadingTCPServer):
            address_family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 128

        self._server = Server((self.address, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def requests(self) -> int:
        """How often it was asked."""
        return len(self.heads)

    def tell(self, **values: float | str) -> None:
        """Answer with these metrics from now on, among others as a real page has them."""
        lines = [
            f"# HELP {name} As told by a test.\n# TYPE {name} gauge\n{name} {v}\n"
            for name, v in values.items()
        ]
        self.behave = page('paddle_requests_total{route="infer",status="200"} 1.0\n' + "".join(lines))

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def pods(count: int, behave: Behaviour | None = None) -> Iterator[list[SimulatedPod]]:
    """Servers of simulated pods; `announce` makes the pods."""
    started = [SimulatedPod(behave) for _ in range(count)]
    try:
        yield started
    finally:
        for pod in started:
            pod.close()


def announce(cluster: Cluster, namespace: str, name: str, at: str, **labels: str) -> Object:
    """A running, ready pod of the model `labels["model"]` (by default `demo`) with this address."""
    model = labels.pop("model", "demo")
    metadata = {"name": name, "namespace": namespace, "labels": {**names.pod_labels(model), **labels}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": names.SERVER_CONTAINER, "image": "registry.invalid/none"}]},
    }
    answer = cluster.http.post(names.POD.collection(namespace), json=pod)
    assert answer.is_success, answer.text
    created: Object = answer.json()
    run(cluster, created, at)
    return created


def run(cluster: Cluster, pod: Object, at: str, *, ready: bool = True) -> None:
    """Play the kubelet for a pod that somebody made: it runs at an address."""
    condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": now_text()}
    status = {"phase": "Running", "podIP": at, "podIPs": [{"ip": at}], "conditions": [condition]}
    cluster.set_pod_status(pod, {**status, "startTime": now_text()})


def now_text() -> str:
    """The present as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
