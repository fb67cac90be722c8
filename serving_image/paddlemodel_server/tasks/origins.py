"""Which value each field of a task has, and where it comes from: for log, page and `inspect`; pure."""

import json
from collections.abc import Iterator
from typing import Any

from paddlemodel_server.tasks.registry import Chosen

Setting = tuple[str, str, str]
"""A field as users write it, its value as JSON (long ones cut), and where that comes from."""
DEFAULT = "default"
_SHOWN = 80  # characters of a value


def settings(chosen: Chosen) -> tuple[Setting, ...]:
    """Every field that has a value, in the order of the type."""
    return tuple(_settings(chosen))


def _settings(chosen: Chosen) -> Iterator[Setting]:
    for name, value in _fields(chosen):
        if value is not None:
            yield ".".join(map(camel, name.split("."))), _short(value), chosen.origins.get(name, DEFAULT)


def _fields(chosen: Chosen) -> Iterator[tuple[str, Any]]:
    for name, value in json.loads(chosen.fields).items():
        if name in chosen.blocks and value is not None:
            yield from ((f"{name}.{inner}", one) for inner, one in value.items())
        else:
            yield name, value


def camel(name: str) -> str:
    """A field as users write it."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _written(value: Any) -> Any:
    """A block inside as users write it, without what is not set."""
    if not isinstance(value, dict):
        return value
    return {camel(name): _written(inner) for name, inner in value.items() if inner is not None}


def _short(value: Any) -> str:
    """As JSON, of a long list its length and how it begins."""
    text = json.dumps(_written(value), ensure_ascii=False)
    if len(text) <= _SHOWN:
        return text
    count = f" … {len(value)} in all" if isinstance(value, list) else " …"
    return text[:_SHOWN] + count
