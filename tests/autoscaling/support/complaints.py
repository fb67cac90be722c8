"""One broken link of autoscaling after the other, and what the model's condition says of each.

Each is told in a namespace of its own, with the whole operator at work; test_doctor.py runs them.
"""

from typing import Any

from paddlemodel_api import contract
from paddlemodel_operator.base import names

from tests.autoscaling.support.side_by_side import Story
from tests.autoscaling.support.simulated import FAILURE, page
from tests.autoscaling.support.world import AT_ONCE, NAME, World
from tests.operator.support.cluster import eventually
from tests.operator.support.manifests import manifest
from tests.operator.support.simulated_pods import Behaviour

Object = dict[str, Any]


def autoscaled(world: World, *, device: str = "GPU", **autoscaling: Any) -> None:
    """Apply a model, as a person does."""
    scaling = {"maxReplicas": 6, "behavior": AT_ONCE, **autoscaling}
    world.cluster.apply(manifest(world.namespace, device=device, autoscaling=scaling))


def condition(world: World) -> Object:
    return world.cluster.conditions(world.namespace, NAME).get("AutoscalingActive", {})


def finds(world: World, reason: str, *words: str, status: str = "False") -> None:
    """The condition comes to say so, each of the words included.

    One reading has all of it: a condition may move on before a second one.
    """

    def said() -> bool:
        found = condition(world)
        assert (found.get("reason"), found.get("status")) == (reason, status), found
        assert all(word in found["message"] for word in words), found
        return True

    eventually(said)


def works(world: World) -> None:
    finds(world, "Active", status="True")


def it_works(world: World) -> None:
    world.say(page(gpu=70))
    autoscaled(world, gpuUtilization=70)
    works(world)
    (target,) = eventually(lambda: read_targets(world))
    assert (target["name"], target["metric"]) == ("gpuUtilization", contract.GPU_METRIC)
    assert (target["current"], target["target"]) == ("70", "70")


def read_targets(world: World) -> list[Object]:
    """Those of the status of which the autoscaler has read something."""
    status = world.cluster.need(names.MODEL, world.namespace, NAME)["status"]
    return [one for one in status["autoscaling"]["targets"] if "current" in one]


def all_pods_say(answer: Behaviour, reason: str, *words: str) -> Story:
    """And when they are well again, so is the condition."""

    def story(world: World) -> None:
        world.say(answer)
        autoscaled(world, gpuUtilization=70)
        finds(world, reason, *words)
        assert world.replicas() == 1
        world.say(page(gpu=70))
        works(world)

    return story


def no_pod_answers(world: World) -> None:
    world.say(page(gpu=70))
    autoscaled(world, gpuUtilization=70)
    works(world)
    for one in world.servers():
        one.close()
    finds(world, "PodsUnreachable", "cannot be reached", "NetworkPolicy")


def no_pod_is_ready(world: World) -> None:
    world.say(page(gpu=None))
    autoscaled(world, gpuUtilization=70)
    world.runs(1)
    (pod,) = world.pods()
    not_ready = [{"type": "Ready", "status": "False"}]
    world.cluster.set_pod_status(pod, {**pod["status"], "conditions": not_ready})
    finds(world, "NoReadyPods", "the condition Ready says why", status="Unknown")


def somebody_deletes_the_autoscaler(world: World) -> None:
    """It comes back by itself, and reads its metrics again."""
    world.say(page(gpu=70))
    autoscaled(world, gpuUtilization=70)
    works(world)
    uid = world.autoscaler()["metadata"]["uid"]
    world.cluster.kubectl("delete", "hpa", NAME, "-n", world.namespace)
    eventually(lambda: world.autoscaler()["metadata"]["uid"] != uid)
    works(world)
    assert world.replicas() == 1


def somebody_scales_to_zero(world: World) -> None:
    world.say(page(gpu=70))
    autoscaled(world, gpuUtilization=70)
    works(world)
    world.cluster.kubectl("scale", "deployment", NAME, "--replicas=0", "-n", world.namespace)
    finds(world, "ScalingDisabled", "scale it to 1")
    world.cluster.kubectl("scale", "deployment", NAME, "--replicas=1", "-n", world.namespace)
    works(world)


def a_second_autoscaler_scales_the_same_pods(world: World) -> None:
    world.say(page(gpu=70))
    autoscaled(world, gpuUtilization=70)
    works(world)
    ours = world.autoscaler()
    metadata = {"name": "second", "namespace": world.namespace}
    second = {"apiVersion": ours["apiVersion"], "kind": ours["kind"], "metadata": metadata}
    world.cluster.apply({**second, "spec": ours["spec"]})
    finds(world, "AmbiguousSelector", "delete it")
    world.cluster.kubectl("delete", "hpa", "second", "-n", world.namespace)
    works(world)


def the_api_server_refuses_the_autoscaler(world: World) -> None:
    world.say(page(gpu=70))
    autoscaled(world, metrics=[{"type": "Nonsense"}])
    finds(world, "AutoscalerMissing", "could not be written", "Nonsense")
    autoscaled(world, gpuUtilization=70)
    works(world)


def there_is_no_metrics_server(world: World) -> None:
    world.say(page(gpu=None))
    autoscaled(world, device="CPU", cpuUtilization=70)
    finds(world, "MetricsServerMissing", "metrics.k8s.io", "busyRatio")
    autoscaled(world, device="CPU", busyRatio=70)
    world.say(page(gpu=None, more={contract.BUSY_METRIC: 0.7}))
    works(world)


def there_is_no_keda(world: World) -> None:
    world.say(page(gpu=70))
    autoscaled(world, gpuUtilization=70, metricsSource="keda")
    finds(world, "KEDAMissing", "install KEDA")
    autoscaled(world, gpuUtilization=70, metricsSource="builtin")
    works(world)


def one_of_two_targets_is_not_told(world: World) -> None:
    """It works, and says what it cannot read and what that means."""
    world.say(page(gpu=70))
    autoscaled(world, gpuUtilization=70, queueSeconds=1)
    finds(world, "Active", "cannot read queueSeconds", "does not lower", status="True")


COMPLAINTS: dict[str, Story] = {
    **{
        story.__name__.replace("_", " "): story
        for story in (
            it_works,
            no_pod_answers,
            no_pod_is_ready,
            somebody_deletes_the_autoscaler,
            somebody_scales_to_zero,
            a_second_autoscaler_scales_the_same_pods,
            the_api_server_refuses_the_autoscaler,
            there_is_no_metrics_server,
            there_is_no_keda,
            one_of_two_targets_is_not_told,
        )
    },
    "pods answer with 500": all_pods_say(FAILURE, "PodsUnreachable", "500"),
    "pods tell no utilisation": all_pods_say(page(gpu=None), "SeriesMissing", contract.GPU_METRIC),
    "GPUs are MIG slices": all_pods_say(page(gpu=None, nvml="mig"), "GPUMetricsOnMIG", "busyRatio"),
    "NVML is missing": all_pods_say(
        page(gpu=None, nvml="library_missing"), "GPUMetricsFailed", "libnvidia-ml.so.1"
    ),
    "NVML finds no GPU": all_pods_say(page(gpu=None, nvml="no_device"), "GPUMetricsFailed", "device plugin"),
    "NVML fails": all_pods_say(page(gpu=None, nvml="failed"), "GPUMetricsFailed", "driver"),
}
