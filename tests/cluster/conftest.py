"""The operator as it ships: installed by Helm, running as a pod under its own ServiceAccount."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster.demo import model_store
from devcluster.demo.play import server_image
from devcluster.paths import State
from devcluster.target import Target
from tests.cluster.manifests import NAMESPACE
from tests.models import archive_of


class Chart:
    """The operator of the cluster: what one module has installed stays for the next that wants the same.

    To install and to remove it takes a minute, mostly of waiting, and each module had its own.
    """

    def __init__(self) -> None:
        self._there: Target | None = None

    def install(self, target: Target) -> None:
        """The chart with the target's values; one with other values goes first."""
        if self._there != target:
            self.remove()
            target.install_operator()
            self._there = target

    def remove(self) -> None:
        """Nothing of it stays, if it is there."""
        if self._there is not None:
            self._there.uninstall_operator()
            self._there = None


@pytest.fixture(scope="session")
def chart(request: pytest.FixtureRequest) -> Iterator[Chart]:
    """A cluster of our own goes as a whole; one that somebody named is left as it was."""
    made = Chart()
    yield made
    if request.config.getoption("--kubeconfig"):
        made.remove()


@pytest.fixture(scope="module")
def operator(target: Target, chart: Chart) -> Iterator[Target]:
    """The cluster with the chart installed, and a namespace `models` that is removed afterwards."""
    chart.install(target)
    target.kubectl("create", "namespace", NAMESPACE)
    yield target
    target.kubectl("delete", "namespace", NAMESPACE, "--timeout=180s")


@pytest.fixture
def bare(node: State, chart: Chart) -> State:
    """A cluster of our own without the operator."""
    chart.remove()
    return node


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained text-line model, packed as its public archive is."""
    return archive_of("textline-orientation", tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def model_url(operator: Target, archive: Path) -> str:
    """The archive, served over HTTP from inside the cluster."""
    model_store.start(operator, NAMESPACE, server_image(operator), [archive])
    return model_store.url(archive, NAMESPACE)
