"""Traefik or Contour beside the session's control plane, and a small model for servers that are processes."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster.neighbours.host import Host
from tests.neighbours.gateways import contour, routed
from tests.neighbours.gateways import traefik as gateway
from tests.neighbours.gateways.door import Door
from tests.neighbours.gateways.routed import Pods
from tests.neighbours.gateways.traefik import Traefik
from tests.operator.support.cluster import Cluster
from tests.serving_image.support.models import exporter

_numbers = itertools.count()


@pytest.fixture(scope="module")
def traefik(host: Host) -> Iterator[Traefik]:
    with gateway.running(host) as found:
        yield found


@pytest.fixture(scope="module", params=["traefik", "contour"])
def door(request: pytest.FixtureRequest, host: Host) -> Iterator[Door]:
    """One Gateway after the other."""
    with {"traefik": gateway, "contour": contour}[request.param].running(host) as found:
        yield found


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"routed-{next(_numbers)}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def pod(small_model: Path, tmp_path: Path) -> Pods:
    """Starts servers as the operator would."""
    return lambda model: routed.pod(model, small_model, tmp_path)


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    exporter.export(folder, "pir")
    return folder / "mixed"
