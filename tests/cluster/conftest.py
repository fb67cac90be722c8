"""The operator as it ships: installed by Helm, running as a pod under its own ServiceAccount."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster.demo import model_store
from devcluster.demo.play import server_image
from devcluster.target import Target
from tests.cluster.manifests import NAMESPACE
from tests.models import archive_of


@pytest.fixture(scope="module")
def operator(target: Target) -> Iterator[Target]:
    """The cluster with the chart installed and the namespace `models`; both removed afterwards."""
    target.install_operator()
    target.kubectl("create", "namespace", NAMESPACE)
    yield target
    target.kubectl("delete", "namespace", NAMESPACE, "--timeout=180s")
    target.uninstall_operator()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained text-line model, packed as its public archive is."""
    return archive_of("textline-orientation", tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def model_url(operator: Target, archive: Path) -> str:
    """The archive, served over HTTP from inside the cluster."""
    model_store.start(operator, NAMESPACE, server_image(operator), [archive])
    return model_store.url(archive, NAMESPACE)
