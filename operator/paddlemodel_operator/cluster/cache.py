"""What the watches have reported so far: the last seen object of every kind, by namespace and name.

It is fed with events, with complete lists (at start and at every resync) and with the answers to our own
writes. An older version never replaces a newer one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from paddlemodel_api import contract

from paddlemodel_operator.base import names

Object = Mapping[str, Any]
Key = tuple[str, str]
"""Namespace and name."""


class Unreported(NamedTuple):
    """What a complete list shows and no watch has reported: a missed change, or an object that is gone."""

    key: Key
    model: Key | None
    """The model that the object belongs to."""
    body: Object | None
    """The object as it is now; None if it is gone."""


@dataclass(slots=True)
class _Store:
    objects: dict[Key, Object] = field(default_factory=dict)
    deleted: dict[Key, int] = field(default_factory=dict)
    """Versions of deletions since the last complete list, which may be older than they are."""
    by_model: dict[Key, set[Key]] = field(default_factory=dict)
    """The objects of each model."""


class Cache:
    """Not thread-safe: everything happens in the event loop."""

    def __init__(self) -> None:
        self._stores = {kind: _Store() for kind in (*names.WATCHED_KINDS, *names.OPTIONAL_KINDS)}

    def get(self, kind: names.Kind, key: Key) -> Object | None:
        """One object; None if none is known."""
        return self._stores[kind].objects.get(key)

    def keys(self, kind: names.Kind) -> list[Key]:
        """Namespace and name of every object of a kind."""
        return list(self._stores[kind].objects)

    def pods(self, model: Key) -> list[Object]:
        """The pods of a model, in the order of their names."""
        return self._of(names.POD, model)

    def children(self, model: Key) -> dict[names.ChildKey, Object]:
        """What exists for a model besides its pods, of every kind; not all of it need be the model's own."""
        return {
            names.ChildKey(kind, body["metadata"]["name"]): body
            for kind in (*names.CHILD_KINDS, *names.OPTIONAL_KINDS)
            for body in self._of(kind, model)
        }

    def put(self, kind: names.Kind, body: Object) -> None:
        """Remember an object unless a newer one is known."""
        key, store = _key(body), self._stores[kind]
        known = store.objects.get(key)
        if known is not None and version(known) > version(body):
            return
        if store.deleted.get(key, -1) >= version(body):
            return
        if known is not None:
            self._drop(kind, key)  # It may have belonged to another model.
        store.objects[key] = body
        if (model := model_of(kind, body)) is not None:
            store.by_model.setdefault(model, set()).add(key)

    def remove(self, kind: names.Kind, body: Object) -> None:
        """Forget an object; the body is its last version."""
        key, store = _key(body), self._stores[kind]
        known = store.objects.get(key)
        if known is not None and version(known) <= version(body):
            self._drop(kind, key)
        store.deleted[key] = max(version(body), store.deleted.get(key, -1))

    def replace(self, kind: names.Kind, items: list[dict[str, Any]], listed_at: int) -> list[Unreported]:
        """Take over a complete list of the version `listed_at`; returns what no watch has reported."""
        store, unreported = self._stores[kind], []
        present = {_key(item) for item in items}
        for key, known in list(store.objects.items()):
            if key not in present and version(known) <= listed_at:
                self._drop(kind, key)
                unreported.append(Unreported(key, model_of(kind, known), None))
        for item in items:
            key = _key(item)
            before = store.objects.get(key)
            self.put(kind, item)
            if store.objects.get(key) is item and (before is None or version(before) < version(item)):
                unreported.append(Unreported(key, model_of(kind, item), item))
        store.deleted.clear()
        return unreported

    def _of(self, kind: names.Kind, model: Key) -> list[Object]:
        store = self._stores[kind]
        return [store.objects[key] for key in sorted(store.by_model.get(model, ()))]

    def _drop(self, kind: names.Kind, key: Key) -> None:
        store = self._stores[kind]
        model = model_of(kind, store.objects.pop(key))
        if model in store.by_model:
            store.by_model[model].discard(key)
            if not store.by_model[model]:
                del store.by_model[model]

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys(names.MODEL))


def version(body: Object) -> int:
    """The resourceVersion as a number: those of one API server grow."""
    return int(body["metadata"].get("resourceVersion", 0))


def model_of(kind: names.Kind, body: Object) -> Key | None:
    """The model that an object belongs to: by its owner, else by its label, else by its own name.

    Whether an object is really ours is asked where it matters (`owned_by`). Pods belong to a ReplicaSet and
    KEDA's autoscaler to a ScaledObject, so for them it is the label; a pod without one belongs to no model.
    """
    metadata = body["metadata"]
    if kind == names.MODEL:
        return _key(body)
    owners = metadata.get("ownerReferences", ())
    owner = next((one["name"] for one in owners if one.get("kind") == contract.KIND), None)
    name = owner or metadata.get("labels", {}).get(contract.MODEL_LABEL)
    if name is None and kind != names.POD:
        return _key(body)
    return (metadata["namespace"], name) if name else None


def owned_by(body: Object, uid: str) -> bool:
    """Whether an object is controlled by the model with this uid."""
    owners = body["metadata"].get("ownerReferences", ())
    return any(owner.get("uid") == uid and owner.get("controller") for owner in owners)


def _key(body: Object) -> Key:
    return body["metadata"]["namespace"], body["metadata"]["name"]
