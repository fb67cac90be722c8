"""What Kubernetes' feature gates allow an autoscaler: `behavior` and the least of minReplicas rest on it."""

import json

import pytest
from paddlemodel_operator.base import names

from tests.autoscaling.support.world import AT_ONCE, NAME, World

pytestmark = [pytest.mark.control_plane]


def test_a_tolerance_of_ones_own_is_kept(world: World) -> None:
    """HPAConfigurableTolerance: a field of a gate that is off would be dropped without a word."""
    scale_up = {**AT_ONCE["scaleUp"], "tolerance": "200m"}
    world.autoscale(behavior={**AT_ONCE, "scaleUp": scale_up})
    assert world.autoscaler()["spec"]["behavior"]["scaleUp"]["tolerance"] == "200m"


def test_an_autoscaler_keeps_one_pod_at_least(world: World) -> None:
    """HPAScaleToZero, which newer versions have on, is for metrics that are not measured by the pods."""
    world.autoscale()
    answer = world.cluster.http.patch(
        names.AUTOSCALER.item(world.namespace, NAME),
        content=json.dumps({"spec": {"minReplicas": 0}}),
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert answer.status_code == 422
    assert "scaling to zero" in answer.json()["message"]
