"""YAML as exports write it becomes what PyYAML makes of it; what is hostile is refused in words."""

from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.tasks.auto import yaml_file
from paddlemodel_server.tasks.auto.plain import Plain

KEYS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | KEYS
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20)


def meant(text: bytes) -> Any:
    """What YAML's types make of a document."""
    return typed(yaml_file.load(text))


def typed(tree: Any) -> Any:
    if isinstance(tree, list):
        return [typed(value) for value in tree]
    if isinstance(tree, dict):
        return {key: typed(value) for key, value in tree.items()}
    return tree.meant if isinstance(tree, Plain) else tree


@given(tree=TREES)
def test_what_pyyaml_writes_is_read_as_it_was(tree: object) -> None:
    written = yaml.dump(tree, allow_unicode=True).encode()
    assert meant(written) == yaml.load(written, yaml.CSafeLoader)


@pytest.mark.parametrize(
    "text",
    ["no", "Yes", "on", "007", "0x1F", "1_000", "1:30", "null", "~", "2024-01-01", "1e3", ".inf", "1.50"],
)
def test_what_has_no_quotes_keeps_how_it_is_written(text: str) -> None:
    """And means to a reader of numbers what PyYAML makes of it."""
    assert yaml_file.load(f"- {text}\n".encode()) == [text]
    assert str(meant(text.encode())) in {str(yaml.load(text, yaml.CSafeLoader)), "2024-01-01"}


def test_keys_are_texts() -> None:
    assert yaml_file.load(b"on: {1: a, null: b}") == {"on": {"1": "a", "null": "b"}}


MERGED = b"""
a: &a {width: 8, height: 9}
b: &b {height: 7, depth: 6}
one: {<<: *a, width: 1}
first: {width: 1, <<: *a}
both: {<<: [*b, *a]}
quoted: {'<<': x}
"""


def test_tables_that_a_merge_key_names_are_read() -> None:
    read = meant(MERGED)
    assert read["quoted"] == {"<<": "x"}
    shown = {key: read[key] for key in ("one", "first", "both")}
    known = yaml.load(MERGED.replace(b"quoted: {'<<': x}", b""), yaml.CSafeLoader)
    assert shown == {key: known[key] for key in shown}
    assert shown["both"] == {"width": 8, "height": 7, "depth": 6}
    assert read["a"] == {"width": 8, "height": 9}


def test_lists_that_pyyaml_wrote_once_are_read_twice() -> None:
    shared = [0.5, 0.5, 0.5]
    tree = {"mean": shared, "std": shared, "shape": (1, 3)}
    assert meant(yaml.dump(tree).encode()) == tree | {"shape": [1, 3]}


def test_a_fraction_and_a_date_stay_texts() -> None:
    assert yaml_file.load(b"scale: 1./255.\nwhen: 2024-01-01") == {"scale": "1./255.", "when": "2024-01-01"}


def test_nothing_is_nothing() -> None:
    assert yaml_file.load(b"") is yaml_file.load(b"# only words") is None


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


MERGES = "a: &a {" + ", ".join(f"k{at}: 1" for at in range(1000)) + "}\n" + "b: [" + "{<<: *a}, " * 500 + "]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(b"a: [1", "it is not YAML: ", id="cut"),
        pytest.param(b"\xff\xfe\x00", "it is not YAML: ", id="no text"),
        pytest.param(b"a: \xc3\x28", "it is not YAML: ", id="no UTF-8"),
        pytest.param(b"a: !!python/object/apply:os.system ['true']", "the tag", id="code"),
        pytest.param(b"a: !!python/name:os.system x", "the tag", id="a name of Python"),
        pytest.param(b"a: !mine 'x'", "the tag '!mine'", id="a tag of its own"),
        pytest.param(BOMB.encode(), "its aliases make more than", id="a billion laughs"),
        pytest.param(MERGES.encode(), "its keys << make more than", id="many merges"),
        pytest.param(b"a: {<<: 1}", "a key << that names no table", id="a merged number"),
        pytest.param(b"a: &a {}\nb: {<<: [*a, x]}", "a key << that names no table", id="a merged text"),
        pytest.param(b"a: &a {x: 1}\nb: {<<: *a, <<: *a}", "the key '<<' twice", id="a merge twice"),
        pytest.param(b"a: &a [*a]", "an alias that names nothing", id="an alias of itself"),
        pytest.param(b"a: *b", "", id="an alias of nothing"),
        pytest.param(b"a: &a x\nb: [" + b"*a, " * 2000 + b"]", "more than 1000", id="many aliases"),
        pytest.param(b"[" * 100 + b"]" * 100, "in each other", id="deep"),
        pytest.param(b"- x\n" * 400_000, "more than 300000 values", id="many"),
        pytest.param(b"a: 1\na: 2", "the key 'a' twice", id="a key twice"),
        pytest.param(b"[1, 2]: 3", "no plain key", id="a list as a key"),
        pytest.param(b"a: " + b"9" * 400, "none of its kind: '999", id="more than a float holds"),
        pytest.param(b"a: 0x" + b"f" * 5000, "none of its kind: '0xf", id="more than Python writes"),
    ],
)
def test_what_is_hostile_or_damaged_is_refused_in_words(text: bytes, words: str) -> None:
    with pytest.raises(yaml_file.YamlError) as refusal:
        yaml_file.load(text)
    assert words in str(refusal.value)


@given(text=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    with suppress(yaml_file.YamlError):
        yaml_file.load(text)
