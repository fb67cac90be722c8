"""What the watches have reported so far: the last seen object of every kind, by namespace and name.

It is fed with events, with complete lists (at start, and where a watch has lost its place) and with the
answers to our own writes. An older version never replaces a newer one. Objects are kept trimmed and packed, a
Deployment in 2 kB instead of 50, and unpacked when somebody asks: most are not looked at for hours.
"""

import json
import sys
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson
from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.trim import trimmed

Object = Mapping[str, Any]
Key = tuple[str, str]
"""Namespace and name."""

UNPACKED: Final = 64
"""Objects kept unpacked: one reconcile asks for the same few several times."""


class Unreported(NamedTuple):
    """What a complete list shows and no watch has reported: a missed change, or an object that is gone."""

    key: Key
    model: Key | None
    """The model that the object belongs to."""
    version: int | None
    """The object's version now; None if it is gone."""


class _Entry(NamedTuple):
    version: int
    changed: int
    """The version since which all that is kept has been the same."""
    model: Key | None
    packed: bytes
    """Without its version."""


@dataclass(slots=True)
class _Store:
    objects: dict[Key, _Entry] = field(default_factory=dict)
    deleted: dict[Key, int] = field(default_factory=dict)
    """Versions of deletions since the last complete list, which may be older than they are."""
    by_model: dict[Key, tuple[Key, ...]] = field(default_factory=dict)
    """The objects of each model, in the order of their names."""


class Cache:
    """Not thread-safe: everything happens in the event loop."""

    def __init__(self) -> None:
        self._stores = {kind: _Store() for kind in (*names.WATCHED_KINDS, *names.OPTIONAL_KINDS)}
        self._unpacked: OrderedDict[bytes, Object] = OrderedDict()

    def get(self, kind: names.Kind, key: Key) -> Object | None:
        """One object, as much of it as is kept (`trim`); None if none is known. It must not be changed."""
        entry = self._stores[kind].objects.get(key)
        return None if entry is None else self._unpack(entry)

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

    def versions(self, model: Key) -> tuple[tuple[Key, int], ...]:
        """Which version of which object of a model is known: equal ones mean that nothing has changed.

        A newer one that differs in nothing that is kept, which is all that anybody reads, does not count.
        """
        return tuple(
            (key, store.objects[key].changed)
            for store in self._stores.values()
            for key in store.by_model.get(model, ())
        )

    def put(self, kind: names.Kind, body: Object) -> bool:
        """Remember an object unless this version or a newer one is known; whether it was new."""
        key, store, number = key_of(body), self._stores[kind], version(body)
        known = store.objects.get(key)
        if known is not None and known.version >= number:
            return False
        if store.deleted.get(key, -1) >= number:
            return False
        model = model_of(kind, body)
        if known is None or known.model != model:
            if known is not None:
                self._drop(kind, key)
            if model is not None:
                store.by_model[model] = tuple(sorted((*store.by_model.get(model, ()), key)))
        packed = _pack(trimmed(kind, body))
        same = known is not None and known[2:] == (model, packed)
        store.objects[key] = _Entry(number, known.changed if known and same else number, model, packed)
        return True

    def remove(self, kind: names.Kind, body: Object) -> None:
        """Forget an object; the body is its last version."""
        key, store, number = key_of(body), self._stores[kind], version(body)
        known = store.objects.get(key)
        if known is not None and known.version <= number:
            self._drop(kind, key)
        store.deleted[key] = max(number, store.deleted.get(key, -1))

    def replace(self, kind: names.Kind, items: Iterable[Object], listed_at: int) -> list[Unreported]:
        """Take over a complete list of the version `listed_at`; returns what no watch has reported."""
        listed = list(items)
        new = self.merge(kind, listed)
        return [*self.keep(kind, {key_of(item) for item in listed}, listed_at), *new]

    def merge(self, kind: names.Kind, items: Iterable[Object]) -> list[Unreported]:
        """Take over a part of a list; returns what no watch has reported. `keep` has to follow the last."""
        return [
            Unreported(key_of(item), model_of(kind, item), version(item))
            for item in items
            if self.put(kind, item)
        ]

    def keep(
        self, kind: names.Kind, present: set[Key], listed_at: int, namespace: str | None = None
    ) -> list[Unreported]:
        """Forget what a complete list, of one namespace or of all, did not show; returns that.

        Args:
            kind: of which the list was.
            present: what it showed.
            listed_at: its version.
            namespace: where; None: everywhere.
        """
        store = self._stores[kind]
        gone = [
            Unreported(key, known.model, None)
            for key, known in store.objects.items()
            if key not in present and known.version <= listed_at and namespace in {None, key[0]}
        ]
        for one in gone:
            self._drop(kind, one.key)
        for key in [key for key in store.deleted if namespace in {None, key[0]}]:
            del store.deleted[key]
        return gone

    def _of(self, kind: names.Kind, model: Key) -> list[Object]:
        store = self._stores[kind]
        return [self._unpack(store.objects[key]) for key in store.by_model.get(model, ())]

    def _unpack(self, entry: _Entry) -> Object:
        found = self._unpacked.get(entry.packed)
        if found is None:
            found = self._unpacked[entry.packed] = _parsed(zlib.decompress(entry.packed))
            if len(self._unpacked) > UNPACKED:
                self._unpacked.popitem(last=False)
        return {**found, "metadata": {**found["metadata"], "resourceVersion": str(entry.version)}}

    def _drop(self, kind: names.Kind, key: Key) -> None:
        store = self._stores[kind]
        model = store.objects.pop(key).model
        if model in store.by_model:
            rest = tuple(one for one in store.by_model[model] if one != key)
            if rest:
                store.by_model[model] = rest
            else:
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
        return key_of(body)
    owners = metadata.get("ownerReferences", ())
    owner = next((one["name"] for one in owners if one.get("kind") == contract.KIND), None)
    name = owner or metadata.get("labels", {}).get(contract.MODEL_LABEL)
    if name is None and kind != names.POD:
        return key_of(body)
    return (sys.intern(metadata["namespace"]), sys.intern(name)) if name else None


def owned_by(body: Object, uid: str) -> bool:
    """Whether an object is controlled by the model with this uid."""
    owners = body["metadata"].get("ownerReferences", ())
    return any(owner.get("uid") == uid and owner.get("controller") for owner in owners)


def key_of(body: Object) -> Key:
    """Namespace and name, interned, since the children of a model share both with it."""
    return sys.intern(body["metadata"]["namespace"]), sys.intern(body["metadata"]["name"])


def _pack(body: Object) -> bytes:
    """Level 1: 50 microseconds for a Deployment; higher ones take twice as long for a tenth less."""
    try:
        text = orjson.dumps(body)
    except TypeError:  # A number of more than 64 bits: an API server sends none, and it must not end a watch.
        text = json.dumps(body).encode()
    return zlib.compress(text, 1)


def _parsed(text: bytes) -> Object:
    try:
        found: Object = orjson.loads(text)
    except orjson.JSONDecodeError:  # Beside such a number there was an infinite one.
        found = json.loads(text)
    return found
