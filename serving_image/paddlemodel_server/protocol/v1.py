"""KServe's V1 protocol, which is TensorFlow Serving's: rows or columns in, predictions out.

Rows are `instances`, columns are `inputs`. V1 names neither dtypes nor shapes: both come from the model.
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from paddlemodel_server.errors import BadRequestError, NoRowsError
from paddlemodel_server.protocol import tensors
from paddlemodel_server.protocol.json import text
from paddlemodel_server.protocol.json.numbers import Numbers, understood
from paddlemodel_server.protocol.json.text import shown
from paddlemodel_server.protocol.request import Array, Expected, Request
from paddlemodel_server.protocol.served import Served

_KEYS = frozenset({"instances", "inputs"})
_KNOWN = _KEYS | {"signature_name", "parameters"}  # TensorFlow Serving's and KServe's clients send them, too
_SIGNATURES = ("", "serving_default")  # what they call the only one
Json = dict[str, Any]


def parse(served: Served, body: bytes) -> Request:
    """Read and validate a prediction request."""
    return understood(body, lambda content: _request(served, content))


def _request(served: Served, content: Json) -> Request:
    _check(content)
    given = _KEYS & content.keys()  # beside them there may be unknown fields that are null
    if len(given) != 1:
        found = "both are there" if given else "both are missing"
        raise BadRequestError(f"The request needs instances (rows) or inputs (columns); {found}.")
    if "inputs" in content:
        return Request(arrays=_columns(content["inputs"], served))
    rows = content["instances"]
    if type(rows) is Numbers and served.only_input:
        return Request(arrays=[_tensor(rows, served.only_input, "instances")], rows=rows.shape[0])
    if type(rows) is not list or not rows:
        found = "an empty list" if rows == [] else text.kind(rows)
        raise BadRequestError(f"instances must be a list with at least one row, not {found}.")
    return Request(arrays=_rows(rows, served), rows=len(rows))


def _check(content: Json) -> None:
    """Take fields with one possible meaning, and refuse what would be ignored."""
    text.check_keys("The request", content, _KNOWN)
    signature = content.get("signature_name")
    if signature is not None and (type(signature) is not str or signature not in _SIGNATURES):
        raise BadRequestError(
            f"signature_name is {shown(signature)}; a model here has one signature, serving_default."
        )
    parameters = content.get("parameters")
    if parameters is not None and parameters != {}:
        found = f"has {shown(next(iter(parameters)))}" if type(parameters) is dict else "is no object"
        raise BadRequestError(f"parameters {found}; V1 has no parameters here, so leave it out or empty.")


def _rows(rows: list[Any], served: Served) -> list[Array]:
    only = served.only_input
    if only and type(rows[0]) is not dict:
        return [_tensor(rows, only, "instances")]
    columns: dict[str, list[Any]] = {name: [] for name in served.inputs}
    for at, row in enumerate(rows):
        if type(row) is not dict:
            raise BadRequestError(
                f"instances[{at}] must be an object with the inputs {', '.join(served.inputs)}, "
                f"not {text.kind(row)}."
            )
        _check_names(f"instances[{at}]", row, served)
        for name, values in columns.items():
            values.append(row[name])
    return [_tensor(columns[name], served.inputs[name], f"instances[*].{name}") for name in columns]


def _columns(found: Any, served: Served) -> list[Array]:
    only = served.only_input
    if only and type(found) is not dict:
        return [_tensor(found, only, "inputs")]
    if type(found) is not dict:
        raise BadRequestError(
            f"inputs must be an object with {', '.join(served.inputs)}, not {text.kind(found)}."
        )
    _check_names("inputs", found, served)
    return [_tensor(found[name], expected, f"inputs.{name}") for name, expected in served.inputs.items()]


def _check_names(where: str, found: Json, served: Served) -> None:
    if found.keys() != served.inputs.keys():
        known = ", ".join(served.inputs)
        for name in found:
            if name not in served.inputs:
                raise BadRequestError(
                    f"{where} names the input {shown(name)}; the model's inputs are {known}."
                )
        missing = next(name for name in served.inputs if name not in found)
        raise BadRequestError(f"{where} lacks the input {missing}; the model's inputs are {known}.")


def _tensor(data: Any, expected: Expected, where: str) -> Array:
    if type(data) is Numbers:
        return data.tensor(expected, tensors.shape_of(list(data.shape), expected))
    if type(data) is list and data and type(data[0]) is Numbers:
        shape = tensors.shape_of([len(data), *data[0].shape], expected)
        return Numbers.stacked(data, expected, shape)
    if not expected.shape and type(data) is not list:
        return tensors.numbers([data], frozenset({type(data)}), expected).reshape(())
    if type(data) is not list:
        raise BadRequestError(f"{where} must be a list of numbers, not {text.kind(data)}.")
    try:
        values, nested, kinds = tensors.unnested(data)
    except tensors.UnevenError:
        raise tensors.uneven(expected) from None
    shape = tensors.shape_of(list(nested), expected)
    return tensors.numbers(values, kinds, expected).reshape(shape)


def render(served: Served, request: Request, outputs: Sequence[Array]) -> bytes:
    """The JSON of an answer: rows for `instances`, columns for `inputs`; one output comes without its name.

    JSON has no NaN and no infinity: they become null.
    """
    lists = {
        name: _plain(array, served.outputs[name]) for name, array in zip(served.outputs, outputs, strict=True)
    }
    if request.rows is None:
        content: Any = lists if len(lists) > 1 else next(iter(lists.values()))
        return _dump(content)
    for name, array in lists.items():
        if array.shape[:1] != (request.rows,):
            raise NoRowsError(
                f"The output {name} has the shape {list(array.shape)}, not one row for each of the "
                f"{request.rows} instances; send the columns (inputs) instead."
            )
    if len(lists) == 1:
        return _dump(next(iter(lists.values())))
    return _dump([{name: array[row] for name, array in lists.items()} for row in range(request.rows)])


def _plain(array: Array, expected: Expected) -> Any:
    array = tensors.meant(array, expected)
    # orjson writes numpy's scalars, but no array without a dimension.
    return np.ascontiguousarray(array) if array.ndim else array[()]


def _dump(predictions: Any) -> bytes:
    # A row of one-dimensional output is a numpy scalar, which orjson writes like an array.
    return orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)
