"""What the cache keeps is all that anybody reads, and little of the whole."""

import copy
import json
from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.cache import Cache
from paddlemodel_operator.cluster.drift import is_applied
from paddlemodel_operator.cluster.trim import LAST_APPLIED, trimmed
from paddlemodel_operator.observe.children import LiveObjects, observe

from tests.operator.support.builders import rendered

Object = dict[str, Any]

SHARE = 40_000
"""Bytes of memory that one model may cost, with its pods and children: 5,000 fit into the chart's limit."""


def owned(value: Any) -> Object:
    """As the API server writes down who has applied a value."""
    if isinstance(value, dict):
        return {f"f:{key}": owned(inner) for key, inner in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict) and "name" in value[0]:
        return {f'k:{{"name":"{one["name"]}"}}': {".": {}, **owned(one)} for one in value}
    return {}


def live(kind: names.Kind) -> Object:
    """A child as the API server would answer, with the book-keeping of three others."""
    desired = copy.deepcopy(rendered(kind, service={"annotations": {"team": "vision"}}, replicas=2))
    fields = {key: owned(value) for key, value in desired.items() if key in {"metadata", "spec"}}
    entry = {
        "manager": names.FIELD_MANAGER,
        "operation": "Apply",
        "fieldsV1": {f"f:{key}": value for key, value in fields.items()},
    }
    metadata = entry["fieldsV1"]["f:metadata"]  # type: ignore[index]  # JSON.
    for key in ("f:name", "f:namespace"):
        del metadata[key]
    others = [{**entry, "operation": "Update", "subresource": "status"}, {**entry, "manager": "kubectl"}]
    desired["metadata"] |= {"uid": "u", "resourceVersion": "9", "managedFields": [*others, entry, *others]}
    desired["metadata"].setdefault("annotations", {})[LAST_APPLIED] = json.dumps(desired)
    return {**desired, "status": {"observedGeneration": 1, "replicas": 2}}


def pod(ready: str = "True") -> Object:
    """As the kubelet reports it."""
    template = copy.deepcopy(rendered(names.DEPLOYMENT, device="GPU")["spec"]["template"])
    template["spec"]["nodeName"] = "node-1"
    state = {"ready": True, "restartCount": 1, "state": {"running": {"startedAt": "now"}}, "image": "i" * 90}
    return {
        "metadata": {
            **template["metadata"],
            "name": "a-1",
            "namespace": "ml",
            "uid": "u",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{"manager": "kubelet", "fieldsV1": owned(template)}],
        },
        "spec": template["spec"],
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.1",
            "conditions": [
                {"type": "Initialized", "status": "True", "lastTransitionTime": "2026-01-01T00:00:01Z"},
                {"type": "Ready", "status": ready, "lastTransitionTime": "2026-01-01T00:00:09Z"},
                {"type": "PodScheduled", "status": "True"},
            ],
            "initContainerStatuses": [{"name": names.FETCH_CONTAINER, **state}],
            "containerStatuses": [{"name": names.SERVER_CONTAINER, **state}],
        },
    }


def test_drift_is_judged_as_on_the_whole_object() -> None:
    for kind in (names.DEPLOYMENT, names.SERVICE, names.DISRUPTION_BUDGET):
        desired = rendered(kind, service={"annotations": {"team": "vision"}}, replicas=2)
        body = live(kind)
        assert is_applied(desired, body) is is_applied(desired, trimmed(kind, body))
        body["spec"] = {**body["spec"], "stranger": 1}
        body["metadata"]["labels"] = {}
        assert not is_applied(desired, trimmed(kind, body))
    assert is_applied(
        rendered(names.DISRUPTION_BUDGET, replicas=2),
        trimmed(names.DISRUPTION_BUDGET, live(names.DISRUPTION_BUDGET)),
    )


@pytest.mark.parametrize("ready", ["True", "False"])
def test_what_is_observed_is_the_same(ready: str) -> None:
    deployment, one = live(names.DEPLOYMENT), pod(ready)
    deployment["spec"]["template"]["metadata"]["labels"] = one["metadata"]["labels"]
    gpu = "nvidia.com/gpu"
    whole = observe(LiveObjects(deployment=deployment, pods=[one], gpu_resource=gpu))
    kept = observe(
        LiveObjects(
            deployment=trimmed(names.DEPLOYMENT, deployment),
            pods=[trimmed(names.POD, one)],
            gpu_resource=gpu,
        )
    )
    assert kept == whole
    assert whole.gpus == 1
    assert whole.ready_pods == (ready == "True")
    assert [found.was_ready for found in kept.pods] == [True]


def test_the_book_keeping_of_others_is_dropped() -> None:
    kept = trimmed(names.SERVICE, live(names.SERVICE))
    (entry,) = kept["metadata"]["managedFields"]
    assert entry["manager"] == names.FIELD_MANAGER
    assert kept["metadata"]["annotations"] == {"team": "vision"}
    assert "managedFields" not in trimmed(names.POD, pod())["metadata"]
    model = {"metadata": {"name": "a", "namespace": "ml", "managedFields": [1], "annotations": {"a": "b"}}}
    assert trimmed(names.MODEL, model) == {"metadata": {"name": "a", "namespace": "ml"}}
    annotated: Object = {contract.PAUSED_ANNOTATION: "true", LAST_APPLIED: "{}"}
    kept = trimmed(names.MODEL, {"metadata": {"name": "a", "annotations": annotated}})
    assert kept["metadata"]["annotations"] == {contract.PAUSED_ANNOTATION: "true"}


def test_of_a_status_only_what_is_judged_is_kept() -> None:
    status = {
        "replicas": 2,
        "unavailableReplicas": 1,
        "conditions": [{"type": "Progressing", "status": "True", "reason": "A", "lastUpdateTime": "now"}],
    }
    body = live(names.DEPLOYMENT) | {"status": status}
    assert trimmed(names.DEPLOYMENT, body)["status"] == {
        "replicas": 2,
        "conditions": [{"type": "Progressing", "status": "True", "reason": "A"}],
    }
    assert "status" not in trimmed(names.DISRUPTION_BUDGET, body)
    assert "status" not in trimmed(names.DEPLOYMENT, body | {"status": None})
    assert trimmed(names.MODEL, {"metadata": {}, "status": status})["status"] == status


def test_a_model_with_its_children_and_pods_is_small() -> None:
    """Counted by the packed bytes, to which Python adds some 400 for each object."""
    cache, whole = Cache(), 0
    bodies = [(kind, live(kind)) for kind in (names.DEPLOYMENT, names.SERVICE, names.DISRUPTION_BUDGET)]
    for kind, body in [*bodies, (names.POD, pod())]:
        body["metadata"]["labels"][contract.MODEL_LABEL] = "a"
        whole += len(json.dumps(body))
        cache.put(kind, body)
    packed = sum(
        len(entry.packed) + 400 for store in cache._stores.values() for entry in store.objects.values()
    )
    assert whole > 4 * packed
    assert 2 * packed < SHARE
