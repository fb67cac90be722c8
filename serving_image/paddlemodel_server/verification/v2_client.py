"""The Open Inference Protocol V2 as a client speaks it: JSON or binary tensors; pure.

`predict` and `verify` send these to our own server or to any other that speaks V2 (Triton, KServe); `bench`
sends the same bytes again and again. BF16, which numpy does not have, is float32 here and bits on the wire.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from paddlemodel_server.errors import StartError
from paddlemodel_server.model import bfloat16
from paddlemodel_server.model.formats.program import DATATYPES, Tensor

Array = np.ndarray[Any, np.dtype[Any]]
Arrays = dict[str, Array]
# What an array of a datatype is in these commands.
NUMPY = {
    datatype: np.dtype("float32" if name == "bfloat16" else name) for name, datatype in DATATYPES.items()
}
_HEADER_LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a server says of its model."""

    name: str
    inputs: tuple[Tensor, ...]  # none where the server does not say, as KServe's runtime for Paddle
    outputs: tuple[Tensor, ...]
    binary: bool  # whether it takes and gives binary tensors


@dataclass(frozen=True, kw_only=True)
class Body:
    """A request, ready to be sent."""

    content: bytes
    headers: Mapping[str, str]


def metadata(server: Any, model: Any) -> Metadata:
    """Read the answers of GET /v2 and GET /v2/models/NAME."""
    try:
        return Metadata(
            name=model["name"],
            inputs=tuple(_tensor(described) for described in model["inputs"]),
            outputs=tuple(_tensor(described) for described in model["outputs"]),
            binary="binary_tensor_data" in server.get("extensions", ()),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StartError(
            "NotV2", "The server's description of the model is not that of the V2 protocol; correct the URL."
        ) from error


def described(arrays: Mapping[str, Array]) -> tuple[Tensor, ...]:
    """What the arrays say of themselves, where the server says nothing."""
    for name, array in arrays.items():
        if str(array.dtype) not in DATATYPES:
            raise StartError("UnsupportedDtype", f"{name} is {array.dtype}, which this command cannot send.")
    return tuple(Tensor(name=n, dtype=str(a.dtype), shape=a.shape) for n, a in arrays.items())


def _tensor(described: Any) -> Tensor:
    names = {datatype: name for name, datatype in DATATYPES.items()}
    datatype = described["datatype"]
    return Tensor(
        name=described["name"],
        dtype=names.get(datatype, datatype),
        shape=tuple(int(side) for side in described["shape"]),
    )


def request(inputs: Sequence[Tensor], arrays: Mapping[str, Array], *, binary: bool) -> Body:
    """An inference request with these arrays; the answer comes in the same form."""
    return _binary(inputs, arrays) if binary else _json(inputs, arrays)


def _json(inputs: Sequence[Tensor], arrays: Mapping[str, Array]) -> Body:
    content = orjson.dumps(
        {"inputs": [tensor(t.name, t.datatype, arrays[t.name]) for t in inputs]},
        option=orjson.OPT_SERIALIZE_NUMPY,
    )
    return Body(content=content, headers={"Content-Type": "application/json"})


def tensor(name: str, datatype: str, array: Array) -> dict[str, Any]:
    """A tensor of JSON, for orjson with OPT_SERIALIZE_NUMPY.

    orjson writes numpy's numbers in the fewest digits that give the same number again, and what is not
    finite as null.
    """
    flat = np.ascontiguousarray(array).reshape(-1)
    data = flat.astype(np.float32) if array.dtype == np.float16 else flat
    return _described(name, datatype, array) | {"data": data}


def _binary(inputs: Sequence[Tensor], arrays: Mapping[str, Array]) -> Body:
    raw = [_bits(t.datatype, arrays[t.name]).tobytes() for t in inputs]
    described = [
        _described(t.name, t.datatype, arrays[t.name]) | {"parameters": {"binary_data_size": len(part)}}
        for t, part in zip(inputs, raw, strict=True)
    ]
    head = orjson.dumps({"inputs": described, "parameters": {"binary_data_output": True}})
    content = b"".join([head, *raw])
    headers = {"Content-Type": "application/octet-stream", _HEADER_LENGTH: str(len(head))}
    return Body(content=content, headers=headers)


def _bits(datatype: str, array: Array) -> Array:
    return bfloat16.bits(array) if datatype == "BF16" else array


def _described(name: str, datatype: str, array: Array) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(array.shape)}


def answer(headers: Mapping[str, str], content: bytes) -> Arrays:
    """The outputs of an inference response, by name, in its order.

    Raises:
        StartError: `NotV2`, `UnsupportedDtype`.
    """
    length = {name.lower(): value for name, value in headers.items()}.get(_HEADER_LENGTH.lower())
    try:
        head, rest = (content[: int(length)], content[int(length) :]) if length else (content, b"")
        return _outputs(orjson.loads(head), rest)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StartError("NotV2", "The server's answer is not one of the V2 protocol.") from error


def _outputs(body: Any, rest: bytes) -> Arrays:
    found: Arrays = {}
    for output in body["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            found[output["name"]] = array_of(output)
            continue
        found[output["name"]] = _from_bits(output, rest[:size]).reshape(output["shape"])
        rest = rest[size:]
    return found


def _from_bits(output: Mapping[str, Any], content: bytes) -> Array:
    if output["datatype"] == "BF16":
        return bfloat16.numbers(np.frombuffer(content, np.uint16))
    return np.frombuffer(content, _dtype(output))


def array_of(described: Mapping[str, Any]) -> Array:
    """A tensor of JSON as an array; `null`, which stands for what JSON cannot say, is NaN.

    Raises:
        StartError: `WrongValues`, `UnsupportedDtype`.
        KeyError, TypeError, ValueError: it is no tensor.
    """
    dtype, data = _dtype(described), described["data"]
    floating = np.issubdtype(dtype, np.floating)
    given = np.array(data, dtype=np.float64 if floating else None)
    with np.errstate(over="ignore", invalid="ignore"):
        array = given.astype(dtype)
    # numpy makes 44 of 300 for UINT8, infinity of 1e6 for FP16, and 1 of 1.5, without a word.
    whole = given.dtype.kind in "biu" and np.array_equal(array, given)
    if given.size and not (np.array_equal(np.isinf(array), np.isinf(given)) if floating else whole):
        raise StartError(
            "WrongValues", f"{described['name']} has values that {described['datatype']} cannot hold."
        )
    return array.reshape(described["shape"])


def _dtype(described: Mapping[str, Any]) -> np.dtype[Any]:
    if described["datatype"] not in NUMPY:
        raise StartError(
            "UnsupportedDtype",
            f"{described['name']} is {described['datatype']}; this command knows {', '.join(NUMPY)}.",
        )
    return NUMPY[described["datatype"]]
