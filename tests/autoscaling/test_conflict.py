"""Two adapters in one cluster: why the API group has one owner, and why ours is never put beside another's.

The autoscaler uses one version of custom.metrics.k8s.io for everything, the one that the API server prefers.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from paddlemodel_operator.base import names

from tests.autoscaling.support.foreign import METRIC, Foreign
from tests.autoscaling.support.metrics_api import MetricsApi
from tests.autoscaling.support.simulated import page
from tests.autoscaling.support.world import NAME, World
from tests.operator.support.cluster import Cluster, eventually

pytestmark = [pytest.mark.control_plane]

ACTIVE, BROKEN = ("True", "ValidMetricFound"), "False"


@pytest.fixture
def foreign(cluster: Cluster, tmp_path: Path) -> Iterator[Foreign]:
    result = Foreign(cluster, tmp_path, "v1beta1")
    yield result
    result.end()


class Theirs:
    """Somebody else's autoscaler, on a metric that only their adapter knows."""

    def __init__(self, world: World) -> None:
        self.world = world
        deployment = world.cluster.need(names.DEPLOYMENT, world.namespace, NAME)
        template = deployment["spec"]["template"]
        labels = {"app": "theirs"}
        body = {
            "apiVersion": names.DEPLOYMENT.api_version,
            "kind": names.DEPLOYMENT.kind,
            "metadata": {"name": "theirs", "namespace": world.namespace},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {**template, "metadata": {"labels": labels}},
            },
        }
        described = {"apiVersion": "v1", "kind": "Service", "name": "theirs"}
        metric = {
            "type": "Object",
            "object": {
                "describedObject": described,
                "metric": {"name": METRIC},
                "target": {"type": "Value", "value": "50"},
            },
        }
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "theirs"}
        autoscaler = {
            "apiVersion": names.AUTOSCALER.api_version,
            "kind": names.AUTOSCALER.kind,
            "metadata": {"name": "theirs", "namespace": world.namespace},
            "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 2, "metrics": [metric]},
        }
        world.cluster.apply(body, autoscaler)

    def condition(self) -> tuple[str, str]:
        return self.world.condition("ScalingActive", "theirs")


def test_one_group_serves_one_adapter(world: World, foreign: Foreign, metrics_api: MetricsApi) -> None:
    """Whatever the priorities: one of the two autoscalers is broken, until one of the adapters goes."""
    metrics_api.unregister()
    world.start_pods(2, page(gpu=70))
    theirs = Theirs(world)
    world.autoscale()
    foreign.register(priority=100)
    eventually(lambda: theirs.condition() == ACTIVE)
    eventually(lambda: world.condition("ScalingActive")[0] == BROKEN)

    metrics_api.register(priority=200)
    eventually(lambda: world.condition("ScalingActive") == ACTIVE)
    eventually(lambda: theirs.condition()[0] == BROKEN)

    metrics_api.register(priority=50)
    eventually(lambda: theirs.condition() == ACTIVE)
    eventually(lambda: world.condition("ScalingActive")[0] == BROKEN)

    metrics_api.register(priority=200)
    eventually(lambda: theirs.condition()[0] == BROKEN)
    metrics_api.stop()
    eventually(lambda: theirs.condition() == ACTIVE)

    metrics_api.start()
    foreign.unregister()
    eventually(lambda: world.condition("ScalingActive") == ACTIVE)
    assert world.replicas() == 2
