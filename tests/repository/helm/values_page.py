"""docs/values.md: each value of the chart, its default, what it may be, and the comment above it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tests.repository.helm.charts import CHART

Schema = Mapping[str, Any]

HEAD = """\
# Values of the chart

Made of the chart's [values.yaml](../helm/paddlemodel-operator/values.yaml) and
[values.schema.json](../helm/paddlemodel-operator/values.schema.json), by which Helm refuses any other name or
value. What has no comment of its own stands under that of its group.

| value | may be | default | meaning |
|---|---|---|---|
"""
_FREE = {"resources", "labels", "annotations", "severities"}
"""Values whose names below are the reader's own, or Kubernetes'."""
_LINE = re.compile(r"( *)([A-Za-z0-9_]+):( .*)?")


@dataclass(frozen=True)
class Value:
    """One line of the table."""

    name: str
    default: Any
    meaning: str


def page() -> str:
    """The whole page."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    rows = (_row(one, _allowed(schema, one.name.split("."))) for one in values())
    return HEAD + "".join(rows)


def values() -> list[Value]:
    """Every value that is no group of others, as values.yaml has it."""
    return list(_values((CHART / "values.yaml").read_text()))


def _values(text: str) -> Iterator[Value]:
    found = yaml.safe_load(text)
    path: list[str] = []
    above: dict[int, str] = {}
    comment: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            comment.append(line.strip(" #"))
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            comment = []
            continue
        depth = len(match[1]) // 2
        path[depth:] = [match[2]]
        own = " ".join(comment)
        above = {
            level: said for level, said in above.items() if level < depth or (level == depth and not own)
        }
        if own:
            above[depth] = own
        comment = []
        default = found
        for name in path:
            default = default.get(name) if isinstance(default, dict) else None
        if (match[3] or path[-1] in _FREE) and not _FREE & set(path[:-1]):
            yield Value(".".join(path), default, above.get(max(above, default=0), ""))


def _allowed(schema: Schema, path: list[str]) -> str:
    place: Schema = schema
    for name in path:
        place = _resolved(schema, place)["properties"][name]
    return _kind(schema, _resolved(schema, place))


def _resolved(schema: Schema, place: Schema) -> Schema:
    name = place.get("$ref", "").removeprefix("#/definitions/")
    return schema["definitions"][name] if name else place


def _kind(schema: Schema, place: Schema) -> str:
    if "enum" in place:
        return ", ".join(f"`{one}`" for one in place["enum"])
    kind = place["type"] if isinstance(place["type"], str) else " or ".join(place["type"])
    if kind == "array":
        items = _resolved(schema, place.get("items", {}))
        kind = f"list of {_plural(items)}"
    low, high = place.get("minimum"), place.get("maximum", place.get("exclusiveMaximum"))
    bounds = {"from": low, "above": place.get("exclusiveMinimum"), "to": high}
    return " ".join([kind, *(f"{word} {bound}" for word, bound in bounds.items() if bound is not None)])


def _plural(items: Schema) -> str:
    return "names" if "enum" in items else f"{items.get('type', 'object')}s"


def _row(one: Value, allowed: str) -> str:
    default = json.dumps(one.default, ensure_ascii=False)
    meaning = one.meaning.replace("|", "\\|")
    return f"| `{one.name}` | {allowed} | `{default}` | {meaning} |\n"
