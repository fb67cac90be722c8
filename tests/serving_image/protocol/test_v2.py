"""The Open Inference Protocol V2 in JSON: what is accepted, what is refused, and in which words."""

import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.protocol import Request, Wanted, v2
from paddlemodel_server.protocol.json import text

from tests.serving_image.support.bodies import DTYPES, IDS, ON, X, body, echo, extremes, served

SERVED = served()


def test_tensors_come_in_the_models_order_and_dtypes() -> None:
    request = v2.parse(SERVED, body(ON, IDS, X, id="7", outputs=[{"name": "class"}]))
    assert [array.tolist() for array in request.arrays] == [[[1.0, 2.5]], [-128, 127], [True]]
    assert [array.dtype.name for array in request.arrays] == ["float32", "int8", "bool"]
    assert (request.id, request.outputs) == ("7", (Wanted(name="class"),))


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]]], ids=["flat", "nested"])
def test_data_may_be_flat_or_nested(data: list[Any]) -> None:
    request = v2.parse(SERVED, body(X | {"shape": [2, 2], "data": data}, IDS, ON))
    assert request.arrays[0].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([X, IDS], "The input on is missing; the model's inputs are x, ids, on."),
        ([X, X, IDS, ON], "inputs[1].name x appears twice."),
        ([X | {"name": "y"}], 'inputs[0].name is "y"; the model\'s inputs are x, ids, on.'),
        (["x"], "inputs[0] must be an object, not a string."),
        ([X | {"datatype": "FP64"}], 'Input x has datatype "FP64"; expected FP32.'),
        ([{"name": "x"}], "Input x has datatype null; expected FP32."),
        ([X | {"shape": [2]}], "Input x has shape [2]; expected [-1, 2] (-1 stands for any size from 1)."),
        ([X | {"shape": [0, 2], "data": []}], "Input x has shape [0,2]; expected [-1, 2]"),
        ([X | {"shape": [True, 2]}], "Input x has shape [true,2]; expected [-1, 2]"),
        ([X | {"shape": [1.0, 2]}], "Input x has shape [1.0,2]; expected [-1, 2]"),
        ([X | {"shape": "1x2"}], 'Input x has shape "1x2"; expected [-1, 2]'),
        ([X | {"shape": [2**40, 2]}], "Input x has shape [1099511627776,2]; expected [-1, 2]"),
        ([X | {"shape": [2, 2]}], "Input x has 2 values; its shape [2, 2] needs 4."),
        ([X | {"data": "1,2"}], 'Input x needs data, a list of numbers; found "1,2".'),
        ([{k: v for k, v in X.items() if k != "data"}], "Input x needs data, a list of numbers; found null."),
        ([X | {"data": [[1], [2]]}], "The data of input x is nested as [2, 1]; its shape is [1, 2]."),
        ([X | {"data": [[1, 2], [3]]}], "The data of input x is a list of uneven lists"),
        ([X | {"data": [1, [2]]}], "The data of input x is a list of uneven lists"),
        ([X | {"data": ["1", "2"]}], 'Input x has the value "1" at position 0; expected FP32.'),
        ([X | {"data": [1, None]}], "Input x has the value null at position 1; expected FP32."),
        ([X | {"data": [1, {}]}], "Input x has the value {} at position 1; expected FP32."),
        ([X | {"data": [1.5, False]}], "Input x has the value false at position 1; expected FP32."),
        ([X | {"data": [1, 1e39]}], "Input x has the value 1e+39 at position 1; expected FP32."),
        (
            [X, IDS | {"data": [1, 128]}],
            "Input ids has the value 128 at position 1; expected INT8, a whole number from -128 to 127.",
        ),
        ([X, IDS | {"data": [1, 1.5]}], "Input ids has the value 1.5 at position 1; expected INT8"),
        ([X, IDS | {"data": [1, True]}], "Input ids has the value true at position 1; expected INT8"),
        (
            [X, IDS, ON | {"data": [2]}],
            "Input on has the value 2 at position 0; expected BOOL, true or false.",
        ),
        ([X | {"colour": "red"}], 'Input x has the field "colour", which is not known here; known are data,'),
        ([X | {"parameters": {"shared_memory_region": "r"}}], "Input x has the parameter"),
        ([X | {"parameters": []}], "Input x has parameters that are a list; expected an object."),
    ],
)
def test_a_wrong_tensor_is_named(inputs: list[Any], message: str) -> None:
    with pytest.raises(BadRequestError) as refusal:
        v2.parse(SERVED, body(*inputs))
    assert refusal.value.message.startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The body is not JSON: "),
        (b"{", "The body is not JSON: "),
        (b"\xff", "The body is not JSON: "),
        (b'{"inputs":[NaN]}', "The body is not JSON: "),
        (b"[" * 5000, "The body is not JSON: "),
        (b"[]", "The body must be a JSON object, not a list."),
        (b"{}", "inputs must be a list of tensors; it is missing."),
        (b'{"inputs":{}}', "inputs must be a list of tensors; not an object."),
        (b'{"inputs":[],"id":7}', "id must be a string, not a number."),
        (body(X, IDS, ON, outputs="score"), "outputs must be a list, not a string."),
        (b'{"inputs":[-Infinity]}', "The body is not JSON: "),
        (b'{"inputs":[],"inputs":[]}', 'The key "inputs" appears twice in one object; send it once.'),
        (body(X, IDS, ON, colour="red"), 'The request has the field "colour", which is not known here'),
        (body(X, IDS, ON, model_name="n"), 'model_name is "n"; this server has m.'),
        (body(X, IDS, ON, model_name=["m"]), 'model_name is ["m"]; this server has m.'),
        (body(X, IDS, ON, parameters=7), "The request has parameters that are a number; expected an object."),
        (
            body(X, IDS, ON, parameters={"sequence_id": 1}),
            'The request has the parameter "sequence_id" = 1: this server keeps no state between requests.',
        ),
        (
            body(X, IDS, ON, parameters={"colour": 1}),
            'The request has the parameter "colour" = 1: known here are timeout, binary_data_output.',
        ),
        (body(X, IDS, ON, parameters={"timeout": 1.5}), "The parameter timeout is 1.5; expected whole micro"),
        (body(X, IDS, ON, parameters={"timeout": -1}), "The parameter timeout is -1; expected whole micro"),
        (
            body(X, IDS, ON, parameters={"binary_data_output": 1}),
            "The request has binary_data_output 1; expected true or false.",
        ),
        (
            body(X, IDS, ON, outputs=[{"name": "s"}]),
            'outputs[0].name is "s"; the model\'s outputs are score, class.',
        ),
        (body(X, IDS, ON, outputs=[{"name": "class"}] * 2), "outputs[1].name class appears twice."),
        (
            body(X, IDS, ON, outputs=[{"name": "class", "parameters": {"classification": 3}}]),
            'Output class has the parameter "classification" = 3: use POST /predict',
        ),
        (
            body(X, IDS, ON, outputs=[{"name": "class", "parameters": {"binary_data": "yes"}}]),
            'Output class has binary_data "yes"; expected true or false.',
        ),
    ],
)
def test_a_wrong_body_is_explained(content: bytes, message: str) -> None:
    with pytest.raises(BadRequestError) as refusal:
        v2.parse(SERVED, content)
    assert refusal.value.message.startswith(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_understood_or_refused(content: bytes) -> None:
    with pytest.raises(BadRequestError):
        v2.parse(SERVED, content)


@given(JSON, st.sampled_from(["name", "shape", "datatype", "data"]))
def test_any_field_is_understood_or_refused(value: Any, field: str) -> None:
    content = json.dumps({"inputs": [X | {field: value}, IDS, ON]}).encode()
    try:
        arrays = v2.parse(SERVED, content).arrays
    except BadRequestError:
        return
    assert arrays[0].shape[1] == 2
    assert np.isfinite(arrays[0]).all()


@pytest.mark.parametrize("field", ["id", "outputs", "parameters"])
def test_null_is_as_if_it_were_not_there(field: str) -> None:
    assert v2.parse(SERVED, body(X, IDS, ON, **{field: None})).outputs == ()


@pytest.mark.parametrize("depth", [3, 200, 1000])
@pytest.mark.parametrize("field", ["id", "inputs", "outputs", "parameters", "model_name"])
def test_a_nest_of_lists_is_refused(field: str, depth: int) -> None:
    """Deeper than the JSON library writes, so that not even the refusal can show it whole."""
    content = {"inputs": [X, IDS, ON]} | {field: 0}
    text = json.dumps(content).replace(f'"{field}": 0', f'"{field}": {"[" * depth}{"]" * depth}')
    with pytest.raises(BadRequestError):
        v2.parse(SERVED, text.encode())


@pytest.mark.parametrize(
    ("parameters", "seconds"), [({"timeout": 1_500_000}, 1.5), ({"timeout": 0}, None), ({}, None)]
)
def test_the_timeout_comes_in_microseconds(parameters: dict[str, int], seconds: float | None) -> None:
    assert v2.parse(SERVED, body(X, IDS, ON, parameters=parameters)).timeout_seconds == seconds


def test_a_colon_in_an_id_is_no_key_that_appears_twice() -> None:
    assert v2.parse(SERVED, body(X, IDS, ON, id="urn:uuid:7")).id == "urn:uuid:7"
    escaped = body(X, IDS, ON, id="_").replace(b'"_"', rb'"\u003a"')
    assert v2.parse(SERVED, escaped).id == ":"


@pytest.mark.parametrize(
    ("content", "which"),
    [
        (b'{"id":"a:b","id":"c"}', 'The key "id"'),
        (rb'{"id":"a\u003a","id":"b\u003A"}', 'The key "id"'),  # as many colons as keys are missing
        (rb'{"id":"a\\\u003a\u003a","inputs":[{"name":1,"name":"\u003a"}]}', 'The key "name"'),
        (rb'{"x\u003ay":1,"x:y":2}', 'The key "x:y"'),
        (b'{"inputs":[[1,{"a":{"b":1,"b":[":"]}}]]}', 'The key "b"'),
        (b'{"id":1,"id":2,"data":[' + b"1," * 600_000 + b"1]}", "A key"),
    ],
    ids=["colon", "escaped", "more-escaped", "key", "anywhere", "large"],
)
def test_a_key_that_appears_twice_is_found_whatever_else_there_is(content: bytes, which: str) -> None:
    with pytest.raises(BadRequestError) as refusal:
        v2.parse(SERVED, content)
    assert refusal.value.message == f"{which} appears twice in one object; send it once."


PLAIN = st.text(alphabet=':\\"u03aAé', max_size=6)


@given(
    st.recursive(
        PLAIN | st.integers(0, 9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    ),
    st.booleans(),
)
def test_nothing_is_taken_for_a_key_that_appears_twice(value: Any, escaped: bool) -> None:
    content = json.dumps({"id": value}, separators=(",", "\1"))
    content = content.replace(":", r"\u003a" if escaped else ":").replace("\1", ":")
    assert text.read(content.encode()) == {"id": value}


@pytest.mark.parametrize("colon", ["", ":"])
@pytest.mark.parametrize("depth", [3, 480, 500, 980, 1010, 1024])
def test_a_nest_of_objects_is_refused(depth: int, colon: str) -> None:
    """The parser goes 1024 levels deep, farther than Python recurses."""
    nest = b'{"a":' * depth + f'"{colon}"'.encode() + b"}" * depth
    with pytest.raises(BadRequestError, match='The request has the field "a"'):
        v2.parse(SERVED, nest)
    with pytest.raises(BadRequestError):
        v2.parse(SERVED, b'{"inputs":' + nest[5:])
    with pytest.raises(BadRequestError, match="appears twice"):
        v2.parse(SERVED, b'{"id":":","id":1,"inputs":' + nest[5:])


def test_an_answer_carries_names_dtypes_and_shapes() -> None:
    request = Request(arrays=[], id="7")
    outputs = [np.array([[0.5, 1]], np.float32), np.array([3])]
    assert orjson.loads(v2.render(SERVED, request, outputs)[0]) == {
        "model_name": "m",
        "id": "7",
        "outputs": [
            {"name": "score", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 1.0]},
            {"name": "class", "datatype": "INT64", "shape": [1], "data": [3]},
        ],
    }


def test_only_requested_outputs_are_sent() -> None:
    request = Request(arrays=[], outputs=(Wanted(name="class"),))
    answer = orjson.loads(v2.render(SERVED, request, [np.zeros((1, 2)), np.array([3])])[0])
    assert [output["name"] for output in answer["outputs"]] == ["class"]


def test_what_json_cannot_say_is_null_and_counted() -> None:
    outputs = [np.array([[np.nan, np.inf]], np.float32), np.array([3])]
    answer = orjson.loads(v2.render(SERVED, Request(arrays=[]), outputs)[0])
    assert answer["outputs"][0]["data"] == [None, None]
    assert answer["outputs"][0]["parameters"] == {"non_finite_values": 2}


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_survives_the_way_out_and_in(dtype: str) -> None:
    model, array = echo(dtype), extremes(dtype)
    answer = orjson.loads(v2.render(model, Request(arrays=[]), [array])[0])
    (found,) = v2.parse(model, orjson.dumps({"inputs": answer["outputs"]})).arrays
    assert found.dtype == array.dtype
    assert found.tobytes() == array.tobytes()
