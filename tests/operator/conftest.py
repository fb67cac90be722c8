"""A control plane with the chart's objects and the operator as a process, once a session."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.operator.cluster import Cluster
from tests.operator.process import Operator, install

_numbers = itertools.count()


@pytest.fixture(scope="session")
def cluster(control_plane: Path) -> Iterator[Cluster]:
    """The session's control plane, with the chart installed."""
    result = Cluster(control_plane)
    install(result)
    yield result
    result.http.close()


@pytest.fixture(scope="session")
def operator(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The operator's process; a test that stops it starts it again."""
    result = Operator(cluster, tmp_path_factory.mktemp("operator"))
    result.start()
    yield result
    result.kill()


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"test-{next(_numbers)}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")
