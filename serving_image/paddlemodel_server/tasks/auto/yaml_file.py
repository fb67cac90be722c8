"""The door to YAML: a file somebody else wrote becomes plain values, within bounds; pure.

libyaml reads it event by event, and nothing is constructed but lists, tables, texts, numbers, truths and
nothing. PP-OCRv5's inference.yml with its 18,000 characters takes a third of a second. What has no quotes and
is no text by YAML's rules keeps how it is written: in a list of names, `no`, 007 and ~ are names.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from paddlemodel_server.tasks.auto.plain import Plain

MOST_NODES = 300_000
MOST_DEPTH = 32
MOST_ALIASES = 1000
MOST_BITS = 1000  # of a whole number: a float holds no more
_TUPLE = "tag:yaml.org,2002:python/tuple"  # how PyYAML writes a tuple, which is a list here
_PLAIN = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null"))
_MERGE = "<<"  # the key of YAML 1.1 for tables whose keys count here, too


class YamlError(ValueError):
    """The text is not YAML, or more than it may be."""


def load(text: bytes) -> Any:
    """Read one document: lists, tables with texts as keys, and texts, some of them `Plain`.

    Raises:
        YamlError: what is wrong, in words.
    """
    try:
        loader = yaml.CSafeLoader(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise YamlError(_said(error)) from None
    try:
        return _Builder().document(_events(loader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise YamlError(_said(error)) from None
    finally:
        loader.dispose()


def _events(loader: yaml.CSafeLoader) -> Iterator[yaml.Event]:
    while event := loader.get_event():
        yield event


def _said(error: Exception) -> str:
    """The first words of what libyaml says, and where."""
    mark = getattr(error, "problem_mark", None)
    where = f" in line {mark.line + 1}" if mark else ""
    return f"it is not YAML: {getattr(error, 'problem', None) or 'its encoding is not UTF-8'}{where}"


class _Builder:
    """Puts a document together; a list or table that an alias names is shared, not copied."""

    def __init__(self) -> None:
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = self._aliases = 0
        self._scalars = yaml.constructor.SafeConstructor()
        self._resolver = yaml.resolver.Resolver()

    def document(self, events: Iterator[yaml.Event]) -> Any:
        """The first document's content; None where there is none."""
        for event in events:
            if isinstance(event, yaml.NodeEvent):
                return self._value(event, events, 0)[0]
        return None

    def _value(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> tuple[Any, int]:
        """One value, and of how many it is made, what aliases name included."""
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event)
        self._nodes += 1
        if depth > MOST_DEPTH or self._nodes > MOST_NODES:
            raise YamlError(f"it has more than {MOST_NODES} values, or more than {MOST_DEPTH} in each other")
        if isinstance(event, yaml.ScalarEvent):
            found = self._scalar(event), 1
        elif isinstance(event, yaml.SequenceStartEvent):
            found = self._list(event, events, depth)
        elif isinstance(event, yaml.MappingStartEvent):
            found = self._table(event, events, depth)
        else:  # libyaml sends no other kind here
            raise YamlError("it has no value where one should be")
        if found[1] > MOST_NODES:
            raise YamlError(f"its aliases make more than {MOST_NODES} values")
        if event.anchor:
            self._anchors[event.anchor] = found
        return found

    def _aliased(self, event: yaml.AliasEvent) -> tuple[Any, int]:
        self._aliases += 1
        if event.anchor not in self._anchors or self._aliases > MOST_ALIASES:
            raise YamlError(f"it has an alias that names nothing, or more than {MOST_ALIASES} of them")
        return self._anchors[event.anchor]

    def _list(
        self, event: yaml.SequenceStartEvent, events: Iterator[yaml.Event], depth: int
    ) -> tuple[list[Any], int]:
        if event.tag not in {None, "!", _TUPLE, "tag:yaml.org,2002:seq"}:
            raise _tagged(event.tag)
        found, size = [], 1
        for inner in events:
            if isinstance(inner, yaml.SequenceEndEvent):
                break
            value, many = self._value(inner, events, depth + 1)
            found.append(value)
            size += many
        return found, size

    def _table(
        self, event: yaml.MappingStartEvent, events: Iterator[yaml.Event], depth: int
    ) -> tuple[dict[str, Any], int]:
        if event.tag not in {None, "!", "tag:yaml.org,2002:map"}:
            raise _tagged(event.tag)
        found: dict[str, Any] = {}
        merged: Any = ()
        size = 1
        for inner in events:
            if isinstance(inner, yaml.MappingEndEvent):
                break
            key, _ = self._value(inner, events, depth + 1)
            merges = key == _MERGE and isinstance(inner, yaml.ScalarEvent) and not inner.style
            if isinstance(key, dict | list) or key in found or (merges and merged):
                raise YamlError(f"it has the key {str(key)[:40]!r} twice in one table, or no plain key")
            value, many = self._value(next(events), events, depth + 1)
            size += many
            if merges:
                merged = value if isinstance(value, list) else [value]
            else:
                found[str(key)] = value
        return self._merged(found, merged), size

    def _merged(self, own: dict[str, Any], tables: Any) -> dict[str, Any]:
        """A table with the keys of others; its own count most, then those of the first."""
        if not tables:
            return own
        if not all(isinstance(table, dict) for table in tables):
            raise YamlError(f"it has a key {_MERGE} that names no table")
        found: dict[str, Any] = {}
        for table in (*reversed(tables), own):
            self._nodes += len(table)
            if self._nodes > MOST_NODES:
                raise YamlError(f"its keys {_MERGE} make more than {MOST_NODES} values")
            found |= table
        return found

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        if event.style:  # quoted, or a block: a text
            if event.tag not in {None, "!", "tag:yaml.org,2002:str"}:
                raise _tagged(event.tag)
            return event.value
        tag = event.tag or self._resolver.resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call]
        if tag not in _PLAIN:
            if event.tag is None:
                return event.value  # a date, which here is a text
            raise _tagged(event.tag)
        node = yaml.ScalarNode(tag, event.value)
        try:
            found = self._scalars.construct_object(node)
        except (ValueError, LookupError, yaml.YAMLError):
            raise _wrong(event.value) from None
        if isinstance(found, int) and found.bit_length() > MOST_BITS:
            raise _wrong(event.value)
        return found if isinstance(found, str) else Plain(event.value, found)


def _wrong(text: str) -> YamlError:
    return YamlError(f"it has a value that is none of its kind: {text[:40]!r}")


def _tagged(tag: str) -> YamlError:
    return YamlError(
        f"it has a value with the tag {tag[:60]!r}; only lists, tables, texts and numbers are read"
    )
