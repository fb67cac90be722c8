"""A NetworkPolicy that is enforced: who is not named cannot connect, and nothing else stops working.

kube-router's firewall stands beside the nodes' bridge. Without it nobody obeys the same policy.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from devcluster.demo.play import server_image
from devcluster.neighbours import kube_router
from devcluster.neighbours.host import Host
from devcluster.nodes.node import NAME as FIRST_NODE
from devcluster.target import Target
from tests.cluster.load import NAME as CLIENTS
from tests.cluster.load import Load
from tests.cluster.manifests import NAMESPACE
from tests.neighbours.on_node.models import HERE, Model, served
from tests.operator.support.cluster import eventually

pytestmark = pytest.mark.node

Object = dict[str, Any]

MONITORING = "monitoring"
_ASK = """
import http.client, sys
address, port, path = sys.argv[1:]
connection = http.client.HTTPConnection(address, int(port), timeout=5)
try:
    connection.request("GET", path)
    print(connection.getresponse().status)
except OSError as error:
    print("nothing:", type(error).__name__)
"""


@dataclass(frozen=True)
class Asker:
    """A pod that asks."""

    target: Target
    namespace: str
    name: str

    def asks(self, address: str, port: int, path: str) -> str:
        """The status of the answer, or that it cannot connect."""
        words = ("exec", self.name, f"--namespace={self.namespace}", "--", "python3", "-c", _ASK)
        return self.target.kubectl(*words, address, str(port), path).strip()

    def is_let_in(self, address: str, port: int, path: str) -> bool:
        return self.asks(address, port, path) == "200"


@contextmanager
def asker(target: Target, namespace: str, name: str) -> Iterator[Asker]:
    container = {"name": "ask", "image": server_image(target), "command": ["sleep", "infinity"]}
    pod = {"containers": [container], "terminationGracePeriodSeconds": 0}
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": pod}
    target.apply(manifest, namespace=namespace)
    here = f"--namespace={namespace}"
    target.kubectl("wait", f"pod/{name}", here, "--for=condition=Ready", "--timeout=180s")
    yield Asker(target, namespace, name)
    target.kubectl("delete", f"pod/{name}", here, "--wait=false")


@pytest.fixture
def strict(installed: Target) -> Iterator[Target]:
    """Only one namespace may read the models' metrics."""
    values = (*installed.values, f"networkPolicies.metricsNamespaces={{{MONITORING}}}")
    target = replace(installed, values=values)
    target.install_operator()
    target.kubectl("create", "namespace", MONITORING)
    yield target
    target.kubectl("delete", "namespace", MONITORING, "--timeout=180s")
    installed.install_operator()


@pytest.fixture
def model(strict: Target, model_url: str) -> Iterator[Model]:
    spec = {
        "device": "GPU",
        "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "server": {"batching": {"maxBatchSize": 1}},
        "autoscaling": {"maxReplicas": 2, "gpuUtilization": 70},
        "access": {"network": {"from": [{"podSelector": {"matchLabels": {"app": CLIENTS}}}]}},
    }
    with served(strict, "inside", model_url, **spec) as found:
        yield found


def test_who_is_not_named_cannot_connect_and_all_else_goes_on(
    strict: Target, model: Model, host: Host
) -> None:
    door = (f"{model.name}.{NAMESPACE}", 80, "/v2")
    with asker(strict, NAMESPACE, "stranger") as stranger, asker(strict, MONITORING, "monitor") as monitor:
        assert stranger.is_let_in(*door)
        assert monitor.is_let_in(*door)
        with kube_router.running(host):
            eventually(lambda: not stranger.is_let_in(*door), 120)
            load = Load(strict, NAMESPACE, 1)
            load.start(server_image(strict), model.name, at=FIRST_NODE, pace=0.7)
            before = load.now()
            model.becomes(2)  # the adapter reads the pods, and their nodes' probes let the new one in
            assert monitor.asks(*door).startswith("nothing")
            for address in addresses(model):
                assert stranger.asks(address, 8080, "/v2").startswith("nothing")
                assert stranger.asks(address, 8081, "/metrics").startswith("nothing")
                assert monitor.asks(address, 8080, "/v2").startswith("nothing")
                assert monitor.asks(address, 8081, "/metrics") == "200"
            load.check(before, model.name)
            load.end()
            model.wait_condition("True", "Active")
        eventually(lambda: stranger.is_let_in(*door), 120)


def addresses(model: Model) -> list[str]:
    selector = f"--selector=paddlemodel.dev/model={model.name}"
    return [pod["status"]["podIP"] for pod in model.target.read("pods", HERE, selector)["items"]]
