"""A status is not written at every sync of an autoscaler: counted in the API server's audit log."""

import math
import time

import pytest
from paddlemodel_operator.base import names

from tests.autoscaling.support.complaints import autoscaled, read_targets, works
from tests.autoscaling.support.simulated import page
from tests.autoscaling.support.world import NAME, World
from tests.operator.support.cluster import eventually
from tests.operator.support.process import USER, Operator

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("metrics_api")]


@pytest.fixture
def model(world: World, operator: Operator) -> World:
    """One pod, and never more; the autoscaler works, and the status shows what it reads."""
    world.say(page(gpu=40))
    autoscaled(world, gpuUtilization=70, maxReplicas=1)
    works(world)
    eventually(lambda: read_targets(world))
    eventually(operator.is_idle)
    return world


def test_an_unchanged_model_costs_no_write(model: World, operator: Operator) -> None:
    mark = model.cluster.mark()
    model.wait_syncs(4)
    eventually(operator.is_idle)
    assert model.cluster.writes(USER, model.namespace, mark) == []


def test_a_number_that_flaps_is_written_once_a_minute_at_most(model: World, operator: Operator) -> None:
    """Eight syncs of the autoscaler, every one of which reads something else."""
    began, mark = time.monotonic(), model.cluster.mark()
    for use in (10, 65) * 4:
        model.say(page(gpu=use))
        eventually(lambda use=use: model.average() == str(use))  # type: ignore[misc]  # a loop's variable
    eventually(operator.is_idle)
    writes = model.cluster.writes(USER, model.namespace, mark)
    minutes = (time.monotonic() - began) / 60  # less than one, but for a machine that is busy
    assert len(writes) <= 1 + math.ceil(minutes)
    assert set(writes) <= {
        f"patch {names.MODEL.item(model.namespace, NAME)}/status?fieldManager=paddlemodel-operator"
    }


def test_a_restart_of_the_operator_writes_nothing(model: World, operator: Operator) -> None:
    """What the status shows stays until the first sync, which finds the same."""
    before = model.cluster.need(names.MODEL, model.namespace, NAME)["status"]
    mark = model.cluster.mark()
    asked = sum(one.requests for one in model.servers())
    operator.stop()
    operator.start(metrics_source="none")
    eventually(lambda: sum(one.requests for one in model.servers()) > asked + 3)
    eventually(operator.is_idle)
    assert model.cluster.writes(USER, model.namespace, mark) == []
    assert model.cluster.need(names.MODEL, model.namespace, NAME)["status"] == before
