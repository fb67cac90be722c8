"""Makes the children of a model what they should be: prunes, applies what differs, hands replicas over.

`reconcile` calls it with what `render` made; who owns `replicas` when is decided here.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError, KindMissing, NameConflict, Retry
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.cluster.cache import Key, owned_by
from paddlemodel_operator.cluster.drift import is_applied, owns
from paddlemodel_operator.reconcile.context import World
from paddlemodel_operator.render import Object

log = logging.getLogger(__name__)

Trouble = ApiError | NameConflict | Retry
SOON: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What could not be realised."""

    trouble: tuple[names.Kind, Trouble] | None = None
    """The first child that failed."""
    missing: tuple[names.Kind, ...] = ()
    """Kinds that the cluster does not know: no fault of the model, which is served without them."""


async def realise(world: World, model: PaddleModel, children: Mapping[names.Kind, Object | None]) -> Outcome:
    """Prune what should not be, then apply what should; a refused child does not stop the others.

    The order matters: an autoscaler has to be gone before the Deployment gets its replicas from the spec.
    """
    first, missing = None, []
    for kind in sorted(children, key=lambda kind: children[kind] is not None):
        try:
            await _ensure(world, model, kind, children[kind])
        except Retry as error:
            return Outcome(trouble=first or (kind, error))
        except KindMissing:
            missing.append(kind)
        except (ApiError, NameConflict) as error:
            first = first or (kind, error)
    return Outcome(trouble=first, missing=tuple(missing))


async def _ensure(world: World, model: PaddleModel, kind: names.Kind, desired: Object | None) -> None:
    key = (model.namespace, model.name)
    live = world.cache.get(kind, key)
    # A stranger of that name is not in the cache; nor is what KEDA first says, since no watch tells of it.
    unheard = live is not None and kind in names.OPTIONAL_KINDS and not live.get("status")
    if desired is not None and (live is None or unheard):
        live = await world.api.get(kind, *key)
        if live is None and kind in names.OPTIONAL_KINDS and not await world.api.serves(kind):
            raise KindMissing(kind.kind)
    if desired is None:
        ours = live is not None and owned_by(live, model.uid)
        if live is not None and ours:
            await _prune(world, kind, live)
        if kind == names.SCALED_OBJECT and await _keda_still_scales(world, key, pruned=ours):
            raise Retry(SOON, "KEDA's HorizontalPodAutoscaler is being deleted")
        return
    if live is not None:
        _claim(live, model, kind)
        if is_applied(desired, live):
            world.cache.put(kind, live)
            return
        if kind == names.DEPLOYMENT and "replicas" not in desired["spec"] and _has_replicas_of_ours(live):
            await _hand_over(world, kind, live)
        # The uid makes sure that this very object is meant, and not a later one of the same name.
        desired = {**desired, "metadata": {**desired["metadata"], "uid": live["metadata"]["uid"]}}
    world.cache.put(kind, await _apply(world, kind, desired, exists=live is not None))
    log.info("Applied %s %s/%s.", kind.kind, *key)


async def _apply(world: World, kind: names.Kind, desired: Object, *, exists: bool) -> Object:
    """Somebody who edits a key of a list item, such as a port, leaves an item that is not ours beside ours.

    The two contradict each other, the server refuses (422), and no apply of ours removes a stranger's item.
    """
    try:
        return await world.api.apply(kind, desired)
    except ApiError as error:
        if error.code != 422 or not exists:
            raise
    await world.api.replace_lists(kind, desired)
    return await world.api.apply(kind, desired)


def _claim(live: Mapping[str, Any], model: PaddleModel, kind: names.Kind) -> None:
    """Only an object that this very model controls may be written."""
    owners = [one for one in live["metadata"].get("ownerReferences", ()) if one.get("controller")]
    if not owned_by(live, model.uid):
        if any(one.get("kind") == contract.KIND and one.get("name") == model.name for one in owners):
            raise Retry(SOON, f"the {kind.kind} of a deleted model of this name is still being removed")
        raise NameConflict(kind.kind, model.name)
    if live["metadata"].get("deletionTimestamp"):
        raise Retry(SOON, f"the {kind.kind} is being deleted by somebody; it is created again afterwards")


async def _prune(world: World, kind: names.Kind, live: Mapping[str, Any]) -> None:
    metadata = live["metadata"]
    key = metadata["namespace"], metadata["name"]
    await world.api.delete(kind, live)
    log.info("Deleted %s %s/%s.", kind.kind, *key)
    left = await world.api.get(kind, *key)
    if left is not None and left["metadata"]["uid"] == metadata["uid"]:
        raise Retry(SOON, f"the {kind.kind} is being deleted{_held_by_keda(kind, left)}")
    world.cache.remove(kind, live)


def _held_by_keda(kind: names.Kind, left: Mapping[str, Any]) -> str:
    """A KEDA that was removed before its ScaledObjects leaves finalizers which nobody takes away."""
    if kind != names.SCALED_OBJECT or not left["metadata"].get("finalizers"):
        return ""
    name = f"{left['metadata']['name']} --namespace {left['metadata']['namespace']}"
    patch = """'{"metadata":{"finalizers":null}}'"""
    return f" by KEDA; if KEDA is gone: kubectl patch scaledobject {name} --type merge --patch {patch}"


async def _keda_still_scales(world: World, key: Key, *, pruned: bool) -> bool:
    """Garbage collection removes KEDA's autoscaler after the ScaledObject; until then it writes replicas.

    Asked for once the ScaledObject was pruned, and from then on while our watch tells of it.
    """
    theirs = key[0], names.keda_autoscaler(key[1])
    known = world.cache.get(names.AUTOSCALER, theirs)
    if known is None and not pruned:
        return False
    live = await world.api.get(names.AUTOSCALER, *theirs)
    if live is None:
        if known is not None:
            world.cache.remove(names.AUTOSCALER, known)
        return False
    if live["metadata"].get("labels", {}).get(contract.MODEL_LABEL) != key[1]:
        return False  # Of somebody's own ScaledObject.
    world.cache.put(names.AUTOSCALER, live)
    return True


def _has_replicas_of_ours(live: Mapping[str, Any]) -> bool:
    """0 is not worth keeping: it stops every autoscaler for good, and left out it becomes 1."""
    return owns(live, "spec", "replicas") and bool(live["spec"].get("replicas"))


async def _hand_over(world: World, kind: names.Kind, live: Mapping[str, Any]) -> None:
    """A field that its only owner omits is deleted, and replicas would fall to 1: a second owner holds it.

    Without force: a value that changed meanwhile is a conflict, and the next look starts from the new one.
    """
    metadata = {"name": live["metadata"]["name"], "namespace": live["metadata"]["namespace"]}
    held = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {**metadata, "uid": live["metadata"]["uid"]},
        "spec": {"replicas": live["spec"]["replicas"]},
    }
    await world.api.apply(kind, held, names.HANDOVER_MANAGER, force=False)
