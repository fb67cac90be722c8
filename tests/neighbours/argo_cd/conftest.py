"""Argo CD beside a node that has nothing of ours but the images: the operator is what it installs."""

from collections.abc import Iterator

import pytest

from devcluster.builders import images
from devcluster.demo import model_store
from devcluster.neighbours import argo_cd
from devcluster.neighbours.argo_cd import ArgoCD
from devcluster.neighbours.host import Host
from devcluster.paths import State
from devcluster.target import Target
from tests.models import archive_of
from tests.neighbours.argo_cd.repository import Repository
from tests.repository.sources import ROOT

STORE = "store"


@pytest.fixture(scope="module")
def argo(node: State, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArgoCD]:
    """With our check of health, put in as the page says."""
    with argo_cd.running(Host(node, tmp_path_factory.mktemp("argo-cd"))) as found:
        check = str(ROOT / "examples/argocd/argocd-cm.yaml")
        found.host.kubectl("patch", "configmap", "argocd-cm", "-n", "argocd", "--patch-file", check)
        yield found


@pytest.fixture(scope="module")
def model_url(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The trained text-line model, served over HTTP from inside the cluster."""
    archive = archive_of("textline-orientation", tmp_path_factory.mktemp("archive"))
    target.kubectl("create", "namespace", STORE)
    model_store.start(target, STORE, images.ours()[1].name, [archive])
    yield model_store.url(archive, STORE)
    target.kubectl("delete", "namespace", STORE, "--timeout=180s")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("git") / "platform.git")
