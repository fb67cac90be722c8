"""What `make test-neighbours` runs: our operator beside other people's software, each the real program.

Not a part of `make test`: it compiles for half an hour, and CI's clusters have none of it.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from paddlemodel_operator.base import names

from devcluster.neighbours.host import Host
from devcluster.paths import State
from tests.autoscaling.support.kubelet import Kubelet
from tests.neighbours.desired import Desired
from tests.operator.support.cluster import Cluster
from tests.operator.support.process import Operator, install

_numbers = itertools.count()


@pytest.fixture(scope="session")
def cluster(control_plane: Path) -> Iterator[Cluster]:
    """The session's control plane, with the chart's objects."""
    result = Cluster(control_plane)
    install(result)
    yield result
    result.http.close()


@pytest.fixture(scope="session")
def kubelet(cluster: Cluster) -> Iterator[Kubelet]:
    """Plays the kubelet: pods run as soon as they exist, and answer at addresses of their own."""
    result = Kubelet(cluster)
    yield result
    result.end()


@pytest.fixture(scope="module")
def host(control_plane: Path, tmp_path_factory: pytest.TempPathFactory) -> Host:
    """The control plane, as a place for neighbours."""
    return Host(State(control_plane.parent), tmp_path_factory.mktemp("neighbours"))


@pytest.fixture(scope="module")
def operator(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The operator's process, not started: each file says where metrics come from."""
    result = Operator(cluster, tmp_path_factory.mktemp("operator"))
    yield result
    result.kill()
    cluster.kubectl("delete", "apiservice", names.METRICS_API_SERVICE, "--ignore-not-found")


@pytest.fixture
def desired(cluster: Cluster, kubelet: Kubelet) -> Iterator[Desired]:
    """A namespace of the test's own, for one model."""
    name = f"test-{next(_numbers)}"
    cluster.kubectl("create", "namespace", name)
    yield Desired(cluster, kubelet, name)
    cluster.kubectl("delete", "namespace", name, "--wait=false")
