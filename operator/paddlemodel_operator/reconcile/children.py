"""Brings the children of one model to what was rendered: deletes, applies, repairs, hands over.

A `ChildKey` says which child, since there may be several of a kind. What is as desired costs no request.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError, KindMissing, NameConflict, Retry
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.base.names import ChildKey
from paddlemodel_operator.cluster.cache import Key, owned_by
from paddlemodel_operator.cluster.drift import is_applied, owns
from paddlemodel_operator.reconcile.context import Context
from paddlemodel_operator.render import Children, Object

log = logging.getLogger(__name__)

SOON: Final = 1.0
"""Seconds until another attempt, where something is on its way."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A child that could not be brought to its desired state, and why."""

    child: ChildKey
    error: ApiError | NameConflict | Retry


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What could not be done."""

    trouble: Trouble | None = None
    """The first child that failed."""
    missing: tuple[names.Kind, ...] = ()
    """Kinds that the cluster does not know: no fault of the model, which is served without them."""


async def apply_children(context: Context, model: PaddleModel, desired: Children) -> Outcome:
    """Delete what is ours and not desired, then apply what is; a refused child does not stop the others.

    But for one that closes the pods: without it none of those behind it is touched.

    The order matters: an autoscaler has to be gone before the Deployment gets its replicas from the spec, and
    what closed the pods goes last, once all that may close them instead is there. So does a Service, once no
    route leads to it any more.
    """
    first, missing = None, []
    key = model.namespace, model.name
    for watch in context.optional.values():
        watch.waiting.discard(key)
    existing = context.cache.children(key)
    undesired = _undesired(model, existing, desired)
    last = [child for child in undesired if child.kind in names.LEFT_LAST]
    before = [child for child in undesired if child not in last]
    for child in [*before, *_keda_autoscalers(existing, undesired, desired), *desired, *last]:
        if first is not None and child in last:
            break
        try:
            if child in desired:
                await _ensure(context, model, child, desired[child])
            elif child in undesired:
                await _prune(context, child, existing[child])
            else:
                await _await_keda(context, model, child)
        except Retry as error:
            return Outcome(trouble=first or Trouble(child, error))
        except KindMissing:
            missing.append(child.kind)
        except (ApiError, NameConflict) as error:
            if _stops(context, child, error, model.namespace):
                return Outcome(trouble=Trouble(child, error), missing=tuple(missing))
            first = first or Trouble(child, error)
    return Outcome(trouble=first, missing=tuple(missing))


def _stops(context: Context, child: ChildKey, error: ApiError | NameConflict, namespace: str) -> bool:
    """Whether the children behind one that failed are left as they are."""
    if isinstance(error, ApiError) and error.is_of_ending_namespace:
        context.ending[namespace] = error
        return True
    return child.kind in names.CLOSING_KINDS or (isinstance(error, ApiError) and error.is_overload)


def waiting(context: Context, model: PaddleModel, desired: Children) -> list[ChildKey]:
    """The children that `apply_children` would make, change or delete now, as far as the cache knows."""
    existing = context.cache.children((model.namespace, model.name))
    different = [
        child
        for child, wanted in desired.items()
        if context.serves(child.kind, model.namespace)
        and not (child in existing and is_applied(wanted, existing[child]))
    ]
    return [*different, *_undesired(model, existing, desired)]


def _undesired(
    model: PaddleModel, existing: Mapping[ChildKey, Mapping[str, Any]], desired: Children
) -> list[ChildKey]:
    return [one for one, live in existing.items() if one not in desired and owned_by(live, model.uid)]


async def _ensure(context: Context, model: PaddleModel, child: ChildKey, desired: Object) -> None:
    kind, key = child.kind, (model.namespace, child.name)
    live = context.cache.get(kind, key)
    if live is None:
        if (ending := context.ending.get(model.namespace)) is not None:
            raise ending
        watch = context.watch(kind, model.namespace)
        if watch is not None and not watch.served:
            watch.miss((model.namespace, model.name))
            raise KindMissing(kind.kind)
        live = await _create(context, kind, key, desired)
        if live is None:
            return
    try:
        _claim(live, model, child)
    except NameConflict:
        context.foreign.add((kind, key))
        raise
    if context.recent.is_applied((model.namespace, model.name), child, desired, live):
        context.cache.put(kind, live)
        return
    if kind == names.DEPLOYMENT and "replicas" not in desired["spec"] and _has_replicas_of_ours(live):
        await _hand_over(context, kind, live)
    # The uid makes sure that this very object is meant, and not a later one of the same name.
    desired = {**desired, "metadata": {**desired["metadata"], "uid": live["metadata"]["uid"]}}
    context.cache.put(kind, await _apply(context, kind, desired))
    log.info("Applied %s %s/%s.", kind.kind, *key)


async def _create(context: Context, kind: names.Kind, key: Key, desired: Object) -> Object | None:
    """Create what nobody has reported; the object in its place, if there is one.

    It belongs to somebody else, whose objects are in no watch of ours, or to us and comes a moment later.
    """
    if (kind, key) not in context.foreign:
        made = await context.api.create(kind, desired)
        if made is not None:
            context.cache.put(kind, made)
            log.info("Created %s %s/%s.", kind.kind, *key)
            return None
    found = await context.api.get(kind, *key)
    if found is None:
        context.foreign.discard((kind, key))
        raise Retry(SOON, f"the {kind.kind} of this name has just been deleted")
    return found


async def _apply(context: Context, kind: names.Kind, desired: Object) -> Object:
    """Apply, and repair a list that an edit from outside has left with an item beside ours.

    That happens where the edit changed the key of an item, such as a port. The two contradict each other, the
    server refuses (422), and an apply of ours removes only our own items.
    """
    try:
        return await context.api.apply(kind, desired)
    except ApiError as error:
        if error.code != 422 or error.is_immutable:
            raise
    await context.api.replace_lists(kind, desired)
    return await context.api.apply(kind, desired)


def _claim(live: Mapping[str, Any], model: PaddleModel, child: ChildKey) -> None:
    """Only an object that this very model controls may be written."""
    owners = [one for one in live["metadata"].get("ownerReferences", ()) if one.get("controller")]
    if not owned_by(live, model.uid):
        if any(one.get("kind") == contract.KIND and one.get("name") == model.name for one in owners):
            raise Retry(SOON, f"the {child} of a deleted model of this name is still being removed")
        raise NameConflict(child.kind.kind, child.name)
    if live["metadata"].get("deletionTimestamp"):
        raise Retry(SOON, f"the {child} is being deleted by somebody; it is created again afterwards")


async def _prune(context: Context, child: ChildKey, live: Mapping[str, Any]) -> None:
    metadata = live["metadata"]
    key = metadata["namespace"], metadata["name"]
    await context.api.delete(child.kind, live)
    log.info("Deleted %s %s/%s.", child.kind.kind, *key)
    left = await context.api.get(child.kind, *key)
    if left is not None and left["metadata"]["uid"] == metadata["uid"]:
        raise Retry(SOON, f"the {child} is being deleted{_held_by_keda(child.kind, left)}")
    context.cache.remove(child.kind, live)


def _held_by_keda(kind: names.Kind, left: Mapping[str, Any]) -> str:
    """A KEDA that was removed before its ScaledObjects leaves finalizers that are never removed."""
    if kind != names.SCALED_OBJECT or not left["metadata"].get("finalizers"):
        return ""
    name = f"{left['metadata']['name']} --namespace {left['metadata']['namespace']}"
    patch = """'{"metadata":{"finalizers":null}}'"""
    return f" by KEDA; if KEDA is gone: kubectl patch scaledobject {name} --type merge --patch {patch}"


def _keda_autoscalers(
    existing: Mapping[ChildKey, Mapping[str, Any]], undesired: list[ChildKey], desired: Children
) -> list[ChildKey]:
    """KEDA's autoscalers that outlive their ScaledObject: of those to be deleted, and those still watched."""
    pruned = [child.name for child in undesired if child.kind == names.SCALED_OBJECT]
    kept = {names.keda_autoscaler(child.name) for child in desired if child.kind == names.SCALED_OBJECT}
    watched = [
        child.name for child, live in existing.items() if child.kind == names.AUTOSCALER and _is_of_keda(live)
    ]
    found = dict.fromkeys([*(names.keda_autoscaler(name) for name in pruned), *watched])
    return [ChildKey(names.AUTOSCALER, name) for name in found if name not in kept]


def _is_of_keda(live: Mapping[str, Any]) -> bool:
    owners = live["metadata"].get("ownerReferences", ())
    return any(one.get("kind") == names.SCALED_OBJECT.kind for one in owners)


async def _await_keda(context: Context, model: PaddleModel, child: ChildKey) -> None:
    """Garbage collection removes KEDA's autoscaler after the ScaledObject; until then it writes replicas."""
    key: Key = model.namespace, child.name
    live = await context.api.get(child.kind, *key)
    if live is None:
        if (known := context.cache.get(child.kind, key)) is not None:
            context.cache.remove(child.kind, known)
        return
    if live["metadata"].get("labels", {}).get(contract.MODEL_LABEL) != model.name:
        return  # Of another ScaledObject, which is not ours.
    context.cache.put(child.kind, live)
    raise Retry(SOON, "KEDA's HorizontalPodAutoscaler is being deleted")


def _has_replicas_of_ours(live: Mapping[str, Any]) -> bool:
    """0 is not worth keeping: it stops every autoscaler for good, and left out it becomes 1."""
    return owns(live, "spec", "replicas") and bool(live["spec"].get("replicas"))


async def _hand_over(context: Context, kind: names.Kind, live: Mapping[str, Any]) -> None:
    """A field that its only owner omits is deleted, and replicas would fall to 1: a second owner holds it.

    Without force: a value that changed meanwhile is a conflict, and the next reconcile starts from it.
    """
    metadata = {"name": live["metadata"]["name"], "namespace": live["metadata"]["namespace"]}
    held = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {**metadata, "uid": live["metadata"]["uid"]},
        "spec": {"replicas": live["spec"]["replicas"]},
    }
    await context.api.apply(kind, held, names.HANDOVER_MANAGER, force=False)
