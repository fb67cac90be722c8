"""A real autoscaler moves the stable version from 2 to 6 pods in the middle of a canary, which follows it.

The autoscaler, its adapter, both Deployments and the operator are real; pods only tell their numbers.
"""

import socket
import threading
import time
from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names

from tests.autoscaling.support.world import AT_ONCE, World
from tests.operator.support import simulated_pods
from tests.operator.support.cluster import eventually
from tests.operator.support.manifests import manifest
from tests.operator.support.process import Operator
from tests.operator.support.rollout.kubelet import Traffic
from tests.operator.support.rollout.rollouts import (
    CANARY,
    LONG,
    NEW,
    OLD,
    QUICK,
    deployment,
    is_served,
    rollout,
    uri_of,
)
from tests.operator.support.simulated_pods import Behaviour

pytestmark = [pytest.mark.control_plane, pytest.mark.slow]

Object = dict[str, Any]
QUARTER = {"weight": 25, "minutes": 60}  # one pod beside two, two beside six
BEGAN = time.monotonic()


def counting(gpu: float) -> Behaviour:
    """A pod whose GPU is so busy, in percent, and which has answered a hundred requests each second."""

    def answer(client: socket.socket, over: threading.Event) -> None:
        counted = Traffic().text(time.monotonic() - BEGAN)
        simulated_pods.page(f"{counted}{contract.GPU_METRIC} {gpu}\n")(client, over)

    return answer


def sent(world: World, uri: str, rollout: Object) -> Object:
    scaling = {"minReplicas": 2, "maxReplicas": 6, "gpuUtilization": 70, "behavior": AT_ONCE}
    return manifest(world.namespace, model={"uri": uri}, device="GPU", autoscaling=scaling, rollout=rollout)


@pytest.mark.usefixtures("metrics_api")
def test_the_canary_goes_on_with_as_many_pods_as_its_share_takes(world: World, operator: Operator) -> None:
    cluster, here = world.cluster, world.namespace
    world.say(counting(70))
    steps = {**LONG, "steps": [QUARTER]}
    cluster.apply(sent(world, OLD, steps))
    eventually(lambda: deployment(cluster, here)["spec"]["replicas"] == 2)
    eventually(lambda: is_served(cluster, here, OLD))
    cluster.apply(sent(world, NEW, steps))
    eventually(lambda: rollout(cluster, here).get("phase") == "Stepping")
    before = rollout(cluster, here)
    assert deployment(cluster, here, CANARY)["spec"]["replicas"] == 1

    with world.watched() as values:
        world.say(counting(95))
        world.becomes(6, 180)
        eventually(lambda: deployment(cluster, here, CANARY)["spec"]["replicas"] == 2)
        world.runs(8)
        world.say(counting(70))
        world.wait_syncs(2)
        assert values() == [2, 3, 5, 6]
    assert world.autoscaler()["status"]["currentReplicas"] == 6, "it counts the stable version alone"
    eventually(
        lambda: rollout(cluster, here)["canary"]["requests"] > before.get("canary", {}).get("requests", 0)
    )
    after = rollout(cluster, here)
    assert (after["phase"], after["step"], after["since"]) == ("Stepping", 1, before["since"])
    assert "aborted" not in after
    assert uri_of(deployment(cluster, here)) == OLD

    with world.watched() as values:
        cluster.apply(sent(world, NEW, {**QUICK, "steps": [{**QUARTER, "minutes": 0}]}))
        eventually(lambda: is_served(cluster, here, NEW))
        eventually(operator.is_idle)
        assert values() == [6], "a promotion takes no pod away"
    assert cluster.get(names.DEPLOYMENT, here, CANARY) is None
