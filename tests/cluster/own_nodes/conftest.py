"""A node of IPv6 addresses alone, beside the one that the tests of tests/cluster share."""

import os
from collections.abc import Iterator

import pytest

from devcluster import cluster
from devcluster.builders import debian, images, programs
from devcluster.errors import DevclusterError
from devcluster.nodes.addresses import IPV6
from devcluster.paths import State
from devcluster.target import Target


@pytest.fixture(scope="session")
def node(request: pytest.FixtureRequest) -> Iterator[State]:
    """The node, with both images; needs root, and says so."""
    if request.config.getoption("--kubeconfig"):
        pytest.skip("needs a node of our own, and --kubeconfig names another cluster")
    try:
        debian.require_root()
    except DevclusterError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    programs.build(programs.NODE)
    archives = [*images.build_pause(), *images.build_all()]
    name = f"test-ipv6-{os.getpid()}"
    try:
        state = cluster.up_node(name, addresses=IPV6)
        images.load(state, archives)
        yield state
    finally:
        cluster.down(name)


@pytest.fixture(scope="session")
def target(node: State) -> Target:
    """The cluster of the tests in this folder."""
    return Target(kubeconfig=node.kubeconfig)
