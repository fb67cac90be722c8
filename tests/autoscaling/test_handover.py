"""Who owns a Deployment's replicas while a live autoscaler writes them: the API server's rules, and ours.

The first tests are the API server's own rules, without the operator: two of them are traps. The last ones are
the operator's hand-over under load, in both directions.
"""

import json
from typing import Any

import pytest
from paddlemodel_operator.base import names

from tests.autoscaling.support.simulated import page
from tests.autoscaling.support.world import AT_ONCE, NAME, World
from tests.operator.support.cluster import eventually
from tests.operator.support.manifests import manifest
from tests.operator.support.process import Operator

pytestmark = [pytest.mark.control_plane]

Object = dict[str, Any]

BUSY = page(gpu=95)


class Applied:
    """A Deployment that one manager applies, with or without replicas."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._item = names.DEPLOYMENT.item(world.namespace, NAME)

    def apply(
        self, replicas: int | None, *, image: str = "a", manager: str = "op", force: bool = True
    ) -> int:
        """The HTTP status."""
        container = {"name": "server", "image": image}
        template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [container]}}
        spec: Object = {"selector": {"matchLabels": {"app": "a"}}, "template": template}
        return self.send(spec if replicas is None else {**spec, "replicas": replicas}, manager, force=force)

    def hold(self, replicas: int) -> int:
        """A second manager applies replicas and nothing else."""
        return self.send({"replicas": replicas}, "op-handover", force=False)

    def send(self, spec: Object, manager: str, *, force: bool) -> int:
        kind = names.DEPLOYMENT
        body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": NAME}, "spec": spec}
        answer = self._world.cluster.http.patch(
            self._item,
            params={"fieldManager": manager, "force": str(force).lower()},
            content=json.dumps(body),
            headers={"Content-Type": "application/apply-patch+yaml"},
        )
        return answer.status_code

    def scale(self, replicas: int) -> None:
        """As the autoscaler does."""
        self._world.cluster.patch(f"{self._item}/scale", {"spec": {"replicas": replicas}})


@pytest.fixture
def applied(world: World) -> Applied:
    return Applied(world)


def test_replicas_that_are_applied_no_longer_fall_to_one(world: World, applied: Applied) -> None:
    """The trap: turning autoscaling on by leaving replicas out would be an outage."""
    applied.apply(3)
    applied.apply(None)
    assert world.replicas() == 1


def test_replicas_that_somebody_has_scaled_stay_when_they_are_left_out(
    world: World, applied: Applied
) -> None:
    applied.apply(3)
    applied.scale(5)
    applied.apply(None)
    assert world.replicas() == 5


def test_replicas_that_were_never_applied_stay_the_scalers(world: World, applied: Applied) -> None:
    applied.apply(None)
    applied.scale(5)
    applied.apply(None, image="b")
    assert world.replicas() == 5


def test_who_goes_on_applying_replicas_fights_the_autoscaler(world: World, applied: Applied) -> None:
    """The other trap: without force a conflict, with it a flip with every sync."""
    applied.apply(3)
    applied.scale(5)
    assert applied.apply(3, force=False) == 409
    assert world.replicas() == 5
    applied.apply(3)
    assert world.replicas() == 3


def test_a_second_manager_holds_replicas_between_two_owners(world: World, applied: Applied) -> None:
    applied.apply(3)
    assert applied.hold(3) == 200
    applied.apply(None)
    assert world.replicas() == 3
    applied.scale(6)
    applied.apply(None, image="b")
    assert world.replicas() == 6


def autoscaled(world: World, **fields: Any) -> Object:
    scaling = {"maxReplicas": 6, "gpuUtilization": 70, "behavior": AT_ONCE}
    return manifest(world.namespace, device="GPU", autoscaling=scaling, **fields)


@pytest.mark.usefixtures("metrics_api")
def test_autoscaling_goes_on_and_off_under_load_without_a_dip(world: World, operator: Operator) -> None:
    world.say(BUSY)
    world.cluster.apply(manifest(world.namespace, device="GPU", replicas=3))
    world.runs(3)
    eventually(operator.is_idle)
    with world.watched() as values:
        world.cluster.apply(autoscaled(world))
        world.becomes(6)
        world.runs(6)
        world.cluster.apply(autoscaled(world, server={"queueSize": 3}))
        eventually(lambda: world.rolled_out(6))
        world.wait_syncs(1)
        assert values() == [3, 5, 6]
        world.cluster.apply(manifest(world.namespace, device="GPU", replicas=4))
        world.becomes(4)
        eventually(operator.is_idle)
    assert values() == [3, 5, 6, 4]
