"""What MLServer's and KServe's libraries add to a V2 request: nulls, content types, versions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.protocol import v2

from tests.serving_image.support.bodies import IDS, ON, X, body, served

SERVED = served()
NULLS = {"id": None, "parameters": None, "outputs": None, "model_name": None, "model_version": None}


def parsed(*inputs: Any, **fields: Any) -> list[list[Any]]:
    return [array.tolist() for array in v2.parse(SERVED, body(*inputs, **fields)).arrays]


PLAIN = parsed(X, IDS, ON)


@pytest.mark.parametrize("name", [*NULLS, "unknown"])
def test_null_in_a_request_is_as_if_it_were_absent(name: str) -> None:
    assert parsed(X, IDS, ON, **{name: None}) == PLAIN


@pytest.mark.parametrize("name", ["parameters", "unknown"])
def test_null_in_an_input_is_as_if_it_were_absent(name: str) -> None:
    assert parsed(X | {name: None}, IDS, ON) == PLAIN


@given(st.dictionaries(st.text(max_size=9), st.none(), max_size=3))
def test_parameters_that_are_null_are_absent(parameters: dict[str, None]) -> None:
    asked = [{"name": "class", "parameters": parameters, "unknown": None}]
    request = v2.parse(
        SERVED, body(X | {"parameters": parameters}, IDS, ON, parameters=parameters, outputs=asked)
    )
    assert [array.tolist() for array in request.arrays] == PLAIN
    assert request.timeout_seconds is None
    assert not request.outputs[0].binary


def test_null_data_beside_binary_data_is_absent() -> None:
    binary = X | {"data": None, "parameters": {"binary_data_size": 8}}
    content = body(binary, IDS, ON)
    request = v2.parse(SERVED, content + b"\x00" * 8, json_size=len(content))
    assert request.arrays[0].tolist() == [[0, 0]]


@pytest.mark.parametrize("content_type", ["np", "pd"])
def test_tensors_may_say_that_they_are_tensors(content_type: str) -> None:
    """MLServer's codecs name the type that they encoded: an array, or the columns of a data frame."""
    parameters = {"content_type": content_type, "headers": None}
    asked = [{"name": "class", "parameters": parameters}]
    assert parsed(X | {"parameters": parameters}, IDS, ON, parameters=parameters, outputs=asked) == PLAIN


@pytest.mark.parametrize("where", ["The request", "Input x", "Output class"])
@pytest.mark.parametrize("content_type", ["str", "base64", "datetime", "NP", 1])
def test_what_is_no_tensor_is_refused_by_name(where: str, content_type: Any) -> None:
    parameters = {"parameters": {"content_type": content_type}}
    fields: dict[str, Any] = {"outputs": [{"name": "class"}]}
    first: Any = X
    if where == "The request":
        fields |= parameters
    elif where == "Input x":
        first = X | parameters
    else:
        fields = {"outputs": [{"name": "class"} | parameters]}
    with pytest.raises(BadRequestError, match=rf"{where} has content_type .*; expected \"np\" or \"pd\""):
        v2.parse(SERVED, body(first, IDS, ON, **fields))


def test_the_version_that_there_is_may_be_named() -> None:
    assert parsed(X, IDS, ON, model_version="1") == PLAIN


@pytest.mark.parametrize("version", ["2", "", 1, True])
def test_another_version_is_refused(version: Any) -> None:
    with pytest.raises(BadRequestError, match=r"model_version is .*; the only version here is \"1\"\."):
        v2.parse(SERVED, body(X, IDS, ON, model_version=version))


def test_a_field_that_would_be_ignored_is_still_refused() -> None:
    with pytest.raises(BadRequestError, match='The request has the field "unknown"'):
        v2.parse(SERVED, body(X, IDS, ON, unknown=False))
    with pytest.raises(BadRequestError, match='Input x has the parameter "unknown"'):
        v2.parse(SERVED, body(X | {"parameters": {"unknown": 0}}, IDS, ON))
