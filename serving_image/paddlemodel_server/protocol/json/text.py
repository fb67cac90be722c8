"""The JSON text of a request: an object in which no key appears twice, and words for what was found."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from typing import Any

import orjson

from paddlemodel_server.errors import BadRequestError

_SHOWN = 60  # characters of a client's own value that a message repeats
_MOST_BYTES = 1024 * 1024  # of a text that is read again, slowly, to name a key that appears twice
_ESCAPED_COLON = re.compile(rb"(?<!\\)(?:\\\\)*\\u003[aA]")
_HOLDERS = {dict, list, str}  # what can hold a colon
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
    if text.count(b":") != _keys(content) and _colons_sent(text) != _colons_kept(content):
        raise BadRequestError(_twice(text))
    return content


def _keys(content: dict[str, Any]) -> int:
    """The keys of all objects that a request can hold; never more than there are, and quickly found."""
    count, objects = 0, [content]
    for found in objects:  # which grows meanwhile: a recursion would end before the parser's own limit
        count += len(found)
        for value in found.values():
            if type(value) is list:
                if value and type(value[0]) is dict:
                    for entry in value:
                        if type(entry) is dict:
                            objects.append(entry)  # noqa: PERF401 - quicker for the one or two of a request
            elif type(value) is dict:
                objects.append(value)
    return count


def _colons_sent(text: bytes) -> int:
    return text.count(b":") + (len(_ESCAPED_COLON.findall(text)) if b"\\u003" in text else 0)


def _colons_kept(content: dict[str, Any]) -> int:
    """How many colons what was read needs for its keys and holds in its strings, exactly."""
    count, waiting = 0, list[Any]([content])
    while waiting:
        value = waiting.pop()
        if type(value) is str:
            count += value.count(":")
        elif type(value) is dict:
            count += len(value)
            waiting += value
            waiting += value.values()
        elif type(value) is list:
            kinds = set(map(type, value))
            if kinds == {list}:
                waiting.append(list(chain.from_iterable(value)))
            elif kinds & _HOLDERS:
                waiting += value
    return count


def _twice(text: bytes) -> str:
    """The sentence; it names the key where reading the text again, slowly, is affordable."""
    twice: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        counts = Counter(key for key, _ in pairs)
        twice.extend(key for key in counts if counts[key] > 1)

    if len(text) <= _MOST_BYTES:
        with suppress(RecursionError, ValueError):
            json.loads(text, object_pairs_hook=note)
    which = f"The key {shown(twice[0])}" if twice else "A key"
    return f"{which} appears twice in one object; send it once."


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
    """Refuse a field that would be ignored; null means that there is none."""
    for key, value in found.items():
        if key not in known and value is not None:
            raise BadRequestError(
                f"{where} has the field {shown(key)}, which is not known here; known are {listed(known)}."
            )


def listed(names: Iterable[str]) -> str:
    """Names in a sentence."""
    return ", ".join(sorted(names))
