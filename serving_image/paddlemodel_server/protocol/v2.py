"""The Open Inference Protocol V2 in JSON: metadata, a request's tensors, an answer's tensors. Pure functions.

`inference` calls them. Every number is checked against the model's metadata here, so that Paddle never sees a
request that it would refuse, crash on or misread. https://github.com/open-inference/open-inference-protocol
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import orjson

from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.model import DATATYPES, Model, Tensor
from paddlemodel_server.protocol.request import Array, Request, Wanted

_DATATYPES = {np.dtype(dtype): datatype for dtype, datatype in DATATYPES.items()}
_SHOWN = 60  # characters of a client's own value that a message repeats


def parse(body: bytes, model: Model) -> Request:
    """Read and validate the JSON of an inference request."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequestError(f"The body is not JSON: {error}.") from None
    if not isinstance(content, dict):
        raise BadRequestError(f"The body must be a JSON object, not {_kind(content)}.")
    identity = content.get("id")
    if identity is not None and not isinstance(identity, str):
        raise BadRequestError(f"id must be a string, not {_kind(identity)}.")
    return Request(arrays=_inputs(content, model), id=identity, outputs=_requested(content, model))


def _inputs(content: dict[str, Any], model: Model) -> list[Array]:
    entries = content.get("inputs")
    if not isinstance(entries, list):
        found = "it is missing" if entries is None else f"not {_kind(entries)}"
        raise BadRequestError(f"inputs must be a list of tensors; {found}.")
    found_arrays: dict[str, Array] = {}
    by_name = {tensor.name: tensor for tensor in model.inputs}
    for at, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise BadRequestError(f"inputs[{at}] must be an object, not {_kind(entry)}.")
        name = entry.get("name")
        if not isinstance(name, str) or name not in by_name:
            known = ", ".join(by_name)
            raise BadRequestError(f"inputs[{at}].name is {_shown(name)}; the model's inputs are {known}.")
        if name in found_arrays:
            raise BadRequestError(f"inputs[{at}].name {name} appears twice.")
        found_arrays[name] = _array(entry, by_name[name])
    missing = [name for name in by_name if name not in found_arrays]
    if missing:
        raise BadRequestError(
            f"The input {missing[0]} is missing; the model's inputs are {', '.join(by_name)}."
        )
    return [found_arrays[tensor.name] for tensor in model.inputs]


def _requested(content: dict[str, Any], model: Model) -> tuple[Wanted, ...]:
    entries = content.get("outputs")
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise BadRequestError(f"outputs must be a list, not {_kind(entries)}.")
    known = [tensor.name for tensor in model.outputs]
    names = []
    for at, entry in enumerate(entries):
        name = entry.get("name") if isinstance(entry, dict) else None
        if name not in known:
            raise BadRequestError(
                f"outputs[{at}].name is {_shown(name)}; the model's outputs are {', '.join(known)}."
            )
        names.append(Wanted(name=name))
    return tuple(names)


def _array(entry: dict[str, Any], tensor: Tensor) -> Array:
    datatype = entry.get("datatype")
    if datatype != tensor.datatype:
        raise BadRequestError(
            f"Input {tensor.name} has datatype {_shown(datatype)}; expected {tensor.datatype}."
        )
    shape = _shape(entry.get("shape"), tensor)
    data = entry.get("data")
    if not isinstance(data, list):
        raise BadRequestError(f"Input {tensor.name} needs data, a list of numbers; found {_kind(data)}.")
    try:
        values = np.array(data)
    except (ValueError, OverflowError):
        raise BadRequestError(f"The data of input {tensor.name} is a list of uneven lists.") from None
    if values.size != prod(shape):
        raise BadRequestError(
            f"Input {tensor.name} has {values.size} values; its shape {list(shape)} needs {prod(shape)}."
        )
    if values.ndim != 1 and values.shape != shape:
        raise BadRequestError(
            f"The data of input {tensor.name} is nested as {list(values.shape)}; its shape is {list(shape)}."
        )
    return _converted(values, tensor).reshape(shape)


def _shape(found: Any, tensor: Tensor) -> tuple[int, ...]:
    expected = list(tensor.shape)
    if not isinstance(found, list) or not all(type(n) is int for n in found):
        raise BadRequestError(f"Input {tensor.name} has shape {_shown(found)}; expected {expected}.")
    fits = len(found) == len(expected) and all(
        n == e or (e == -1 and 0 < n < 1 << 31) for n, e in zip(found, expected, strict=True)
    )
    if not fits:
        note = " (-1 stands for any size from 1)" if -1 in expected else ""
        raise BadRequestError(f"Input {tensor.name} has shape {_shown(found)}; expected {expected}{note}.")
    return tuple(found)


def _converted(values: Array, tensor: Tensor) -> Array:
    """The values in the model's dtype, without any silent change."""
    target = tensor.numpy
    kind = values.dtype.kind
    if target.kind == "f" and kind in "iuf":
        with np.errstate(over="ignore"):
            converted = values.astype(target)
        if np.isfinite(converted).all():
            return converted
    elif target.kind in "iu" and kind in "iu":
        limits = np.iinfo(target)
        if int(values.min()) >= limits.min and int(values.max()) <= limits.max:
            return values.astype(target)
    elif target.kind == "b":
        if kind == "b":
            return values
        if kind in "iu" and int(values.min()) >= 0 and int(values.max()) <= 1:
            return values.astype(target)
    raise BadRequestError(f"The data of input {tensor.name} holds values that are not {tensor.datatype}.")


def render(name: str, model: Model, request: Request, outputs: Sequence[Array]) -> bytes:
    """The JSON of an answer.

    JSON has no NaN and no infinity: they become null, and the output's parameters say how many there are.
    """
    given = dict(zip((tensor.name for tensor in model.outputs), outputs, strict=True))
    answer: dict[str, Any] = {"model_name": name}
    if request.id is not None:
        answer["id"] = request.id
    answer["outputs"] = [_output(name, given[name]) for name in [w.name for w in request.outputs] or given]
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def _output(name: str, array: Array) -> dict[str, Any]:
    datatype = _DATATYPES.get(array.dtype) or array.dtype.name.upper()
    output: dict[str, Any] = {"name": name, "datatype": datatype, "shape": list(array.shape)}
    if array.dtype.kind == "f":
        finite = np.isfinite(array)
        if not finite.all():
            output["parameters"] = {"non_finite_values": array.size - int(finite.sum())}
    output["data"] = np.ascontiguousarray(array).reshape(-1)
    return output


def metadata(name: str, model: Model) -> dict[str, Any]:
    """What `GET /v2/models/NAME` tells."""
    return {
        "name": name,
        "platform": f"paddle_{model.format.lower()}",
        "inputs": [_described(tensor) for tensor in model.inputs],
        "outputs": [_described(tensor) for tensor in model.outputs],
    }


def _described(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _shown(value: Any) -> str:
    text = orjson.dumps(value, default=str).decode(errors="replace")
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
