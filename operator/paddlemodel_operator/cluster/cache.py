"""What the watches have told so far: the last seen object of every kind, by namespace and name.

`controller` feeds it with events, with complete lists (at start and at every resync) and with the answers to
our own writes; `reconcile` reads it. An older version never replaces a newer one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from paddlemodel_api import contract

from paddlemodel_operator.base import names

Object = Mapping[str, Any]
Key = tuple[str, str]
"""Namespace and name."""


@dataclass(slots=True)
class _Shelf:
    objects: dict[Key, Object] = field(default_factory=dict)
    deleted: dict[Key, int] = field(default_factory=dict)
    """Deletions since the last complete list, which may be older than they are."""


class Cache:
    """Not thread-safe: everything happens in the event loop."""

    def __init__(self) -> None:
        self._shelves = {kind: _Shelf() for kind in (*names.WATCHED_KINDS, *names.OPTIONAL_KINDS)}
        self._pods: dict[Key, set[Key]] = {}

    def get(self, kind: names.Kind, key: Key) -> Object | None:
        """One object, or None."""
        return self._shelves[kind].objects.get(key)

    def keys(self, kind: names.Kind) -> list[Key]:
        """All that is there of a kind."""
        return list(self._shelves[kind].objects)

    def pods(self, model: Key) -> list[Object]:
        """The pods of a model."""
        pods = self._shelves[names.POD].objects
        return [pods[key] for key in sorted(self._pods.get(model, ()))]

    def put(self, kind: names.Kind, body: Object) -> None:
        """Remember an object unless a newer one is known."""
        key, shelf = _key(body), self._shelves[kind]
        known = shelf.objects.get(key)
        if known is not None and version(known) > version(body):
            return
        if shelf.deleted.get(key, -1) >= version(body):
            return
        shelf.objects[key] = body
        if kind == names.POD and (model := model_of(kind, body)):
            self._pods.setdefault(model, set()).add(key)

    def remove(self, kind: names.Kind, body: Object) -> None:
        """Forget an object; the body is its last version."""
        key, shelf = _key(body), self._shelves[kind]
        known = shelf.objects.get(key)
        if known is not None and version(known) <= version(body):
            self._drop(kind, key)
        shelf.deleted[key] = max(version(body), shelf.deleted.get(key, -1))

    def replace(self, kind: names.Kind, items: list[dict[str, Any]], listed_at: int) -> list[Key]:
        """Take over a complete list; returns what the watch had not told: the missed and the vanished."""
        shelf, surprises = self._shelves[kind], []
        present = {_key(item) for item in items}
        for key, known in list(shelf.objects.items()):
            if key not in present and version(known) <= listed_at:
                self._drop(kind, key)
                surprises.append(key)
        for item in items:
            before = shelf.objects.get(_key(item))
            self.put(kind, item)
            if shelf.objects.get(_key(item)) is item and (before is None or version(before) < version(item)):
                surprises.append(_key(item))
        shelf.deleted.clear()
        return surprises

    def _drop(self, kind: names.Kind, key: Key) -> None:
        body = self._shelves[kind].objects.pop(key)
        model = model_of(kind, body)
        if kind == names.POD and model in self._pods:
            self._pods[model].discard(key)
            if not self._pods[model]:
                del self._pods[model]

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys(names.MODEL))


def version(body: Object) -> int:
    """Versions of one API server grow."""
    return int(body["metadata"].get("resourceVersion", 0))


def model_of(kind: names.Kind, body: Object) -> Key | None:
    """The model that an object belongs to, by its owner (children) or its label (pods)."""
    metadata = body["metadata"]
    if kind == names.MODEL:
        return _key(body)
    if kind == names.POD:
        name = metadata.get("labels", {}).get(contract.MODEL_LABEL)
        return (metadata["namespace"], name) if name else None
    # A child has its model's name; whether it is really ours is asked where it matters.
    label = metadata.get("labels", {}).get(contract.MODEL_LABEL)
    if kind == names.AUTOSCALER and metadata["name"] == names.keda_autoscaler(label):
        return metadata["namespace"], label
    return _key(body)


def owned_by(body: Object, uid: str) -> bool:
    """Whether an object is controlled by the model with this uid."""
    owners = body["metadata"].get("ownerReferences", ())
    return any(owner.get("uid") == uid and owner.get("controller") for owner in owners)


def _key(body: Object) -> Key:
    return body["metadata"]["namespace"], body["metadata"]["name"]
