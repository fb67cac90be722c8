"""The chart as shipped on a node of two, with a model store; the neighbours stand beside its API server."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devcluster import cluster
from devcluster.builders import images
from devcluster.demo import model_store
from devcluster.demo.play import server_image
from devcluster.neighbours.host import Host
from devcluster.nodes import gpus
from devcluster.paths import State
from devcluster.target import Target
from tests.cluster.manifests import NAMESPACE
from tests.models import archive_of

RUN_MS = 50
"""How long a simulated GPU takes for a run: 20 requests a second are all that one can do."""


@pytest.fixture(scope="session")
def installed(node: State) -> Iterator[Target]:
    """Simulated GPUs on both nodes; their models get the CPU's image: one with CUDA cannot be built."""
    tag = images.ours()[1].name.rpartition(":")[2]
    target = Target(kubeconfig=node.kubeconfig)
    for one in cluster.nodes(node):
        gpus.plug(node, 2, at=one, run_ms=RUN_MS)
    ready = replace(target, values=(f"serverImages.gpu.tag={tag}",))
    ready.install_operator()
    ready.kubectl("create", "namespace", NAMESPACE)
    yield ready
    ready.kubectl("delete", "namespace", NAMESPACE, "--timeout=180s")
    ready.uninstall_operator()


@pytest.fixture(scope="session")
def model_url(installed: Target, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The trained text-line model, served over HTTP from inside the cluster."""
    archive = archive_of("textline-orientation", tmp_path_factory.mktemp("archive"))
    model_store.start(installed, NAMESPACE, server_image(installed), [archive])
    return model_store.url(archive, NAMESPACE)


@pytest.fixture
def host(node: State, tmp_path: Path) -> Host:
    """The first node, as a place for neighbours."""
    return Host(node, tmp_path)
