"""What is kept of an object of the API: half of a Deployment is the book-keeping of others; pure.

The cache holds every object of every model for as long as the process lives, so its size decides how many
models one operator can serve. Listed here is what a reconcile, the doctor or `drift` reads; all else goes.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names

Object = Mapping[str, Any]

METADATA: Final = (
    "name",
    "namespace",
    "uid",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "ownerReferences",
)
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
STATUS: Final = {
    names.DEPLOYMENT: ("observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "conditions"),
    names.AUTOSCALER: ("currentMetrics", "conditions"),
    names.SCALED_OBJECT: ("conditions",),
    names.HTTP_ROUTE: ("parents",),
}
"""What is read of the status of a child; of other kinds, nothing."""
CONDITION: Final = ("type", "status", "reason", "message")
POD_CONDITION: Final = (*CONDITION, "lastTransitionTime")
"""Of a pod the times tell whether it was ever ready."""
CONTAINER_STATUS: Final = ("name", "state", "lastState", "ready", "restartCount")


def trimmed(kind: names.Kind, body: Object) -> dict[str, Any]:
    """The part of an object that somebody reads, and not its version; shares its values with `body`."""
    metadata = _only(body["metadata"], METADATA)
    if kind == names.POD:
        return {"metadata": metadata, **_pod(body)}
    if kind == names.MODEL:
        metadata |= _commands(body["metadata"])
        return {"metadata": metadata, **_only(body, ("spec", "status"))}
    metadata |= _applied(body["metadata"])
    status = _status(body, STATUS[kind]) if kind in STATUS else {}
    return {"metadata": metadata, **_only(body, ("spec",)), **({"status": status} if status else {})}


def _only(body: Object, keys: Iterable[str]) -> dict[str, Any]:
    return {key: body[key] for key in keys if key in body}


def _status(body: Object, keys: Iterable[str], condition: Iterable[str] = CONDITION) -> dict[str, Any]:
    """These fields, and of each condition those of `condition`."""
    kept = _only(body.get("status") or {}, keys)
    if "conditions" in kept:
        kept["conditions"] = [_only(one, condition) for one in kept["conditions"] or ()]
    return kept


def _commands(metadata: Object) -> dict[str, Any]:
    """The annotations of a PaddleModel that mean something to the operator."""
    known = (contract.PAUSED_ANNOTATION, contract.ROLLOUT_ANNOTATION)
    kept = _only(metadata.get("annotations") or {}, known)
    return {"annotations": kept} if kept else {}


def _applied(metadata: Object) -> dict[str, Any]:
    """What `drift` compares: the fields that we have applied, and annotations, which may be ours."""
    ours = [
        _only(entry, ("manager", "operation", "fieldsV1"))
        for entry in metadata.get("managedFields", ())
        if is_ours(entry)
    ]
    kept = {key: value for key, value in metadata.get("annotations", {}).items() if key != LAST_APPLIED}
    return {**({"managedFields": ours} if ours else {}), **({"annotations": kept} if kept else {})}


def is_ours(entry: Object, manager: str = names.FIELD_MANAGER) -> bool:
    """Whether an entry of managedFields is what a manager has applied, statuses and scales aside."""
    applied = entry.get("manager") == manager and entry.get("operation") == "Apply"
    return applied and not entry.get("subresource")


def _pod(body: Object) -> dict[str, Any]:
    """Where it is, what GPUs it holds, and how its containers are."""
    spec, status = body.get("spec", {}), body.get("status", {})
    kept = _status(body, ("phase", "podIP", "conditions"), POD_CONDITION)
    containers = [
        {"name": one["name"], "resources": _only(one.get("resources", {}), ("limits",))}
        for one in spec.get("containers", ())
        if one["name"] == names.SERVER_CONTAINER
    ]
    for key in ("initContainerStatuses", "containerStatuses"):
        if key in status:
            kept[key] = [_only(one, CONTAINER_STATUS) for one in status[key]]
    return {"spec": {**_only(spec, ("nodeName",)), "containers": containers}, "status": kept}
