"""Who owns a Deployment's replicas: the spec or the autoscaler, and the moments in between.

The autoscaler is the real controller. It has no metrics here and leaves replicas alone, so a test scales the
Deployment through /scale, as the autoscaler would.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.drift import owns

from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.manifests import manifest
from tests.operator.support.process import Operator

pytestmark = [pytest.mark.control_plane, pytest.mark.usefixtures("operator")]


def replicas(cluster: Cluster, namespace: str) -> int:
    return int(cluster.need(names.DEPLOYMENT, namespace, "resnet50")["spec"]["replicas"])


def scaled_to(cluster: Cluster, namespace: str, count: int) -> bool:
    return replicas(cluster, namespace) == count


def scale_as_the_autoscaler_does(cluster: Cluster, namespace: str, count: int) -> None:
    cluster.patch(f"{names.DEPLOYMENT.item(namespace, 'resnet50')}/scale", {"spec": {"replicas": count}})


@contextmanager
def watched(cluster: Cluster, namespace: str) -> Iterator[set[int]]:
    """Every value that replicas take, from the API server's own stream of changes."""
    seen: set[int] = set()
    start = cluster.http.get(names.DEPLOYMENT.collection(namespace)).json()["metadata"]["resourceVersion"]
    yield seen
    found = cluster.need(names.DEPLOYMENT, namespace, "resnet50")
    last = found["metadata"]["resourceVersion"]
    if int(last) <= int(start):
        seen.add(found["spec"]["replicas"])  # Nothing has touched it at all.
        return
    query = {"watch": "true", "resourceVersion": start, "timeoutSeconds": "60"}
    with cluster.http.stream("GET", names.DEPLOYMENT.collection(namespace), params=query) as stream:
        for line in stream.iter_lines():
            found = json.loads(line)["object"]
            seen.add(found["spec"]["replicas"])
            if found["metadata"]["resourceVersion"] == last:
                return
    raise AssertionError("the stream ended before the last change")


def test_turning_autoscaling_on_keeps_the_replicas(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    cluster.apply(manifest(namespace, replicas=3))
    eventually(lambda: replicas(cluster, namespace) == 3)
    eventually(operator.is_idle)
    with watched(cluster, namespace) as seen:
        cluster.apply(manifest(namespace, autoscaling={"maxReplicas": 6}))
        eventually(
            lambda: not owns(cluster.need(names.DEPLOYMENT, namespace, "resnet50"), "spec", "replicas")
        )
        eventually(lambda: cluster.get(names.AUTOSCALER, namespace, "resnet50"))
        eventually(operator.is_idle)
    assert seen == {3}


def test_turning_autoscaling_on_wakes_a_model_that_had_no_pods(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    """An autoscaler leaves a Deployment of 0 replicas alone, so it would stay unserved for good."""
    cluster.apply(manifest(namespace, replicas=0))
    eventually(lambda: replicas(cluster, namespace) == 0)
    eventually(operator.is_idle)
    cluster.apply(manifest(namespace, autoscaling={"maxReplicas": 6}))
    eventually(lambda: cluster.get(names.AUTOSCALER, namespace, "resnet50"))
    eventually(operator.is_idle)
    assert replicas(cluster, namespace) == 1


def test_what_the_autoscaler_chose_survives_an_update(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    cluster.apply(manifest(namespace, autoscaling={"maxReplicas": 6}))
    eventually(lambda: cluster.get(names.AUTOSCALER, namespace, "resnet50"))
    eventually(operator.is_idle)
    scale_as_the_autoscaler_does(cluster, namespace, 5)
    with watched(cluster, namespace) as seen:
        cluster.apply(manifest(namespace, autoscaling={"maxReplicas": 6}, server={"queueSize": 3}))
        eventually(
            lambda: cluster.need(names.DEPLOYMENT, namespace, "resnet50")["metadata"]["generation"] > 2
        )
        eventually(operator.is_idle)
    assert seen == {5}


def test_turning_autoscaling_off_goes_straight_to_the_spec(
    cluster: Cluster, operator: Operator, namespace: str
) -> None:
    """The autoscaler is gone before; no other value is passed on the way."""
    cluster.apply(manifest(namespace, autoscaling={"maxReplicas": 6}))
    eventually(lambda: cluster.get(names.AUTOSCALER, namespace, "resnet50"))
    scale_as_the_autoscaler_does(cluster, namespace, 5)
    eventually(operator.is_idle)
    with watched(cluster, namespace) as seen:
        cluster.apply(manifest(namespace, replicas=4))
        eventually(lambda: replicas(cluster, namespace) == 4)
        eventually(operator.is_idle)
    assert cluster.get(names.AUTOSCALER, namespace, "resnet50") is None
    assert seen <= {5, 4}


def ready_message(cluster: Cluster, namespace: str) -> str:
    """Empty before the first status."""
    return str(cluster.conditions(namespace, "resnet50").get("Ready", {}).get("message", ""))


def test_an_autoscaler_that_lingers_is_waited_for(cluster: Cluster, namespace: str) -> None:
    """Somebody's finalizer keeps it: until it is gone the replicas are its own, and the status says so."""
    cluster.apply(manifest(namespace, autoscaling={"maxReplicas": 6}))
    eventually(lambda: cluster.get(names.AUTOSCALER, namespace, "resnet50"))
    item = names.AUTOSCALER.item(namespace, "resnet50")
    cluster.patch(item, {"metadata": {"finalizers": ["example.com/hold"]}})
    scale_as_the_autoscaler_does(cluster, namespace, 5)
    cluster.apply(manifest(namespace, replicas=2))
    eventually(lambda: "being deleted" in ready_message(cluster, namespace))
    assert replicas(cluster, namespace) == 5
    cluster.patch(item, {"metadata": {"finalizers": None}})
    eventually(lambda: replicas(cluster, namespace) == 2)


def test_back_and_forth_and_back(cluster: Cluster, operator: Operator, namespace: str) -> None:
    """The second owner of the hand-over is no trap for the next one."""
    cluster.apply(manifest(namespace, replicas=3))
    eventually(lambda: replicas(cluster, namespace) == 3)
    for count in (4, 2):
        cluster.apply(manifest(namespace, autoscaling={"maxReplicas": 6}))
        eventually(lambda: cluster.get(names.AUTOSCALER, namespace, "resnet50"))
        eventually(operator.is_idle)
        cluster.apply(manifest(namespace, replicas=count))
        eventually(partial(scaled_to, cluster, namespace, count))
        eventually(operator.is_idle)
    with watched(cluster, namespace) as seen:
        cluster.apply(manifest(namespace, autoscaling={"maxReplicas": 6}))
        eventually(lambda: cluster.get(names.AUTOSCALER, namespace, "resnet50"))
        eventually(operator.is_idle)
    assert seen == {2}
