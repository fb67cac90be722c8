"""The part of an object that we have applied: without what the server and others added. Pure.

By it a template that is not to change is applied again without a change.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from paddlemodel_operator.cluster.drift import item_is, owned_fields


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
        return [_part(one, inner[key]) for one in value for key in inner if item_is(key, one)]
    return value
