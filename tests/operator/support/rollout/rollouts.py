"""A model at a real API server, whose versions differ by their URI, and what is seen of its rollout."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from paddlemodel_api import contract
from paddlemodel_operator.base import names

from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.manifests import manifest
from tests.operator.support.rollout.kubelet import Kubelet, Labels, Traffic

Object = dict[str, Any]
NAME = "resnet50"
CANARY = f"{NAME}-canary"
GOOD, BAD = Traffic(), Traffic(failed=50.0)
OLD, NEW, NEWER = (f"https://models.example.com/{name}.tar" for name in ("old", "new", "newer"))
QUICK: Object = {
    "strategy": "Canary",
    "steps": [{"weight": 10, "minutes": 0}, {"weight": 50, "minutes": 0}],
    "abortOn": {"minRequests": 50},
}
LONG: Object = {**QUICK, "steps": [{"weight": 10, "minutes": 60}]}


def is_canary(labels: Labels) -> bool:
    return labels.get(contract.TRACK_LABEL) == contract.TRACK_CANARY


def good(_: Labels) -> Traffic:
    return GOOD


def bad(labels: Labels) -> Traffic:
    return BAD if is_canary(labels) else GOOD


def of(namespace: str, uri: str = OLD, rollout: Mapping[str, Any] = QUICK, **fields: Any) -> Object:
    return manifest(namespace, model={"uri": uri}, **{"replicas": 2, "rollout": dict(rollout), **fields})


def deployment(cluster: Cluster, namespace: str, name: str = NAME) -> Object:
    return cluster.need(names.DEPLOYMENT, namespace, name)


def uri_of(live: Object) -> str:
    """Of the model that its pods fetch."""
    args = live["spec"]["template"]["spec"]["initContainers"][0]["args"]
    return str(args[args.index("--uri") + 1])


def rollout(cluster: Cluster, namespace: str) -> Object:
    found: Object = cluster.need(names.MODEL, namespace, NAME).get("status", {}).get("rollout", {})
    return found


def is_served(cluster: Cluster, namespace: str, uri: str) -> bool:
    """Ready, all stable pods of this model, and nothing left of a canary."""
    live = deployment(cluster, namespace)
    assert cluster.ready_reason(namespace, NAME) == "Serving"
    assert (uri_of(live), live["status"].get("updatedReplicas")) == (uri, live["spec"]["replicas"])
    assert cluster.get(names.DEPLOYMENT, namespace, CANARY) is None
    return "phase" not in rollout(cluster, namespace)


@contextmanager
def served(
    cluster: Cluster, namespace: str, traffic: Callable[[Labels], Traffic | None]
) -> Iterator[Kubelet]:
    """A namespace in which the old version serves; `traffic` says what the pods of each answer."""
    with Kubelet.of(cluster, namespace, traffic) as found:
        cluster.apply(of(namespace))
        eventually(lambda: is_served(cluster, namespace, OLD))
        yield found


def is_ended(cluster: Cluster, namespace: str) -> bool:
    """The canary is aborted, and has no pods."""
    aborted = rollout(cluster, namespace).get("phase") == "Aborted"
    return aborted and deployment(cluster, namespace, CANARY)["spec"]["replicas"] == 0


def selects(cluster: Cluster, namespace: str) -> str | None:
    """The track that the model's Service is confined to; None: all."""
    found: str | None = cluster.need(names.SERVICE, namespace, NAME)["spec"]["selector"].get(
        contract.TRACK_LABEL
    )
    return found


def annotate(cluster: Cluster, namespace: str, verb: str) -> None:
    """What a person says of the revision that is tried out."""
    word = f"{verb}@{rollout(cluster, namespace)['canaryRevision']}" if verb else None
    path = names.MODEL.item(namespace, NAME)
    cluster.patch(path, {"metadata": {"annotations": {contract.ROLLOUT_ANNOTATION: word}}})
