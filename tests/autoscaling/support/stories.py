"""What the autoscaler makes of what pods tell: the rows that the defaults and the server's gauge rest on.

Each is told in a namespace of its own; test_behavior.py runs them side by side.
"""

from paddlemodel_api import contract
from paddlemodel_operator.render.hpa import DEFAULT_BEHAVIOR

from tests.autoscaling.support.side_by_side import Story
from tests.autoscaling.support.simulated import FAILURE, GARBAGE, SILENCE, page
from tests.autoscaling.support.world import World
from tests.operator.support.cluster import eventually
from tests.operator.support.simulated_pods import Behaviour, Together

LOADING = page(gpu=None)
BUSY = page(gpu=95)


def it_steps_up_once_a_synchronisation(world: World) -> None:
    """Which is why the default behavior has a policy: Kubernetes' own goes from 1 to 6 in some seconds."""
    world.start_pods(1, BUSY)
    with world.watched() as values:
        world.autoscale()
        world.becomes(6)
    assert values() == [1, 2, 3, 5, 6]


def the_default_behavior_never_more_than_doubles_or_adds_two(world: World) -> None:
    """The metric asks for ten pods at once; in the first minute there may be three."""
    world.start_pods(1, page(gpu=100))
    with world.watched() as values:
        world.autoscale(behavior=DEFAULT_BEHAVIOR, gpuUtilization=10, maxReplicas=20)
        eventually(lambda: world.condition("AbleToScale")[1] == "ScaleUpStabilized")
        world.becomes(3)
        eventually(lambda: world.condition("ScalingLimited") == ("True", "ScaleUpLimit"))
        world.wait_syncs(2)
    seen = values()
    assert seen == [1, 3, 6, 12, 20][: len(seen)]


def pods_that_load_hold_it_where_it_is(world: World) -> None:
    """They are missing, and count as idle on the way up; the direction they cannot turn."""
    world.start_pods(1, BUSY)
    world.say(BUSY, LOADING)
    with world.watched() as values:
        world.autoscale()
        world.runs(2)
        world.wait_syncs(3)
        assert world.replicas() == 2
        world.say(BUSY)
        world.becomes(6)
    assert values() == [1, 2, 3, 5, 6]


def pods_that_told_zero_while_they_load_would_pull_it_down(world: World) -> None:
    """The contrast, and why the server's gauge is absent until the model is loaded."""
    world.start_pods(6, LOADING)
    world.say(BUSY, BUSY, BUSY, LOADING)
    with world.watched() as values:
        world.autoscale()
        eventually(world.is_active)
        world.wait_syncs(3)
        assert values() == [6]
        world.say(BUSY, BUSY, BUSY, page(gpu=0))
        eventually(lambda: world.replicas() < 6)
    assert values()[:2] == [6, 5]


def pods_that_are_not_ready_count(world: World) -> None:
    """So the gauge must know by itself when it may be told; the readiness probe keeps nothing out."""
    world.start_pods(2, page(gpu=95))
    world.say(page(gpu=95), page(gpu=45))
    _, second = world.pods()
    not_ready = [{"type": "Ready", "status": "False"}]
    world.cluster.set_pod_status(second, {**second["status"], "conditions": not_ready})
    with world.watched() as values:
        world.autoscale()
        eventually(lambda: world.average() == "70")
        world.wait_syncs(2)
    assert values() == [2]


def a_pod_that_loses_its_metric_is_taken_to_be_on_target(world: World) -> None:
    """On the way down: half of the pods at 50 % would let one go, (3 x 50 + 3 x 70) / 6 does not."""
    world.begin(replicas=6)
    eventually(world.is_active)
    with world.watched() as values:
        world.say(LOADING, LOADING, LOADING, page(gpu=50))
        eventually(lambda: world.average() == "50")
        world.wait_syncs(3)
        assert values() == [6]
        world.say(LOADING, LOADING, LOADING, page(gpu=20))
        eventually(lambda: world.replicas() < 6)
    assert values()[:2] == [6, 4]


def all_failing(answer: Behaviour) -> Story:
    """Of one way in which every scrape can fail."""

    def story(world: World) -> None:
        world.begin(replicas=2)
        eventually(world.is_active)
        with world.watched() as values:
            world.say(answer)
            eventually(lambda: world.condition("ScalingActive") == ("False", "FailedGetPodsMetric"))
            world.failed(2)
            # The adapter has answered in time, also where no pod has.
            assert "no metrics returned from custom metrics API" in world.message()
            assert values() == [2]
            world.say(page(gpu=100))
            world.becomes(6)
        assert values() == [2, 3, 5, 6]
        assert world.is_active()

    return story


def the_mean_over_a_pods_gpus_is_what_is_read(world: World) -> None:
    """Details of devices on the same page do not enter: 100 and 20 on two GPUs are 60."""
    world.start_pods(2, page(gpu=60))
    world.autoscale(gpuUtilization=60)
    eventually(lambda: world.average() == "60")


def it_scales_down_after_the_stabilisation(world: World) -> None:
    world.begin(replicas=6, behavior={"scaleDown": {"stabilizationWindowSeconds": 10}, "scaleUp": {}})
    eventually(world.is_active)
    with world.watched() as values:
        world.say(*6 * [Together(6, page(gpu=20))], page(gpu=20))
        eventually(lambda: world.condition("AbleToScale")[1] == "ScaleDownStabilized")
        world.becomes(1)
    assert (seen := values()) == [6, 2, 1], seen


def of_several_targets_the_largest_spec_wins(world: World) -> None:
    """And where one cannot be read, the others may add pods but take none away."""
    inflight = {
        "type": "Pods",
        "pods": {
            "metric": {"name": contract.INFLIGHT_METRIC},
            "target": {"type": "AverageValue", "averageValue": "4"},
        },
    }
    world.start_pods(2, page(gpu=70))
    world.autoscale(metrics=[inflight])
    eventually(world.is_active)
    with world.watched() as values:
        world.say(page(gpu=20))
        world.wait_syncs(3)
        assert values() == [2]
        world.say(page(gpu=20, more={contract.INFLIGHT_METRIC: 12}))
        world.becomes(6)
        world.say(page(gpu=20, more={contract.INFLIGHT_METRIC: 0}))
        world.becomes(2)
    assert values()[:2] == [2, 6]


def a_target_of(field: str, value: float, metric: str, reading: float) -> Story:
    """Twice as much as is aimed at takes twice as many pods, whatever the units."""

    def story(world: World) -> None:
        world.start_pods(1, page(gpu=10, more={metric: reading}))
        with world.watched() as values:
            world.autoscale(gpuUtilization=None, maxReplicas=2, **{field: value})
            world.becomes(2)
        assert values() == [1, 2]

    return story


FAULTS: dict[str, Behaviour] = {"status 500": FAILURE, "no answer": SILENCE, "garbage": GARBAGE}
STORIES: dict[str, Story] = {
    **{
        story.__name__.replace("_", " "): story
        for story in (
            the_default_behavior_never_more_than_doubles_or_adds_two,
            it_steps_up_once_a_synchronisation,
            pods_that_load_hold_it_where_it_is,
            pods_that_told_zero_while_they_load_would_pull_it_down,
            pods_that_are_not_ready_count,
            a_pod_that_loses_its_metric_is_taken_to_be_on_target,
            the_mean_over_a_pods_gpus_is_what_is_read,
            it_scales_down_after_the_stabilisation,
            of_several_targets_the_largest_spec_wins,
        )
    },
    "a target of gpuMemory": a_target_of("gpuMemory", 45, contract.GPU_MEMORY_METRIC, 90),
    "a target of busyRatio": a_target_of("busyRatio", 45, contract.BUSY_METRIC, 0.9),
    "a target of inflightPerReplica": a_target_of("inflightPerReplica", 4, contract.INFLIGHT_METRIC, 8),
    "a target of queueSeconds": a_target_of("queueSeconds", 0.15, contract.QUEUE_METRIC, 0.3),
    **{
        f"scrapes that all fail hold it where it is {name}": all_failing(answer)
        for name, answer in FAULTS.items()
    },
}
