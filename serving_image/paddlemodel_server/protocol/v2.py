"""The Open Inference Protocol V2: an inference request, its answer, the model's metadata.

A null means that a field is absent: MLServer's and KServe's libraries write them. Tensors are JSON
numbers, or bytes behind the JSON (the binary tensor data extension).
https://github.com/open-inference/open-inference-protocol
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.model.signature import DATATYPES, Model, Tensor
from paddlemodel_server.protocol import tensors
from paddlemodel_server.protocol.json import text
from paddlemodel_server.protocol.json.numbers import understood
from paddlemodel_server.protocol.json.text import shown
from paddlemodel_server.protocol.request import Array, Expected, Request, Wanted
from paddlemodel_server.protocol.routes import VERSION
from paddlemodel_server.protocol.served import Served

EXTENSIONS = ["binary_tensor_data"]

_REQUEST_KEYS = frozenset({"id", "inputs", "outputs", "parameters", "model_name", "model_version"})
_INPUT_KEYS = frozenset({"name", "shape", "datatype", "data", "parameters"})
_OUTPUT_KEYS = frozenset({"name", "parameters"})
_DATATYPES = {"uint16" if name == "bfloat16" else name: datatype for name, datatype in DATATYPES.items()}
_CONTENT_TYPES = frozenset({"np", "pd"})
"""MLServer's words for an array, and for the columns of a data frame; here both are plain tensors.
https://mlserver.readthedocs.io/en/stable/user-guide/content-type.html
"""
_REFUSED = {
    "sequence_id": "this server keeps no state between requests",
    "sequence_start": "this server keeps no state between requests",
    "sequence_end": "this server keeps no state between requests",
    "priority": "all requests are equal here",
    "classification": "use POST /predict with the task imageClassification, or compare the scores yourself",
    "shared_memory_region": "this server shares no memory with its clients; send the tensor",
    "shared_memory_offset": "this server shares no memory with its clients; send the tensor",
    "shared_memory_byte_size": "this server shares no memory with its clients; send the tensor",
}
Json = dict[str, Any]


def parse(served: Served, body: bytes, json_size: int | None = None) -> Request:
    """Read and validate an inference request.

    Args:
        served: the model.
        body: the JSON, and behind it the binary tensors.
        json_size: bytes of the JSON; None if there is nothing behind it.
    """
    tail = memoryview(b"")
    if json_size is not None:
        if json_size > len(body):
            raise BadRequestError(
                f"Inference-Header-Content-Length is {json_size}, but the body has only {len(body)} bytes."
            )
        body, tail = body[:json_size], memoryview(body)[json_size:]
    return understood(body, lambda content: _request(served, content, tail))


def _request(served: Served, content: Json, tail: memoryview) -> Request:
    if not content.keys() <= _REQUEST_KEYS:
        text.check_keys("The request", content, _REQUEST_KEYS)
    identity = content.get("id")
    if identity is not None and type(identity) is not str:
        raise BadRequestError(f"id must be a string, not {text.kind(identity)}.")
    _check_model(content, served)
    found = content.get("parameters")
    seconds, binary = (None, False) if found is None else _parameters(found)
    found = content.get("outputs")
    outputs = () if found is None else _outputs(found, served, binary=binary)
    return Request(
        arrays=_inputs(content.get("inputs"), tail, served.inputs),
        id=identity,
        outputs=outputs or (served.all_binary if binary else ()),
        timeout_seconds=seconds,
    )


def _check_model(content: Json, served: Served) -> None:
    name, version = content.get("model_name"), content.get("model_version")
    if name is not None and name != served.name:
        raise BadRequestError(f"model_name is {shown(name)}; this server has {served.name}.")
    if version is not None and version != VERSION:
        raise BadRequestError(f'model_version is {shown(version)}; the only version here is "{VERSION}".')


def arrays(body: bytes, model: Model) -> list[Array]:
    """The tensors of a recorded request, in the model's order; for callers that have no server."""
    entries = text.read(body).get("inputs")
    return _inputs(entries, memoryview(b""), {tensor.name: Expected(tensor) for tensor in model.inputs})


def _inputs(entries: Any, tail: memoryview, expected: dict[str, Expected]) -> list[Array]:
    if type(entries) is not list:
        why = "it is missing" if entries is None else f"not {text.kind(entries)}"
        raise BadRequestError(f"inputs must be a list of tensors; {why}.")
    found: dict[str, Array] = {}
    for at, entry in enumerate(entries):
        if type(entry) is not dict:
            raise BadRequestError(f"inputs[{at}] must be an object, not {text.kind(entry)}.")
        name = entry.get("name")
        if type(name) is not str or name not in expected:
            known = ", ".join(expected)
            raise BadRequestError(f"inputs[{at}].name is {shown(name)}; the model's inputs are {known}.")
        if name in found:
            raise BadRequestError(f"inputs[{at}].name {name} appears twice.")
        if not entry.keys() <= _INPUT_KEYS:
            text.check_keys(f"Input {name}", entry, _INPUT_KEYS)
        found[name], tail = _tensor(entry, expected[name], tail)
    if len(found) < len(expected):
        missing = next(name for name in expected if name not in found)
        raise BadRequestError(
            f"The input {missing} is missing; the model's inputs are {', '.join(expected)}."
        )
    if len(tail):
        raise BadRequestError(
            f"The body has {len(tail)} bytes more than its JSON and the binary_data_size of its inputs say."
        )
    return list(found.values()) if len(found) == 1 else [found[name] for name in expected]


def _tensor(entry: Json, expected: Expected, tail: memoryview) -> tuple[Array, memoryview]:
    if entry.get("datatype") != expected.datatype:
        found = shown(entry.get("datatype"))
        raise BadRequestError(f"Input {expected.name} has datatype {found}; expected {expected.datatype}.")
    shape = tensors.shape_of(entry.get("shape"), expected)
    parameters = entry.get("parameters")
    size = None if parameters is None else _binary_size(parameters, expected)
    if size is None:
        return tensors.from_values(entry.get("data"), shape, expected), tail
    if entry.get("data") is not None:
        raise BadRequestError(f"Input {expected.name} has both data and binary_data_size; send one of them.")
    if size > len(tail):
        raise BadRequestError(
            f"Input {expected.name} has binary_data_size {size}, but only {len(tail)} bytes are left behind "
            "the JSON; the header Inference-Header-Content-Length says where it ends."
        )
    return tensors.from_bytes(tail[:size], shape, expected), tail[size:]


def _binary_size(parameters: Any, expected: Expected) -> int | None:
    where = f"Input {expected.name}"
    size: Any = _known(where, parameters, "binary_data_size").get("binary_data_size")
    if size is not None and (type(size) is not int or size < 0):
        raise BadRequestError(f"{where} has binary_data_size {shown(size)}; expected a number of bytes.")
    return None if size is None else int(size)


def _parameters(found: Any) -> tuple[float | None, bool]:
    """The deadline in seconds and whether outputs are binary, as the whole request says."""
    parameters = _known("The request", found, "timeout", "binary_data_output")
    microseconds = parameters.get("timeout")
    if microseconds is not None and (type(microseconds) is not int or microseconds < 0):
        raise BadRequestError(
            f"The parameter timeout is {shown(microseconds)}; expected whole microseconds, or 0."
        )
    binary = _flag("The request", parameters, "binary_data_output")
    return (microseconds / 1e6 if microseconds else None), bool(binary)


def _outputs(entries: Any, served: Served, *, binary: bool) -> tuple[Wanted, ...]:
    if type(entries) is not list:
        raise BadRequestError(f"outputs must be a list, not {text.kind(entries)}.")
    wanted: dict[str, Wanted] = {}
    for at, entry in enumerate(entries):
        name = entry.get("name") if type(entry) is dict else None
        if type(name) is not str or name not in served.outputs:
            known = ", ".join(served.outputs)
            raise BadRequestError(f"outputs[{at}].name is {shown(name)}; the model's outputs are {known}.")
        if name in wanted:
            raise BadRequestError(f"outputs[{at}].name {name} appears twice.")
        text.check_keys(f"Output {name}", entry, _OUTPUT_KEYS)
        parameters = _known(f"Output {name}", entry.get("parameters"), "binary_data")
        flag = _flag(f"Output {name}", parameters, "binary_data")
        wanted[name] = Wanted(name=name, binary=binary if flag is None else flag)
    return tuple(wanted.values())


def _known(where: str, parameters: Any, *known: str) -> Json:
    """Parameters, none of which would be ignored."""
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise BadRequestError(f"{where} has parameters that are {text.kind(parameters)}; expected an object.")
    for name, value in parameters.items():
        if value is None:
            continue
        if name == "content_type":
            _check_content_type(where, value)
        elif name not in known:
            why = _REFUSED.get(name, f"known here are {', '.join(known)}")
            raise BadRequestError(f"{where} has the parameter {shown(name)} = {shown(value)}: {why}.")
    return parameters


def _check_content_type(where: str, value: Any) -> None:
    if type(value) is not str or value not in _CONTENT_TYPES:
        raise BadRequestError(
            f'{where} has content_type {shown(value)}; expected "np" or "pd": '
            "this server takes and gives tensors."
        )


def _flag(where: str, parameters: Json, name: str) -> bool | None:
    value = parameters.get(name)
    if value is not None and type(value) is not bool:
        raise BadRequestError(f"{where} has {name} {shown(value)}; expected true or false.")
    return value


def render(served: Served, request: Request, outputs: Sequence[Array]) -> tuple[bytes, int | None]:
    """The body of an answer, and how many bytes of it are JSON if there is more behind it.

    JSON has no NaN and no infinity: they become null, and the output's parameters say how many there are.
    """
    opening = served.opening
    if request.id is not None:
        opening += b',"id":' + orjson.dumps(request.id)
    if not request.outputs:
        parts = [
            _json(expected, array) for expected, array in zip(served.outputs.values(), outputs, strict=True)
        ]
        return opening + b',"outputs":[' + b",".join(parts) + b"]}", None
    given = dict(zip(served.outputs, outputs, strict=True))
    parts, tail = [], []
    for wanted in request.outputs:
        expected, array = served.outputs[wanted.name], given[wanted.name]
        if wanted.binary:
            data = tensors.to_bytes(array)
            tail.append(data)
            parts.append(b'%b,"parameters":{"binary_data_size":%d}}' % (_head(expected, array), len(data)))
        else:
            parts.append(_json(expected, array))
    head = opening + b',"outputs":[' + b",".join(parts) + b"]}"
    return (b"".join((head, *tail)), len(head)) if tail else (head, None)


def _json(expected: Expected, array: Array) -> bytes:
    numbers = tensors.meant(array, expected)
    data = tensors.to_json(numbers)
    head = _head(expected, array)
    if b"null" in data:
        head += b',"parameters":{"non_finite_values":%d}' % tensors.non_finite(numbers)
    return head + b',"data":' + data + b"}"


def _head(expected: Expected, array: Array) -> bytes:
    """Name, datatype and shape; Paddle may answer in another dtype than its program says."""
    if array.dtype == expected.dtype:
        return expected.dumped + tensors.shape_json(array.shape)
    named = orjson.dumps({"name": expected.name, "datatype": datatype(expected, array.dtype)})[:-1]
    return named + b',"shape":' + tensors.shape_json(array.shape)


def datatype(expected: Expected, found: np.dtype[Any]) -> str:
    """The datatype of what Paddle really answered."""
    if found == expected.dtype:
        return expected.datatype
    return _DATATYPES.get(found.name, found.name.upper())


def metadata(name: str, model: Model) -> Json:
    """What `GET /v2/models/NAME` tells."""
    return {
        "name": name,
        "versions": [VERSION],
        "platform": f"paddle_{model.format.lower()}",
        "inputs": [_described(tensor) for tensor in model.inputs],
        "outputs": [_described(tensor) for tensor in model.outputs],
    }


def _described(tensor: Tensor) -> Json:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
