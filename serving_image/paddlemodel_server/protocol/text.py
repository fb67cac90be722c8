"""The JSON text of a request: an object in which no key appears twice, and words for what was found."""

import json
from collections.abc import Iterable
from typing import Any

import orjson

from paddlemodel_server.errors import BadRequestError

_SHOWN = 60  # characters of a client's own value that a message repeats
_MOST_BYTES = 1024 * 1024  # of a text that is read again, slowly, in search of a key that appears twice
_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}


def read(text: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        BadRequestError: it is not JSON, not an object, or a key appears twice in one of its objects.
    """
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        special = next((word for word in (b"NaN", b"Infinity") if word in text), None)
        note = f" JSON has no {special.decode()}; send such values as binary." if special else ""
        raise BadRequestError(f"The body is not JSON: {error}.{note}") from None
    if type(content) is not dict:
        raise BadRequestError(f"The body must be a JSON object, not {kind(content)}.")
    # The parser keeps the last of two equal keys. Each key has one colon, so counting finds what is missing.
    if text.count(b":") != _keys(content):
        _check_unique(text, content)
    return content


def _keys(content: dict[str, Any]) -> int:
    count = len(content)
    for value in content.values():
        if type(value) is dict:
            count += _keys(value)
        elif type(value) is list and value and type(value[0]) is dict:
            for entry in value:
                if type(entry) is dict:
                    count += _keys(entry)
    return count


def _colons(value: Any) -> int:
    """How many colons the strings of a request hold, and its objects need."""
    if type(value) is str:
        return value.count(":")
    if type(value) is dict:
        return len(value) + sum(_colons(key) + _colons(inner) for key, inner in value.items())
    if type(value) is list and value and type(value[0]) is dict:
        return sum(map(_colons, value))
    return 0


def _check_unique(text: bytes, content: dict[str, Any]) -> None:
    if len(text) > _MOST_BYTES or text.count(b":") == _colons(content):
        return

    def unique(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise BadRequestError(f"The key {shown(key)} appears twice in one object; send it once.")
            seen.add(key)

    try:
        json.loads(text, object_pairs_hook=unique)
    except (RecursionError, ValueError):
        return  # far deeper than any request, or an endless number: refused later, by what it stands for


def kind(value: Any) -> str:
    """What JSON calls a value."""
    return _KINDS.get(type(value), "a number")


def shown(value: Any) -> str:
    """A client's own value, cut short."""
    if isinstance(value, list):
        value = value[:_SHOWN]
    try:
        text = orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # nested deeper than it writes
        return kind(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def check_keys(where: str, found: dict[str, Any], known: frozenset[str]) -> None:
    """Refuse a field that would be ignored."""
    for key in found:
        if key not in known:
            raise BadRequestError(
                f"{where} has the field {shown(key)}, which is not known here; known are {listed(known)}."
            )


def listed(names: Iterable[str]) -> str:
    """Names in a sentence."""
    return ", ".join(sorted(names))
