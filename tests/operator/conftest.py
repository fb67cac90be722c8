"""A control plane with the chart's objects and the operator as a process, once a session."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from paddlemodel_operator.cluster.api import Api

from tests.operator.support.cluster import Cluster
from tests.operator.support.process import Operator, install
from tests.operator.support.registration import API_SERVICES, Chart, connected
from tests.repository.helm import charts

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
    with cluster.namespace(f"test-{next(_numbers)}") as name:
        yield name


@pytest.fixture
async def api(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Api]:
    """The operator's door to the API, under the chart's rights."""
    async with connected(cluster, tmp_path) as found:
        yield found


@pytest.fixture
def chart(cluster: Cluster, api: Api) -> Iterator[Chart]:
    """As `helm install` leaves it: an empty Secret, the roles, nothing registered."""
    kinds = {"Secret", "ClusterRole", "Role", "RoleBinding", "ClusterRoleBinding"}
    cluster.kubectl("delete", "secret", charts.ADAPTER, "-n", charts.NAMESPACE, "--ignore-not-found")
    cluster.apply(*(item for item in charts.render() if item["kind"] in kinds))
    yield Chart(cluster, api)
    cluster.kubectl("delete", "apiservice", *API_SERVICES, "--ignore-not-found")
