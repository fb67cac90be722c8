"""A node of IPv6 addresses alone, beside the one that the tests of tests/cluster share."""

from collections.abc import Iterator

import pytest

from devcluster import cluster
from devcluster.nodes.addresses import IPV6
from devcluster.paths import State
from devcluster.target import Target
from tests.conftest import own_node


@pytest.fixture(scope="session")
def node(request: pytest.FixtureRequest) -> Iterator[State]:
    """The node."""
    with own_node(request, "ipv6", lambda name: cluster.up_node(name, addresses=IPV6)) as state:
        yield state


@pytest.fixture(scope="session")
def target(node: State) -> Target:
    """The cluster of the tests in this folder."""
    return Target(kubeconfig=node.kubeconfig)
