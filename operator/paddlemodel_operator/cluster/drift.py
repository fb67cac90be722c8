"""Is a child as we would apply it? Answered from the object alone, so an unchanged model costs no request.

The API server records in managedFields which fields our manager applied. Nothing is to be done when that set
equals the fields of the desired object and each of them still has the desired value; defaults that the server
or others added are none of our business. It is checked before every apply, also right after a start.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from paddlemodel_operator.base import names
from paddlemodel_operator.base.quantity import amount
from paddlemodel_operator.cluster.trim import is_ours

Fields = Mapping[str, Any]

QUANTITY_PARENTS: Final = frozenset({"requests", "limits"})
QUANTITY_KEYS: Final = frozenset({"averageValue", "sizeLimit", "divisor"})
EXACT: Final = frozenset(
    {
        *("from", "podSelector", "namespaceSelector", "labelSelector", "affinity", "tolerations"),
        *("tls", "secretKeyRef", "configMapKeyRef", "parentRefs", "selector"),
    }
)
"""Atomic values, or parts of them, to which the server adds nothing: another key is one that we took out."""
IDENTITY: Final = {
    (): frozenset({"apiVersion", "kind", "metadata"}),
    ("metadata",): frozenset({"name", "namespace"}),
}
"""What says which object it is, by where it stands, and metadata, which is compared by itself."""

_MAPPING: Final = (dict, Mapping)
"""Python finds a dict, which nearly all are, at once, and asks an abstract class slowly."""


def is_applied(
    desired: Mapping[str, Any], live: Mapping[str, Any], manager: str = names.FIELD_MANAGER
) -> bool:
    """Whether applying `desired` as `manager` would change nothing."""
    fields = owned_fields(live, manager)
    return fields is not None and _mapping(desired, live, fields, ())


def owned_fields(live: Mapping[str, Any], manager: str = names.FIELD_MANAGER) -> Fields | None:
    """What a manager has applied to an object, as the API server keeps it; None if nothing."""
    for entry in live.get("metadata", {}).get("managedFields", ()):
        if is_ours(entry, manager):
            fields: Fields = entry.get("fieldsV1", {})
            return fields
    return None


def owns(live: Mapping[str, Any], *path: str, manager: str = names.FIELD_MANAGER) -> bool:
    """Whether a manager has applied the field at a path, such as ("spec", "replicas")."""
    fields: Any = owned_fields(live, manager)
    for key in path:
        fields = (fields or {}).get(f"f:{key}")
    return fields is not None


def _value(desired: Any, live: Any, fields: Fields, path: tuple[str, ...]) -> bool:
    inner = {key: value for key, value in fields.items() if key != "."}
    if not inner:
        return _same(desired, live, path)
    if isinstance(desired, _MAPPING) and isinstance(live, _MAPPING):
        return _mapping(desired, live, inner, path)
    if isinstance(desired, Sequence) and isinstance(live, Sequence):
        return _keyed_list(desired, live, inner, path)
    return False


def _mapping(
    desired: Mapping[str, Any], live: Mapping[str, Any], fields: Fields, path: tuple[str, ...]
) -> bool:
    wanted, owned = desired.keys() - IDENTITY.get(path, ()), fields.keys() - {"."}
    if path == ("metadata",):
        owned -= {f"f:{names.CREATE_GUARD}"}  # Of an object that we have created, until we apply it again.
    if path == ():
        owned -= {"f:metadata"}
        if not _mapping(desired["metadata"], live["metadata"], fields.get("f:metadata", {}), ("metadata",)):
            return False
    if owned != {f"f:{key}" for key in wanted}:
        return False
    return all(_value(desired[key], live.get(key), fields[f"f:{key}"], (*path, key)) for key in wanted)


def _keyed_list(desired: Sequence[Any], live: Sequence[Any], fields: Fields, path: tuple[str, ...]) -> bool:
    """Lists whose items have keys (containers by name, ports by port and protocol), and sets of values."""
    if len(fields) != len(desired):
        return False
    for item in desired:
        found = [key for key in fields if _names(key, item)]
        if len(found) != 1:
            return False
        (key,) = found
        match = next((one for one in live if _names(key, one)), None)
        if match is None or not _value(item, match, fields[key], path):
            return False
    return True


def _names(key: str, item: Any) -> bool:
    """Whether a field path element such as k:{"name":"server"} or v:"x" means this item."""
    kind, wanted = _element(key)
    if kind == "v":
        return bool(item == wanted)
    return isinstance(item, _MAPPING) and all(
        item.get(name, value) == value for name, value in wanted.items()
    )


@lru_cache(maxsize=1024)
def _element(key: str) -> tuple[str, Any]:
    """A field path element, parsed: those of one model are those of nearly all."""
    kind, _, text = key.partition(":")
    return kind, json.loads(text)


def _same(desired: Any, live: Any, path: tuple[str, ...]) -> bool:
    """Equal but for what the server adds inside an atomic value, and for how it writes amounts."""
    if live is None:
        return desired is None or desired is False or desired in ("", {}, [], ())
    if isinstance(desired, _MAPPING):
        if not isinstance(live, _MAPPING) or (live.keys() - desired.keys() and EXACT.intersection(path)):
            return False
        return all(_same(value, live.get(key), (*path, key)) for key, value in desired.items())
    if isinstance(desired, (list, tuple)):
        pairs = isinstance(live, list) and len(live) == len(desired)
        return pairs and all(_same(one, other, path) for one, other in zip(desired, live, strict=True))
    if desired == live:
        return True
    amounts = (amount(desired), amount(live)) if _is_quantity(path) else (None, None)
    return amounts[0] is not None and amounts[0] == amounts[1]


def _is_quantity(path: tuple[str, ...]) -> bool:
    """Where the server rewrites 1000m as 1; elsewhere such texts are different texts."""
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    return parent in QUANTITY_PARENTS or key in QUANTITY_KEYS or (key == "value" and parent == "target")


def owned_part(live: Mapping[str, Any], *path: str) -> Any:
    """What we have applied at a path, such as ("spec", "template"); None where that is nothing."""
    fields: Any = owned_fields(live)
    value: Any = live
    for key in path:
        fields, value = (fields or {}).get(f"f:{key}"), (value or {}).get(key)
    return None if fields is None or value is None else _part(value, fields)


def _part(value: Any, fields: Mapping[str, Any]) -> Any:
    inner = {key: one for key, one in fields.items() if key != "."}
    if not inner:
        return value
    if isinstance(value, Mapping):
        found = {key.removeprefix("f:"): one for key, one in inner.items()}
        return {key: _part(one, found[key]) for key, one in value.items() if key in found}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_part(one, inner[key]) for one in value for key in inner if _names(key, one)]
    return value
