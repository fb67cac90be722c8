"""The Open Inference Protocol V2 in JSON: what is accepted, what is refused, and in which words."""

import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.model import Model, Tensor
from paddlemodel_server.protocol import Request, Wanted, v2

MODEL = Model(
    format="PIR",
    inputs=(
        Tensor(name="x", dtype="float32", shape=(-1, 2)),
        Tensor(name="ids", dtype="int8", shape=(-1,)),
        Tensor(name="on", dtype="bool", shape=(1,)),
    ),
    outputs=(
        Tensor(name="score", dtype="float32", shape=(-1, 2)),
        Tensor(name="class", dtype="int64", shape=(-1,)),
    ),
)
X = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2.5]}
IDS = {"name": "ids", "shape": [2], "datatype": "INT8", "data": [-128, 127]}
ON = {"name": "on", "shape": [1], "datatype": "BOOL", "data": [True]}


def body(*inputs: Any, **more: Any) -> bytes:
    return orjson.dumps({"inputs": list(inputs)} | more)


def test_tensors_come_in_the_models_order_and_dtypes() -> None:
    request = v2.parse(body(ON, IDS, X, id="7", outputs=[{"name": "class"}]), MODEL)
    assert [array.tolist() for array in request.arrays] == [[[1.0, 2.5]], [-128, 127], [True]]
    assert [array.dtype.name for array in request.arrays] == ["float32", "int8", "bool"]
    assert (request.id, request.outputs) == ("7", (Wanted(name="class"),))


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]]], ids=["flat", "nested"])
def test_data_may_be_flat_or_nested(data: list[Any]) -> None:
    request = v2.parse(body(X | {"shape": [2, 2], "data": data}, IDS, ON), MODEL)
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
        ([X | {"shape": [True, 2]}], "Input x has shape [true,2]; expected [-1, 2]."),
        ([X | {"shape": [1.0, 2]}], "Input x has shape [1.0,2]; expected [-1, 2]."),
        ([X | {"shape": "1x2"}], 'Input x has shape "1x2"; expected [-1, 2].'),
        ([X | {"shape": [2**40, 2]}], "Input x has shape [1099511627776,2]; expected [-1, 2]"),
        ([X | {"shape": [2, 2]}], "Input x has 2 values; its shape [2, 2] needs 4."),
        ([X | {"data": "1,2"}], "Input x needs data, a list of numbers; found a string."),
        ([X | {"data": [[1], [2]]}], "The data of input x is nested as [2, 1]; its shape is [1, 2]."),
        ([X | {"data": [[1, 2], [3]]}], "The data of input x is a list of uneven lists."),
        ([X | {"data": ["1", "2"]}], "The data of input x holds values that are not FP32."),
        ([X | {"data": [1, None]}], "The data of input x holds values that are not FP32."),
        ([X | {"data": [True, False]}], "The data of input x holds values that are not FP32."),
        ([X | {"data": [1, 1e39]}], "The data of input x holds values that are not FP32."),
        ([X, IDS | {"data": [1, 128]}], "The data of input ids holds values that are not INT8."),
        ([X, IDS | {"data": [1, 1.5]}], "The data of input ids holds values that are not INT8."),
        ([X, IDS, ON | {"data": [2]}], "The data of input on holds values that are not BOOL."),
    ],
)
def test_a_wrong_tensor_is_named(inputs: list[Any], message: str) -> None:
    with pytest.raises(BadRequestError) as refusal:
        v2.parse(body(*inputs), MODEL)
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
        (
            body(X, IDS, ON, outputs=[{"name": "s"}]),
            'outputs[0].name is "s"; the model\'s outputs are score, class.',
        ),
    ],
)
def test_a_wrong_body_is_explained(content: bytes, message: str) -> None:
    with pytest.raises(BadRequestError) as refusal:
        v2.parse(content, MODEL)
    assert refusal.value.message.startswith(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_understood_or_refused(content: bytes) -> None:
    with pytest.raises(BadRequestError):
        v2.parse(content, MODEL)


@given(JSON, st.sampled_from(["name", "shape", "datatype", "data"]))
def test_any_field_is_understood_or_refused(value: Any, field: str) -> None:
    content = json.dumps({"inputs": [X | {field: value}, IDS, ON]}).encode()
    try:
        arrays = v2.parse(content, MODEL).arrays
    except BadRequestError:
        return
    assert arrays[0].shape[1] == 2
    assert np.isfinite(arrays[0]).all()


def test_an_answer_carries_names_dtypes_and_shapes() -> None:
    request = Request(arrays=[], id="7")
    outputs = [np.array([[0.5, 1]], np.float32), np.array([3])]
    assert orjson.loads(v2.render("m", MODEL, request, outputs)) == {
        "model_name": "m",
        "id": "7",
        "outputs": [
            {"name": "score", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 1.0]},
            {"name": "class", "datatype": "INT64", "shape": [1], "data": [3]},
        ],
    }


def test_only_requested_outputs_are_sent() -> None:
    request = Request(arrays=[], outputs=(Wanted(name="class"),))
    answer = orjson.loads(v2.render("m", MODEL, request, [np.zeros((1, 2)), np.array([3])]))
    assert [output["name"] for output in answer["outputs"]] == ["class"]


def test_what_json_cannot_say_is_null_and_counted() -> None:
    outputs = [np.array([[np.nan, np.inf]], np.float32), np.array([3])]
    answer = orjson.loads(v2.render("m", MODEL, Request(arrays=[]), outputs))
    assert answer["outputs"][0]["data"] == [None, None]
    assert answer["outputs"][0]["parameters"] == {"non_finite_values": 2}


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float64"])
def test_every_dtype_survives_the_way_out_and_in(dtype: str) -> None:
    tensor = Tensor(name="t", dtype=dtype, shape=(-1, 2))
    model = Model(format="PIR", inputs=(tensor,), outputs=(tensor,))
    array = np.array([[0, 1], [1, 0]]).astype(dtype)
    answer = orjson.loads(v2.render("m", model, Request(arrays=[]), [array]))
    (found,) = v2.parse(orjson.dumps({"inputs": answer["outputs"]}), model).arrays
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)
