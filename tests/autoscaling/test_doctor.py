"""AutoscalingActive names the broken link and its cure: the operator and its adapter as the chart wires them.

complaints.py tells of what concerns one model; below is what concerns all of them.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from paddlemodel_operator.base import names

from tests.autoscaling.support.complaints import COMPLAINTS, autoscaled, finds, works
from tests.autoscaling.support.foreign import Foreign
from tests.autoscaling.support.kubelet import Kubelet
from tests.autoscaling.support.metrics_api import MetricsApi
from tests.autoscaling.support.production import Production, require_port
from tests.autoscaling.support.side_by_side import Running, Story, played
from tests.autoscaling.support.simulated import page
from tests.autoscaling.support.world import World
from tests.operator.support.cluster import Cluster, eventually
from tests.repository.helm import charts

pytestmark = [pytest.mark.control_plane]


@pytest.fixture(scope="module")
def production(
    installed: Cluster, adapter: MetricsApi, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Production]:
    require_port()
    adapter.unregister()
    result = Production(installed, tmp_path_factory.mktemp("production"))
    result.start()
    yield result
    result.end()


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, kubelet: Kubelet, production: Production) -> Iterator[Running]:
    with played(request, production.cluster, kubelet) as stories:
        yield stories


@pytest.mark.parametrize("story", COMPLAINTS.values(), ids=COMPLAINTS)
def test_complaint(running: Running, story: Story) -> None:
    running[story].result()


@pytest.fixture
def model(production: Production, world: World) -> World:
    """One under an autoscaler that works."""
    eventually(production.is_available)
    world.say(page(gpu=70))
    autoscaled(world, gpuUtilization=70, minReplicas=2)
    works(world)
    return world


def test_the_adapter_is_down(production: Production, model: World) -> None:
    """Also an operator that starts now starts: else it could never repair what it is needed for."""
    with model.watched() as values:
        production.stop_adapter()
        model.say(page(gpu=100))
        finds(model, "MetricsAPIUnavailable", "stays as it is", f"deploy/{charts.ADAPTER}")
        production.operator.stop()
        production.start_operator()
        finds(model, "MetricsAPIUnavailable")
        model.failed(1)
        assert values()[-1] == 2
        production.start_adapter()
        works(model)
        model.becomes(6)


def test_somebody_else_serves_the_metrics_api(production: Production, model: World, tmp_path: Path) -> None:
    """Ours stands down and the autoscaler stays; when they leave, ours comes back by itself."""
    cluster = production.cluster
    uid = model.autoscaler()["metadata"]["uid"]
    foreign = Foreign(cluster, tmp_path, "v1beta1")
    try:
        foreign.register()
        path = names.API_SERVICE.item(None, names.METRICS_API_SERVICE)
        eventually(lambda: cluster.http.get(path).status_code == 404)
        cures = ("remove the other one", "prometheusAdapter, keda or none")
        finds(model, "MetricsAPIOwnedByOther", "default/foreign-adapter", *cures)
        assert model.autoscaler()["metadata"]["uid"] == uid
        assert model.replicas() == 2
    finally:
        foreign.end()
    eventually(production.is_available)
    works(model)


def test_the_charts_role_is_gone_and_comes_back(production: Production, model: World) -> None:
    """As `helm uninstall` begins: the registration belongs to it, and goes with it."""
    cluster = production.cluster
    role = charts.one(charts.render(), "ClusterRole", charts.ADAPTER)
    cluster.kubectl("delete", "clusterrole", charts.ADAPTER)
    path = names.API_SERVICE.item(None, names.METRICS_API_SERVICE)
    eventually(lambda: cluster.http.get(path).status_code == 404)
    finds(model, "MetricsAPIMissing", "custom.metrics.k8s.io", "helm upgrade")
    cluster.apply(role)
    eventually(production.is_available)
    works(model)
