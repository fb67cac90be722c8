"""The cluster's one metrics API under a live autoscaler: not there yet, registered, gone, and back."""

import httpx
import pytest
from paddlemodel_operator.base import names

from tests.autoscaling.support.metrics_api import MetricsApi
from tests.autoscaling.support.simulated import page
from tests.autoscaling.support.world import World
from tests.operator.support.cluster import Cluster, eventually

pytestmark = [pytest.mark.control_plane]


def test_without_a_metrics_api_replicas_stay_and_its_registration_heals(
    world: World, adapter: MetricsApi
) -> None:
    """Nothing has to be started again."""
    adapter.unregister()
    world.start_pods(3, page(gpu=95))
    with world.watched() as values:
        world.autoscale()
        eventually(lambda: world.condition("ScalingActive") == ("False", "FailedGetPodsMetric"))
        world.failed(2)
        assert "no custom metrics API (custom.metrics.k8s.io) registered" in world.message()
        assert world.autoscaler()["status"]["desiredReplicas"] == 0
        assert values() == [3]
        adapter.restore()
        eventually(world.is_active)
        world.becomes(6)
    assert values() == [3, 5, 6]


def test_while_the_adapter_is_down_replicas_stay_and_namespaces_too(
    world: World, metrics_api: MetricsApi
) -> None:
    """Kubernetes wants to be sure that nothing is left in a namespace: why the chart runs two replicas."""
    world.begin(replicas=2)
    eventually(world.is_active)
    with world.watched() as values:
        metrics_api.stop()
        world.say(page(gpu=100))
        eventually(lambda: not metrics_api.is_available())
        world.cluster.kubectl("create", "namespace", "to-be-deleted")
        world.cluster.kubectl("delete", "namespace", "to-be-deleted", "--wait=false")
        world.failed(3)
        assert values() == [2]
        eventually(lambda: "DiscoveryFailed" in hindrances(world.cluster, "to-be-deleted"))
        assert names.CUSTOM_METRICS_GROUP in hindrances(world.cluster, "to-be-deleted")["DiscoveryFailed"]
        metrics_api.start()
        world.becomes(6)
    assert values() == [2, 3, 5, 6]
    eventually(lambda: namespace(world.cluster, "to-be-deleted").status_code == 404)


def namespace(cluster: Cluster, name: str) -> httpx.Response:
    return cluster.http.get(f"/api/v1/namespaces/{name}")


def hindrances(cluster: Cluster, name: str) -> dict[str, str]:
    """Why it is still there: message by reason."""
    conditions = namespace(cluster, name).json()["status"].get("conditions", ())
    return {one["reason"]: one["message"] for one in conditions if one["status"] == "True"}
