"""An API server that fails in many ways: afterwards all is as if it had not, and it was not flooded."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import from_body
from paddlemodel_operator.cluster.drift import is_applied
from paddlemodel_operator.render import render
from paddlemodel_operator.settings import Settings

from tests.operator.support.cluster import CHILDREN, Cluster, eventually
from tests.operator.support.manifests import manifest
from tests.operator.support.process import Operator
from tests.operator.support.proxy.fault_proxy import Fault, FaultProxy, Rule

pytestmark = [pytest.mark.control_plane, pytest.mark.slow]

Object = dict[str, Any]

FIELDS: Object = {
    "autoscaling": {"maxReplicas": 3},
    "ingress": {"host": "a.example.com"},
    "access": {"network": {"from": [{"podSelector": {"matchLabels": {"app": "client"}}}]}},
}
MADE = [kind for kind in CHILDREN if kind != names.CRON_JOB]
WRITES = len(MADE) + 2
"""Of a model with these children: each, a status and an Event; further statuses follow the controllers."""

WATCHES = len(names.WATCHED_KINDS)


@pytest.fixture(scope="module")
def proxy(cluster: Cluster) -> Iterator[FaultProxy]:
    with FaultProxy(cluster).running() as found:
        yield found


@pytest.fixture(scope="module")
def behind(
    cluster: Cluster, operator: Operator, proxy: FaultProxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operator]:
    """An operator behind the proxy, alone."""
    operator.stop()
    result = Operator(cluster, tmp_path_factory.mktemp("behind"), server=proxy.url)
    result.start(request_timeout_seconds="2")
    yield result
    result.kill()
    operator.start()


@pytest.fixture(autouse=True)
def healthy(proxy: FaultProxy) -> Iterator[None]:
    yield
    proxy.rule = lambda *_: None
    proxy.frozen = False


def is_write(method: str, path: str, namespace: str) -> bool:
    return method in {"PATCH", "POST", "DELETE"} and f"/namespaces/{namespace}/" in path


def first(count: int, fault: Fault, namespace: str) -> Callable[[str, str], Fault | None]:
    """So many writes in a namespace fail, and no others."""
    left = iter(range(count))

    def rule(method: str, path: str) -> Fault | None:
        return fault if is_write(method, path, namespace) and next(left, None) is not None else None

    return rule


def whole(cluster: Cluster, namespace: str, name: str = "resnet50") -> bool:
    """All children are there, once, as they were first written; the status is about the newest spec."""
    model = cluster.need(names.MODEL, namespace, name)
    assert model.get("status", {}).get("observedGeneration") == model["metadata"]["generation"]
    assert cluster.ready_reason(namespace, name) == "Progressing"
    for kind in MADE:
        owners = [child["metadata"]["ownerReferences"][0]["uid"] for child in cluster.all(kind, namespace)]
        assert owners == [model["metadata"]["uid"]]
    assert cluster.need(names.DEPLOYMENT, namespace, name)["metadata"]["generation"] == 1
    return True


FAULTS = {
    "429 with Retry-After": (20, Fault(429, headers={"Retry-After": "1"})),
    "429 without": (4, Fault(429)),
    "500": (10, Fault(500)),
    "504": (10, Fault(504)),
    "a page of HTML": (10, Fault(502, body=b"<html>", headers={"Content-Type": "text/html"})),
    "no answer": (3, Fault(hang=True)),
    "an answer that breaks off": (8, Fault(cut=True)),
}


@pytest.mark.parametrize(("count", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_model_is_made_through_it(
    cluster: Cluster, behind: Operator, proxy: FaultProxy, namespace: str, count: int, fault: Fault
) -> None:
    proxy.rule = first(count, fault, namespace)
    start = len(proxy.seen)
    cluster.apply(manifest(namespace, **FIELDS))
    eventually(lambda: whole(cluster, namespace) and behind.is_idle())
    seen = [one for one in proxy.seen[start:] if f"/namespaces/{namespace}/" in one]
    # Each failed write again, a look at what is there, and some more statuses.
    assert len(seen) <= 3 * count + 4 * WRITES, seen


def test_a_server_that_asks_for_fewer_requests_gets_fewer(
    cluster: Cluster, behind: Operator, proxy: FaultProxy, namespace: str
) -> None:
    """Twenty models wait together: one of the eight workers each is refused, then nobody asks for 5 s."""
    refused = Fault(429, headers={"Retry-After": "5"})
    proxy.rule = first(8, refused, namespace)
    start = len(proxy.seen)
    cluster.apply(*(manifest(namespace, f"m-{number}") for number in range(20)))
    eventually(lambda: len(cluster.all(names.DEPLOYMENT, namespace)) == 20 and behind.is_idle())
    seen = [one for one in proxy.seen[start:] if f"/namespaces/{namespace}/" in one]
    looks = [one for one in seen if one.startswith("GET")]
    assert len(looks) == 0
    assert len(seen) <= 8 + 20 * 8


def test_dead_watches_are_noticed(
    cluster: Cluster, behind: Operator, proxy: FaultProxy, namespace: str
) -> None:
    """Their connections stay open, and nothing comes: neither of a model nor of a child."""
    cluster.apply(manifest(namespace, **FIELDS))
    eventually(lambda: whole(cluster, namespace) and behind.is_idle())
    proxy.frozen = True
    cluster.apply(manifest(namespace, "late"))
    cluster.kubectl("delete", "service", "resnet50", "-n", namespace)
    opened = proxy.watches
    eventually(lambda: proxy.watches >= opened + WATCHES)  # Every kind has given up its connection.
    proxy.frozen = False
    eventually(lambda: cluster.get(names.DEPLOYMENT, namespace, "late"))
    eventually(lambda: cluster.get(names.SERVICE, namespace, "resnet50"))
    assert behind.health()["complaints"] == []


def test_a_place_that_is_too_old_costs_a_list(
    cluster: Cluster, behind: Operator, proxy: FaultProxy, namespace: str
) -> None:
    gone = Fault(410, b'{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}')
    refused: list[str] = []

    def rule(_: str, path: str) -> Fault | None:
        if path != "/watch" or len(refused) == WATCHES:
            return None
        refused.append(path)
        return gone

    proxy.rule = rule
    eventually(lambda: len(refused) == WATCHES)
    cluster.apply(manifest(namespace, **FIELDS))
    eventually(lambda: behind.revive() and whole(cluster, namespace) and behind.is_idle())


@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_a_kill_after_any_write_of_a_creation(
    cluster: Cluster, behind: Operator, proxy: FaultProxy, namespace: str, number: int
) -> None:
    """The server has done it, and the operator never learns it."""
    writes = iter(range(1, 1000))

    def rule(method: str, path: str) -> Fault | None:
        last = is_write(method, path, namespace) and next(writes) == number
        return Fault(cut=True, then=behind.kill) if last else None

    proxy.rule = rule
    cluster.apply(manifest(namespace, **FIELDS))
    eventually(lambda: not behind.is_running)
    behind.start(wait=False, request_timeout_seconds="2")
    eventually(lambda: whole(cluster, namespace) and behind.is_idle())
    regarding = [event["regarding"]["kind"] for event in cluster.all(names.EVENT, namespace)]
    assert regarding.count("PaddleModel") <= 1


CHANGED: Object = {
    "replicas": 3,
    "ingress": {"host": "b.example.com"},
    "server": {"queueSize": 9},
    "service": {"port": 9000},
    "access": {"network": {"from": [{"podSelector": {}}]}},
}
"""Each child of FIELDS is changed or deleted; on the way back a Deployment is handed to an autoscaler."""


def is_as_written(cluster: Cluster, namespace: str) -> bool:
    """Every child is what the spec says, none is left of another one, and no pod was given up on the way."""
    model = cluster.need(names.MODEL, namespace, "resnet50")
    assert model["status"]["observedGeneration"] == model["metadata"]["generation"]
    desired = render(from_body(model), Settings())
    live = {
        names.ChildKey(kind, child["metadata"]["name"]): child
        for kind in MADE
        for child in cluster.all(kind, namespace)
    }
    assert live.keys() == desired.keys()
    assert all(is_applied(wanted, live[child]) for child, wanted in desired.items())
    replicas = live[names.ChildKey(names.DEPLOYMENT, "resnet50")]["spec"]["replicas"]
    assert replicas == 3 or model["metadata"]["generation"] == 1
    return True


def kill_after(number: int, behind: Operator, namespace: str, killed: list[str]) -> Rule:
    """Once the server has done so many writes in a namespace, before the operator learns of the last."""
    writes = iter(range(1, 1000))

    def rule(method: str, path: str) -> Fault | None:
        if killed or not is_write(method, path, namespace) or next(writes) != number:
            return None
        killed.append(f"{method} {path}")
        return Fault(cut=True, then=behind.kill)

    return rule


def test_a_kill_after_any_write_of_a_change(
    cluster: Cluster, behind: Operator, proxy: FaultProxy, namespace: str
) -> None:
    """There and back, killed one write later each time, until neither way has so many."""
    cluster.apply(manifest(namespace, **FIELDS))
    eventually(lambda: whole(cluster, namespace) and behind.is_idle())
    kills: list[str] = []
    for number in range(1, 30):
        before = len(kills)
        for fields in (CHANGED, FIELDS):
            killed: list[str] = []
            proxy.rule = kill_after(number, behind, namespace, killed)
            cluster.apply(manifest(namespace, **fields))
            eventually(lambda: killed or (is_as_written(cluster, namespace) and behind.is_idle()))  # noqa: B023
            if killed:
                kills += killed
                eventually(lambda: not behind.is_running)
                behind.start(wait=False, request_timeout_seconds="2")
            eventually(lambda: is_as_written(cluster, namespace) and behind.is_idle())
        if len(kills) == before:
            break
    assert {kill.split()[0] for kill in kills} == {"DELETE", "PATCH"}
    assert {"services", "deployments", "horizontalpodautoscalers", "ingresses", "networkpolicies"} <= {
        part for kill in kills for part in kill.split("/")
    }


def test_a_kill_while_a_model_is_deleted(cluster: Cluster, behind: Operator, namespace: str) -> None:
    """Garbage collection needs no operator; one that comes back amid it makes nothing anew."""
    cluster.apply(manifest(namespace, **FIELDS))
    eventually(lambda: whole(cluster, namespace) and behind.is_idle())
    cluster.kubectl("delete", "pdm", "resnet50", "-n", namespace, "--wait=false")
    behind.kill()
    behind.start(wait=False, request_timeout_seconds="2")
    eventually(lambda: all(cluster.all(kind, namespace) == [] for kind in MADE))
    eventually(behind.is_idle)
    assert all(cluster.all(kind, namespace) == [] for kind in MADE)
