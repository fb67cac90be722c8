"""What changes between an object as it is and as it would be, as a unified diff without secrets; pure."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from paddlemodel_operator.cluster.trim import LAST_APPLIED

Object = Mapping[str, Any]

_NOISE: Final = frozenset(
    {"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"}
)
"""Of metadata: what the server counts, not what somebody wrote."""
_QUERY: Final = re.compile(r"(?<=\?)\S+")
_LOGIN: Final = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_SECRET_NAME: Final = re.compile(r"SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL|_KEY$|^KEY$", re.IGNORECASE)
_HIDDEN: Final = "***"


def difference(name: str, live: Object | None, merged: Object | None) -> str:
    """A unified diff of two states of one object; empty where they are the same.

    Args:
        name: the object's, for the head of the diff.
        live: as it is; None if it does not exist.
        merged: as it would be; None if it would be deleted.
    """
    before, after = _told(live), _told(merged)
    if before == after:
        return ""
    known = set(_secrets(before)) & set(_secrets(after))
    lines = difflib.unified_diff(
        _lines(_masked(before, known, "before")),
        _lines(_masked(after, known, "after")),
        fromfile=f"live/{name}",
        tofile=f"merged/{name}",
    )
    return "".join(lines)


def three_way(original: Object, modified: Object, current: Object) -> dict[str, Any]:
    """The merge patch of a client-side `kubectl apply`: what the file left out since, and what differs.

    Args:
        original: the file as it was applied the last time.
        modified: the file as it is now.
        current: the object as it is.
    """
    patch: dict[str, Any] = {key: None for key in original if key not in modified and key in current}
    for key, value in modified.items():
        old, before = current.get(key), original.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            if inner := three_way(before if isinstance(before, Mapping) else {}, value, old):
                patch[key] = inner
        elif old != value:
            patch[key] = value
    return patch


def _told(body: Object | None) -> Any:
    """The part of an object that somebody wrote."""
    if body is None:
        return None
    metadata = {key: value for key, value in body["metadata"].items() if key not in _NOISE}
    notes = dict(metadata.pop("annotations", None) or {})
    notes.pop(LAST_APPLIED, None)
    if notes:
        metadata["annotations"] = notes
    owners = [{key: one[key] for key in one if key != "uid"} for one in metadata.pop("ownerReferences", ())]
    if owners:
        metadata["ownerReferences"] = owners
    return {**{key: value for key, value in body.items() if key != "status"}, "metadata": metadata}


def _lines(told: Any) -> list[str]:
    if told is None:
        return []
    text: str = yaml.dump(told, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=True, width=1000)
    return text.splitlines(keepends=True)


def _secrets(told: Any) -> Iterator[str]:
    """Every text that must not be shown."""
    if isinstance(told, Mapping):
        if _is_secret_variable(told):
            yield told["value"]
        for value in told.values():
            yield from _secrets(value)
    elif isinstance(told, list):
        for value in told:
            yield from _secrets(value)
    elif isinstance(told, str):
        for pattern in (_QUERY, _LOGIN) if "://" in told else ():
            yield from pattern.findall(told)


def _masked(told: Any, known: set[str], when: str) -> Any:
    """The same without them; one that changes says which it was, as kubectl does for Secrets."""

    def hidden(secret: str) -> str:
        return _HIDDEN if secret in known else f"{_HIDDEN} ({when})"

    if isinstance(told, Mapping):
        shown = {key: _masked(value, known, when) for key, value in told.items()}
        return shown | {"value": hidden(told["value"])} if _is_secret_variable(told) else shown
    if isinstance(told, list):
        return [_masked(value, known, when) for value in told]
    if isinstance(told, str) and "://" in told:
        for pattern in (_QUERY, _LOGIN):
            told = pattern.sub(lambda found: hidden(found[0]), told)
    return told


def _is_secret_variable(told: Object) -> bool:
    """A variable of a container that is called like a secret."""
    name, value = told.get("name"), told.get("value")
    is_set = isinstance(name, str) and isinstance(value, str) and value != ""
    return is_set and _SECRET_NAME.search(str(name)) is not None
