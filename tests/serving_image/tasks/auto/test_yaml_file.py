"""YAML as exports write it becomes what PyYAML makes of it; what is hostile is refused in words."""

from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.tasks.auto import yaml_file

KEYS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | KEYS
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20)


@given(tree=TREES)
def test_what_pyyaml_writes_is_read_as_it_was(tree: object) -> None:
    written = yaml.dump(tree, allow_unicode=True).encode()
    assert yaml_file.load(written) == yaml.load(written, yaml.CSafeLoader)


def test_lists_that_pyyaml_wrote_once_are_read_twice() -> None:
    shared = [0.5, 0.5, 0.5]
    tree = {"mean": shared, "std": shared, "shape": (1, 3)}
    assert yaml_file.load(yaml.dump(tree).encode()) == tree | {"shape": [1, 3]}


def test_a_fraction_and_a_date_stay_texts() -> None:
    assert yaml_file.load(b"scale: 1./255.\nwhen: 2024-01-01") == {"scale": "1./255.", "when": "2024-01-01"}


def test_nothing_is_nothing() -> None:
    assert yaml_file.load(b"") is yaml_file.load(b"# only words") is None


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


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
        pytest.param(b"a: &a [*a]", "an alias that names nothing", id="an alias of itself"),
        pytest.param(b"a: *b", "", id="an alias of nothing"),
        pytest.param(b"a: &a x\nb: [" + b"*a, " * 2000 + b"]", "more than 1000", id="many aliases"),
        pytest.param(b"[" * 100 + b"]" * 100, "in each other", id="deep"),
        pytest.param(b"- x\n" * 400_000, "more than 300000 values", id="many"),
        pytest.param(b"a: 1\na: 2", "the key 'a' twice", id="a key twice"),
        pytest.param(b"[1, 2]: 3", "no plain key", id="a list as a key"),
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
