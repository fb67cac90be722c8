"""The operator dies after each write of a rollout, and the end is the same."""

from collections.abc import Callable, Iterator

import pytest
from paddlemodel_operator.base import names

from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.process import Operator
from tests.operator.support.proxy.fault_proxy import FaultProxy
from tests.operator.support.rollout import updates
from tests.operator.support.rollout.rollouts import (
    NAME,
    NEW,
    NEWER,
    bad,
    good,
    is_ended,
    is_served,
    of,
    rollout,
    served,
)

pytestmark = [pytest.mark.control_plane, pytest.mark.slow]


@pytest.fixture
def behind(
    cluster: Cluster, operator: Operator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Operator, FaultProxy]]:
    """An operator behind a proxy, which knows of its writes."""
    operator.stop()
    with FaultProxy(cluster).running() as proxy:
        result = Operator(cluster, tmp_path_factory.mktemp("killed"), server=proxy.url)
        result.start()
        yield result, proxy
        result.kill()
    operator.start()


def until(operator: Operator, check: Callable[[], bool]) -> None:
    """Play its kubelet meanwhile; to wait for an idle one would be to wait for the next write in vain."""

    def goes_on() -> bool:
        if not operator.is_running:
            operator.start(wait=False)
        return check()

    eventually(goes_on, 400)


def kills(operator: Operator, proxy: FaultProxy, namespace: str) -> list[str]:
    """From now on each write in a namespace kills; returns the list of those that did.

    No write kills twice in a row: it may be lost with who sent it, and has to be sent again.
    """
    seen: list[str] = []

    def rule(method: str, path: str) -> None:
        write = method in {"PATCH", "POST", "DELETE"} and f"/namespaces/{namespace}/" in path
        word = f"{method} {path.partition('?')[0]}"
        if not write or "/events" in path or seen[-1:] == [word]:
            return
        seen.append(word)
        operator.kill()

    proxy.rule = rule
    return seen


@pytest.mark.parametrize("ends_well", [True, False], ids=["promoted", "aborted"])
def test_an_operator_that_is_killed_after_each_write(
    cluster: Cluster, behind: tuple[Operator, FaultProxy], namespace: str, *, ends_well: bool
) -> None:
    operator, proxy = behind
    with served(cluster, namespace, good if ends_well else bad):
        seen = kills(operator, proxy, namespace)
        cluster.apply(of(namespace, NEW))
        if ends_well:
            until(operator, lambda: is_served(cluster, namespace, NEW))
        else:
            until(operator, lambda: is_ended(cluster, namespace))
            assert rollout(cluster, namespace)["aborted"]["reason"] == "Errors"
        proxy.rule = lambda *_: None
        assert len(seen) >= 6
        assert cluster.need(names.SERVICE, namespace, NAME)["spec"]["selector"]["paddlemodel.dev/track"]


def test_one_that_is_killed_after_each_write_gives_a_broken_version_up(
    cluster: Cluster, behind: tuple[Operator, FaultProxy], namespace: str
) -> None:
    """The pods that serve are the same ones all the time; and another edit is followed afterwards."""
    operator, proxy = behind
    with updates.served(cluster, namespace) as versions:
        versions.broken = {NEW}
        serving = updates.pods(cluster, namespace)
        seen = kills(operator, proxy, namespace)
        cluster.apply(updates.updated(namespace, NEW))
        until(operator, lambda: updates.is_given_up(cluster, namespace))
        until(operator, lambda: rollout(cluster, namespace)["phase"] == "GivenUp")
        assert updates.pods(cluster, namespace) == serving
        deployments = [one for one in seen if "/deployments/" in one]
        assert len(deployments) >= 2  # The broken template, and the one before it again.
        cluster.apply(updates.updated(namespace, NEWER))
        until(operator, lambda: updates.is_served(cluster, namespace, NEWER))
        proxy.rule = lambda *_: None
