"""KServe V1: rows and columns in, predictions out."""

from typing import Any

import numpy as np
import orjson
import pytest
from paddlemodel_server.errors import ServingError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol import Request, v1

from tests.serving_image.support.bodies import DTYPES, echo, extremes, served

ONE = echo("float32")
TWO = served(
    Model(
        format="PIR",
        inputs=(
            Tensor(name="x", dtype="float32", shape=(-1, 2)),
            Tensor(name="n", dtype="int64", shape=(-1,)),
        ),
        outputs=(
            Tensor(name="score", dtype="float32", shape=(-1, 2)),
            Tensor(name="class", dtype="int64", shape=(-1,)),
        ),
    )
)
ROWS = [{"x": [1, 2.5], "n": 3}, {"n": 4, "x": [5, 6]}]
COLUMNS = {"x": [[1, 2.5], [5, 6]], "n": [3, 4]}


def parsed(content: Any, model: Any = TWO) -> Request:
    return v1.parse(model, orjson.dumps(content))


@pytest.mark.parametrize("content", [{"instances": ROWS}, {"inputs": COLUMNS}], ids=["rows", "columns"])
def test_inputs_come_by_name_in_rows_or_columns(content: Any) -> None:
    x, n = parsed(content).arrays
    assert (x.dtype.name, x.tolist()) == ("float32", [[1, 2.5], [5, 6]])
    assert (n.dtype.name, n.tolist()) == ("int64", [3, 4])


@pytest.mark.parametrize(
    "content",
    [
        {"instances": [[1, 2], [3, 4]]},
        {"inputs": [[1, 2], [3, 4]]},
        {"instances": [{"t": [1, 2]}, {"t": [3, 4]}]},
        {"inputs": {"t": [[1, 2], [3, 4]]}},
    ],
)
def test_a_single_input_needs_no_name(content: Any) -> None:
    assert parsed(content, ONE).arrays[0].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "more",
    [
        {"signature_name": "serving_default"},
        {"signature_name": ""},
        {"signature_name": None, "parameters": None},
        {"parameters": {}},
    ],
)
def test_fields_that_can_mean_one_thing_only_are_taken(more: Any) -> None:
    """The clients of TensorFlow Serving and KServe send them without being asked."""
    for content in ({"instances": ROWS}, {"inputs": COLUMNS}):
        x, n = parsed(content | more).arrays
        assert (x.tolist(), n.tolist()) == ([[1, 2.5], [5, 6]], [3, 4])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "The body must be a JSON object, not a list."),
        ({}, "The request needs instances (rows) or inputs (columns); both are missing."),
        ({"shape": None}, "The request needs instances (rows) or inputs (columns); both are missing."),
        (
            {"instances": ROWS, "inputs": COLUMNS},
            "The request needs instances (rows) or inputs (columns); both are",
        ),
        (
            {"instances": ROWS, "signature_name": "s"},
            'signature_name is "s"; a model here has one signature, serving_default.',
        ),
        ({"instances": ROWS, "signature_name": [1]}, "signature_name is [1]; a model here has one"),
        (
            {"instances": ROWS, "parameters": {"k": 1}},
            'parameters has "k"; V1 has no parameters here, so leave it out or empty.',
        ),
        ({"instances": ROWS, "parameters": [1]}, "parameters is no object; V1 has no parameters here"),
        ({"instances": ROWS, "parameters": []}, "parameters is no object; V1 has no parameters here"),
        ({"instances": ROWS, "model_spec": {}}, 'The request has the field "model_spec", which is not known'),
        ({"signature_name": ""}, "The request needs instances (rows) or inputs (columns); both are missing."),
        ({"instances": []}, "instances must be a list with at least one row, not an empty list."),
        ({"instances": {}}, "instances must be a list with at least one row, not an object."),
        ({"instances": [[1, 2]]}, "instances[0] must be an object with the inputs x, n, not a list."),
        ({"instances": [ROWS[0], 7]}, "instances[1] must be an object with the inputs x, n, not a number."),
        ({"instances": [{"x": [1, 2]}]}, "instances[0] lacks the input n; the model's inputs are x, n."),
        (
            {"instances": [ROWS[0] | {"y": 1}]},
            'instances[0] names the input "y"; the model\'s inputs are x, n.',
        ),
        ({"inputs": [1]}, "inputs must be an object with x, n, not a list."),
        ({"inputs": {"x": [[1, 2]]}}, "inputs lacks the input n; the model's inputs are x, n."),
        ({"inputs": COLUMNS | {"n": 7}}, "inputs.n must be a list of numbers, not a number."),
        ({"inputs": COLUMNS | {"n": [1, "2"]}}, 'Input n has the value "2" at position 1; expected INT64'),
        ({"inputs": COLUMNS | {"n": [1, 2**63]}}, "Input n has the value 9223372036854775808 at position 1"),
        ({"inputs": COLUMNS | {"x": [[1, 2], [3]]}}, "The data of input x is a list of uneven lists"),
        ({"inputs": COLUMNS | {"x": [[1, 2, 3]]}}, "Input x has shape [1,3]; expected [-1, 2]"),
        ({"inputs": COLUMNS | {"x": [[[1, 2]]]}}, "Input x has shape [1,1,2]; expected [-1, 2]"),
        ({"inputs": COLUMNS | {"x": []}}, "Input x has shape [0]; expected [-1, 2]"),
        (
            {"inputs": COLUMNS | {"x": [[{"b64": "AA=="}, 1]]}},
            'Input x has the value {"b64":"AA=="} at position 0',
        ),
    ],
)
def test_a_wrong_request_is_explained(content: Any, message: str) -> None:
    with pytest.raises(ServingError) as refusal:
        parsed(content)
    assert refusal.value.status == 400
    assert refusal.value.message.startswith(message)


def test_rows_of_different_columns_are_the_models_business() -> None:
    """Paddle may broadcast; V1 says nothing about it, and neither does V2."""
    x, n = parsed({"inputs": {"x": [[1, 2]], "n": [1, 2]}}).arrays
    assert (x.shape, n.shape) == ((1, 2), (2,))


def answered(model: Any, request: Request, *outputs: Any) -> Any:
    return orjson.loads(v1.render(model, request, outputs))["predictions"]


SCORES, CLASSES = np.array([[0.5, 1], [2, np.nan]], np.float32), np.array([1, 0])


def test_predictions_are_rows_for_rows_and_columns_for_columns() -> None:
    rows, columns = Request(arrays=[], rows=2), Request(arrays=[])
    assert answered(TWO, rows, SCORES, CLASSES) == [
        {"score": [0.5, 1.0], "class": 1},
        {"score": [2.0, None], "class": 0},
    ]
    assert answered(TWO, columns, SCORES, CLASSES) == {"score": [[0.5, 1.0], [2.0, None]], "class": [1, 0]}
    assert answered(ONE, rows, SCORES) == answered(ONE, columns, SCORES) == [[0.5, 1.0], [2.0, None]]


SCALAR = served(
    Model(
        format="PIR",
        inputs=(Tensor(name="x", dtype="float32", shape=()), Tensor(name="b", dtype="bfloat16", shape=())),
        outputs=(
            Tensor(name="sum", dtype="float32", shape=()),
            Tensor(name="half", dtype="bfloat16", shape=()),
        ),
    )
)


def test_a_number_is_a_tensor_without_dimensions() -> None:
    x, b = parsed({"inputs": {"x": 0.1, "b": 2}}, SCALAR).arrays
    assert (x.dtype.name, x.shape, x.tolist()) == ("float32", (), np.float32(0.1))
    assert (b.shape, b.tolist()) == ((), 0x4000)
    assert parsed({"inputs": True}, echo("bool", ())).arrays[0].tolist() is True
    assert answered(SCALAR, Request(arrays=[]), x, b) == {"sum": 0.1, "half": 2.0}
    for dtype in DTYPES:
        one = extremes(dtype).reshape(-1)[0].reshape(())
        answer = answered(echo(dtype, ()), Request(arrays=[]), one)
        assert parsed({"inputs": answer}, echo(dtype, ())).arrays == [one]
    assert answered(echo("float32", ()), Request(arrays=[]), np.array(np.nan, np.float32)) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"inputs": {"x": "1", "b": 2}}, 'Input x has the value "1" at position 0; expected FP32.'),
        ({"inputs": {"x": {}, "b": 2}}, "Input x has the value {} at position 0; expected FP32."),
        ({"inputs": {"x": [1], "b": 2}}, "Input x has shape [1]; expected []"),
        ({"instances": [{"x": 1, "b": 2}]}, "Input x has shape [1]; expected []"),
    ],
)
def test_what_is_no_number_is_no_such_tensor(content: Any, message: str) -> None:
    with pytest.raises(ServingError) as refusal:
        parsed(content, SCALAR)
    assert refusal.value.message.startswith(message)


def test_an_output_without_a_row_for_each_instance_is_refused() -> None:
    with pytest.raises(ServingError) as refusal:
        v1.render(TWO, Request(arrays=[], rows=2), [SCORES, np.array(7)])
    assert refusal.value.status == 400
    assert refusal.value.message.startswith(
        "The output class has the shape [], not one row for each of the 2"
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_survives_the_way_out_and_in(dtype: str) -> None:
    model, array = echo(dtype), extremes(dtype)
    answer = orjson.loads(v1.render(model, Request(arrays=[], rows=len(array)), [array]))
    (found,) = v1.parse(model, orjson.dumps({"instances": answer["predictions"]})).arrays
    assert (found.dtype, found.tobytes()) == (array.dtype, array.tobytes())
