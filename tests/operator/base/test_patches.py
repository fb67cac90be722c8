"""What the API server reads of an apply is what was to be applied; PyYAML reads as it does."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_operator.base.patches import as_yaml

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))  # no API server ever sends half of a character
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_it_is_read_as_it_was(patch: dict[str, Any]) -> None:
    written = as_yaml(patch)
    assert b"\n" not in written
    assert yaml.safe_load(written) == patch


@pytest.mark.parametrize(
    ("text", "written"),
    [("𠮷", rb"\U00020bb7"), ("猫", rb"\U0000732b"), ("\x7f", rb"\U0000007f"), ("\n", rb"\n")],
)
def test_an_escape_is_one_of_yaml(text: str, written: bytes) -> None:
    assert as_yaml({"a": text}) == b'{"a": "' + written + b'"}'
