"""Two operators that share a Lease: one works, and the other goes on when that one ends, dies or freezes."""

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_operator.base import names

from tests import cleartext
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.manifests import manifest
from tests.operator.support.process import Operator
from tests.operator.support.proxy.fault_proxy import FaultProxy
from tests.repository.helm import charts

pytestmark = pytest.mark.control_plane

SETTINGS = {"namespace": charts.NAMESPACE, "lease": charts.RELEASE, "lease_seconds": "3"}


@dataclass
class Candidate:
    """An operator behind a proxy of its own, which sees what it asks for."""

    operator: Operator
    proxy: FaultProxy

    def start(self) -> None:
        self.level.write_text("INFO")
        self.operator.start(wait=True, **SETTINGS, log_level_file=str(self.level))

    @property
    def level(self) -> Path:
        return self.operator.log.with_name("level")

    @property
    def leads(self) -> bool:
        return bool(self.operator.health()["leading"])

    def log(self) -> str:
        return self.operator.log.read_text()

    def writes(self, since: int) -> list[str]:
        """All but those of the Lease."""
        seen = (one for one in self.proxy.seen[since:] if not one.startswith("GET"))
        return [one for one in seen if "/leases/" not in one]


@pytest.fixture(scope="module")
def pair(
    cluster: Cluster, operator: Operator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Candidate]]:
    """Both run, and nobody else does."""
    operator.stop()
    with FaultProxy(cluster).running() as first, FaultProxy(cluster).running() as second:
        found = [
            Candidate(Operator(cluster, tmp_path_factory.mktemp("candidate"), server=proxy.url), proxy)
            for proxy in (first, second)
        ]
        for one in found:
            one.start()
        yield found
        for one in found:
            one.operator.kill()
    cluster.kubectl("delete", "lease", charts.RELEASE, "-n", charts.NAMESPACE, "--ignore-not-found")
    operator.start()


@pytest.fixture
def ranks(pair: list[Candidate]) -> tuple[Candidate, Candidate]:
    """The one that leads, and the one that stands by."""
    for one in pair:
        if not one.operator.is_running:
            one.start()
    eventually(lambda: sorted(one.leads for one in pair) == [False, True])
    leader, other = sorted(pair, key=lambda one: not one.leads)
    return leader, other


def lease(cluster: Cluster) -> dict[str, Any]:
    spec: dict[str, Any] = cluster.need(names.LEASE, charts.NAMESPACE, charts.RELEASE)["spec"]
    return spec


def page(candidate: Candidate) -> str:
    return cleartext.get(f"http://127.0.0.1:{candidate.operator.port}/metrics").text


def test_one_works_and_the_other_is_ready_to(
    cluster: Cluster, ranks: tuple[Candidate, Candidate], namespace: str
) -> None:
    leader, other = ranks
    mark, since = len(other.proxy.seen), len(leader.proxy.seen)
    cluster.apply(manifest(namespace))
    eventually(lambda: cluster.ready_reason(namespace, "resnet50") == "Progressing")
    path = names.DEPLOYMENT.item(namespace, "resnet50")
    assert [one for one in leader.writes(since) if one.endswith(path)] == [f"PATCH {path}"]
    assert other.writes(mark) == []
    assert cleartext.get(f"http://127.0.0.1:{other.operator.port}/readyz").is_success
    assert f'namespace="{namespace}"' in page(leader)
    assert f'namespace="{namespace}"' not in page(other)
    for one, says in ((leader, "1.0"), (other, "0.0")):
        assert re.search(rf"^paddlemodel_operator_leader {says}$", page(one), re.MULTILINE)
    held = f"Lease {charts.NAMESPACE}/{charts.RELEASE} is held by"
    assert f"{held} this operator, {lease(cluster)['holderIdentity']}: it leads." in leader.log()
    assert f"{held} {lease(cluster)['holderIdentity']}: standing by." in other.log()


def test_the_log_level_changes_without_a_restart(
    cluster: Cluster, ranks: tuple[Candidate, Candidate], namespace: str
) -> None:
    leader, _ = ranks
    for level, before, model, told in (
        ("WARNING", "INFO", "silent", False),
        ("INFO", "WARNING", "told", True),
    ):
        leader.level.write_text(level)
        eventually(lambda: f"The log level is {level} now; it was {before}." in leader.log())  # noqa: B023
        cluster.apply(manifest(namespace, model))
        eventually(lambda: cluster.ready_reason(namespace, model) == "Progressing")  # noqa: B023
        assert (f"Created Deployment {namespace}/{model}." in leader.log()) is told


def test_one_that_was_frozen_writes_nothing_when_it_wakes(
    cluster: Cluster, ranks: tuple[Candidate, Candidate], namespace: str
) -> None:
    """It wakes with a model to make, whose children the other one has made; its watches tell it of each."""
    leader, other = ranks
    cluster.apply(manifest(namespace, "early"))
    eventually(lambda: cluster.get(names.DEPLOYMENT, namespace, "early") and leader.operator.is_idle())
    leader.operator.send(signal.SIGSTOP)
    mark = len(leader.proxy.seen)
    try:
        eventually(lambda: other.leads)
        cluster.apply(manifest(namespace, "early", replicas=3), manifest(namespace, "late", replicas=2))
        eventually(lambda: cluster.ready_reason(namespace, "late") == "Progressing")
        eventually(lambda: cluster.need(names.DEPLOYMENT, namespace, "early")["spec"]["replicas"] == 3)
    finally:
        leader.operator.send(signal.SIGCONT)
    eventually(lambda: not leader.leads)
    eventually(lambda: "standing by" in leader.log().rpartition("it leads")[2])
    assert other.leads
    assert leader.writes(mark) == []
    assert leader.operator.health()["complaints"] == []


def test_the_other_one_goes_on_when_the_leader_is_killed(
    cluster: Cluster, ranks: tuple[Candidate, Candidate], namespace: str
) -> None:
    leader, other = ranks
    turns = lease(cluster)["leaseTransitions"]
    leader.operator.kill()
    cluster.apply(manifest(namespace))
    eventually(lambda: cluster.ready_reason(namespace, "resnet50") == "Progressing")
    assert other.leads
    assert lease(cluster)["leaseTransitions"] == turns + 1
    assert cluster.need(names.DEPLOYMENT, namespace, "resnet50")["metadata"]["generation"] == 1


def test_a_leader_that_ends_gives_its_place_back(
    cluster: Cluster, ranks: tuple[Candidate, Candidate], namespace: str
) -> None:
    leader, other = ranks
    assert leader.operator.stop() == 0
    assert leader.log().rstrip().rpartition("Lease")[2].endswith("is given back.")
    cluster.apply(manifest(namespace))
    eventually(lambda: cluster.get(names.DEPLOYMENT, namespace, "resnet50"))
    assert other.leads
