"""A control plane of this folder's own, simulated pods, and our adapter as a process.

Its own because autoscalers see one metrics API in a cluster, and these tests take it away and bring it back.
"""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import devcluster.cluster
from tests.autoscaling.support.kubelet import Kubelet
from tests.autoscaling.support.metrics_api import MetricsApi
from tests.autoscaling.support.world import World
from tests.operator.support.cluster import Cluster
from tests.operator.support.process import Operator, install

_numbers = itertools.count()


@pytest.fixture(scope="session")
def control_plane() -> Iterator[Path]:
    """The administrator's kubeconfig; instead of the one that the other folders share."""
    with devcluster.cluster.control_plane_for(f"autoscaling-{os.getpid()}") as state:
        yield state.kubeconfig


@pytest.fixture(scope="session")
def cluster(control_plane: Path) -> Iterator[Cluster]:
    result = Cluster(control_plane)
    yield result
    result.http.close()


@pytest.fixture(scope="session")
def installed(cluster: Cluster) -> Cluster:
    """With what the chart installs, but for its Deployments."""
    install(cluster)
    return cluster


@pytest.fixture(scope="session")
def kubelet(cluster: Cluster) -> Iterator[Kubelet]:
    result = Kubelet(cluster)
    yield result
    result.end()


@pytest.fixture(scope="session")
def adapter(installed: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MetricsApi]:
    """Our adapter, in whatever state the test before has left it."""
    result = MetricsApi(installed, tmp_path_factory.mktemp("adapter"))
    yield result
    result.stop()


@pytest.fixture(scope="module")
def operator(installed: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """It renders and hands over; the metrics API is not its own."""
    result = Operator(installed, tmp_path_factory.mktemp("operator"))
    result.start(metrics_source="none")
    yield result
    result.kill()


@pytest.fixture
def metrics_api(adapter: MetricsApi) -> MetricsApi:
    """Our adapter, registered and believed in."""
    adapter.restore()
    return adapter


@pytest.fixture
def world(cluster: Cluster, kubelet: Kubelet) -> Iterator[World]:
    """A namespace of the test's own, for one model."""
    with cluster.namespace(f"test-{next(_numbers)}") as name:
        yield World(cluster, kubelet, name)
