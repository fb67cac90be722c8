"""The adapter's process from start to end: what it waits for, what it survives, how it ends."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from paddlemodel_api import contract
from paddlemodel_operator.registration.certificates import LIFE

from devcluster import ports
from tests.operator.support.adapters import (
    ACCOUNT,
    ROOT,
    Adapter,
    adapter_process,
    front_proxy,
    over,
)
from tests.operator.support.cluster import Cluster, eventually, token_kubeconfig
from tests.operator.support.simulated_pods import announce, pods
from tests.repository.helm import charts

pytestmark = pytest.mark.control_plane


@pytest.fixture
def adapter(cluster: Cluster, tmp_path: Path) -> Iterator[Adapter]:
    """Not started, and without a key pair."""
    result = Adapter(cluster, tmp_path)
    yield result
    result.kill()


def not_ready(adapter: Adapter, sentence: str) -> bool:
    with suppress(ConnectionError):
        answer = adapter.readiness()
        return answer.status == 503 and sentence in answer.body.decode()
    return False


def test_it_waits_for_its_key_pair(adapter: Adapter) -> None:
    """The chart makes an empty Secret, and the operator may come later."""
    adapter.start(wait=False)
    eventually(lambda: not_ready(adapter, f"there is no key pair in {adapter.tls} yet"))
    assert adapter.anonymous("/healthz", verify=False).status == 200
    assert adapter.ask(f"{ROOT}/v1beta2", verify=False).status in {200, 503}
    (adapter.tls / "tls.crt").write_text("garbage")
    (adapter.tls / "tls.key").write_text("garbage")
    eventually(lambda: not_ready(adapter, "cannot be used"))
    adapter.new_pair()
    eventually(adapter.is_ready)
    for name in ("tls.crt", "tls.key"):
        (adapter.tls / name).unlink()
    eventually(lambda: b"The key pair has gone" in adapter.log.read_bytes())
    assert adapter.is_ready()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this kernel has no IPv6")
def test_it_answers_on_both_address_families(adapter: Adapter) -> None:
    adapter.new_pair()
    adapter.start()
    for host in ("127.0.0.1", "::1"):
        connection = adapter.connect(front_proxy(adapter.cluster), host=host)
        assert over(connection, f"{ROOT}/v1beta2").status == 200
        connection.close()


def test_an_expired_key_pair_is_said(adapter: Adapter) -> None:
    adapter.new_pair(datetime.now(UTC) - LIFE - timedelta(days=1))
    adapter.start(wait=False)
    eventually(lambda: not_ready(adapter, "expired at"))
    adapter.new_pair()
    eventually(adapter.is_ready)


class Relay:
    """Stands before the API server, and can be away."""

    def __init__(self, server: str) -> None:
        self._to = urlsplit(server)
        self.port = ports.free(1)[0]
        self._sockets: list[socket.socket] = []

    def open(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self._sockets = [listener]
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection((self._to.hostname, self._to.port))
                self._sockets += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def relayed(cluster: Cluster, folder: Path) -> Iterator[tuple[Relay, Path]]:
    """A relay that is away at first, and a kubeconfig of the adapter's account that goes through it."""
    relay = Relay(cluster.server)
    kubeconfig = folder / "relayed.kubeconfig"
    token = cluster.kubectl("create", "token", ACCOUNT, "-n", charts.NAMESPACE).strip()
    token_kubeconfig(cluster, token, kubeconfig)
    config = yaml.safe_load(kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{relay.port}"
    kubeconfig.write_text(yaml.safe_dump(config))
    try:
        yield relay, kubeconfig
    finally:
        relay.close()


def test_it_survives_an_api_server_that_is_away(
    adapter: Adapter, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """At the start and later: it waits, says so, and goes on."""
    adapter.new_pair()
    with relayed(cluster, tmp_path) as (relay, kubeconfig), pods(1) as (pod,):
        announce(cluster, namespace, "demo", pod.address)
        pod.tell(paddle_gpu_utilization=7)
        adapter.start(wait=False, kubeconfig=kubeconfig, fresh_seconds="0")
        eventually(lambda: not_ready(adapter, "it is not known yet whom to trust"))
        relay.open()
        eventually(adapter.is_ready)
        assert adapter.metric(namespace, contract.GPU_METRIC).values() == {"demo": "7"}
        relay.close()
        answer = adapter.metric(namespace, contract.GPU_METRIC)
        assert (answer.status, answer.json()["reason"]) == (503, "ServiceUnavailable")
        assert f"cannot list the pods of namespace {namespace}" in answer.json()["message"]
        assert adapter.is_ready()
        assert adapter.ask(f"{ROOT}/v1beta2").status == 200
        relay.open()
        assert adapter.metric(namespace, contract.GPU_METRIC).values() == {"demo": "7"}


def test_a_lost_right_names_its_cure(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "bare", "namespace": namespace},
    }
    cluster.apply(account)
    cluster.kubectl(
        *("create", "rolebinding", namespace, "-n", "kube-system", f"--serviceaccount={namespace}:bare"),
        "--role=extension-apiserver-authentication-reader",
    )
    kubeconfig = tmp_path / "bare.kubeconfig"
    token_kubeconfig(cluster, cluster.kubectl("create", "token", "bare", "-n", namespace).strip(), kubeconfig)
    adapter = Adapter(cluster, tmp_path)
    adapter.new_pair()
    try:
        adapter.start(kubeconfig=kubeconfig)
        answer = adapter.metric(namespace, contract.GPU_METRIC)
        assert answer.status == 503
        assert "restore the RBAC of the chart" in answer.json()["message"]
    finally:
        adapter.kill()
        cluster.kubectl("delete", "rolebinding", namespace, "-n", "kube-system")


class Slow:
    """A pod whose page comes when the test lets it."""

    def __init__(self) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()

    def __call__(self, client: socket.socket, _: threading.Event) -> None:
        self.asked.set()
        self.go_on.wait()
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\npaddle_gpu_utilization 42\n")


def test_it_goes_on_while_the_service_forgets_it(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    """After a signal to end it is not ready, but questions that still come are answered."""
    with adapter_process(cluster, tmp_path, drain_seconds="5") as adapter, pods(1) as (pod,):
        pod.tell(paddle_gpu_utilization=42)
        announce(cluster, namespace, "demo", pod.address)
        adapter.terminate()
        eventually(lambda: not_ready(adapter, "the process is ending"))
        answer = adapter.metric(namespace, contract.GPU_METRIC)
        assert answer.values() == {"demo": "42"}
        assert answer.headers["connection"] == "close"
        assert adapter.wait() == 0


def test_it_ends_after_the_answer_under_way(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    slow = Slow()
    with (
        adapter_process(cluster, tmp_path) as adapter,
        pods(1, slow) as (pod,),
        ThreadPoolExecutor() as pool,
    ):
        announce(cluster, namespace, "demo", pod.address)
        late = pool.submit(adapter.metric, namespace, contract.GPU_METRIC)
        assert slow.asked.wait(30)
        adapter.terminate()
        eventually(lambda: b"Ending: " in adapter.log.read_bytes())
        slow.go_on.set()
        assert late.result().values() == {"demo": "42"}
        assert adapter.wait() == 0
        log = adapter.log.read_text()
        assert log.rstrip().endswith("Ended")
        assert "Traceback" not in log


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"bind": "everywhere"}, "PADDLEMODEL_ADAPTER_BIND='everywhere' is refused"),
        (
            {"port": "1"},
            "PADDLEMODEL_ADAPTER_PORT is not a setting; the settings are PADDLEMODEL_ADAPTER_BIND",
        ),
        ({"log_level": "LOUD"}, "PADDLEMODEL_ADAPTER_LOG_LEVEL='LOUD' is refused"),
    ],
)
def test_a_wrong_setting_is_one_sentence(adapter: Adapter, settings: dict[str, str], sentence: str) -> None:
    adapter.start(wait=False, kubeconfig=None, **settings)
    assert adapter.wait() == 2
    assert adapter.log.read_text().startswith(f"metrics-adapter: {sentence}")
    assert "Traceback" not in adapter.log.read_text()
