"""The status of an object, as far as it can be read: another version or a person may have written it; pure.

What cannot be read counts as not there, and is replaced with the next status.
"""

from collections.abc import Mapping
from typing import Any, Final

from paddlemodel_api.status import Condition, Status
from pydantic import TypeAdapter, ValidationError

_FIELDS: Final = {
    str(field.alias): TypeAdapter[Any](field.annotation or object) for field in Status.model_fields.values()
}
_CONDITIONS: Final = "conditions"
_CONDITION: Final = TypeAdapter(Condition)


def known(status: object) -> dict[str, Any]:
    """The parts of a status that have the shape of today's, as JSON."""
    if not isinstance(status, Mapping):
        return {}
    found = {
        key: value
        for key, value in status.items()
        if key != _CONDITIONS and key in _FIELDS and _is(_FIELDS[key], value)
    }
    conditions = status.get(_CONDITIONS)
    if isinstance(conditions, list | tuple):
        found[_CONDITIONS] = [one for one in conditions if _is(_CONDITION, one)]
    return found


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What turns one status into the other; empty when there is nothing to write."""
    patch: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            if inner := merge_patch(old, value):
                patch[key] = inner
        elif old != value:
            patch[key] = value
    return patch


def _is(shape: TypeAdapter[Any], value: Any) -> bool:
    try:
        shape.validate_python(value)
    except ValidationError:
        return False
    return value is not None
