"""What JSON Schema cannot say about a request, told to schemathesis; test_openapi.py runs it with this file.

Only requests that are meant to be right are touched: data gets as many values as its shape says, a deadline
is long enough to be kept, a header stands only beside the body that it belongs to. Each rule is in the
document's descriptions. Requests that are meant to be wrong go out as they are.
"""

import io
import json
import math
import re
from collections.abc import Iterator
from copy import copy, deepcopy
from itertools import cycle, islice
from typing import Any

import numpy as np
import schemathesis
from hypothesis import strategies as st
from PIL import Image
from schemathesis.core.parameters import ParameterLocation

OCTETS, NPY = "application/octet-stream", "application/x-npy"
DTYPES = {"BOOL": "?", "UINT8": "u1", "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8"}
DTYPES |= {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}
MOST_SIDE = 8  # larger sizes are drawn, too, but would only cost time
SECONDS = 30


def picture(kind: str, width: int, height: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(content, kind)
    return content.getvalue()


for _kind in ("jpeg", "png", "webp", "bmp"):
    schemathesis.openapi.media_type(
        f"image/{_kind}", st.builds(picture, st.just(_kind), st.integers(1, 40), st.integers(1, 40))
    )
# Replaced below by the bytes of a tensor or a picture: what fits is known only with the operation.
for _media in (OCTETS, NPY):
    schemathesis.openapi.media_type(_media, st.binary(min_size=1, max_size=64))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Make a request that is meant to be right coherent; give every one the time that it needs."""
    del context, kwargs
    if case.meta is None or case.method != "POST":
        return
    case.headers, case.body = copy(case.headers), deepcopy(case.body)  # the generator uses its own again
    if case.meta.generation.mode.is_positive:
        for name in ("Content-Encoding", "Inference-Header-Content-Length", "X-Tensor-Shape"):
            case.headers.pop(name, None)  # they belong to other bodies than this one
        schema = case.operation.schema.raw_schema["components"]["schemas"]
        if case.media_type in {OCTETS, NPY}:
            case.body = _binary(case, case.headers, schema)
        elif isinstance(case.body, dict):
            case.body = _coherent(_whole(case.body))
    elif isinstance(case.body, bytes) and case.meta.components[ParameterLocation.BODY].mode.is_negative:
        case.body = b"?"  # the strategies above know only right bodies: this is neither picture nor tensor
    _be_patient(case)


def _be_patient(case: Any) -> None:
    """A deadline that is right but too short is a 504, as it should be; here it would end the search."""
    header = case.headers.get("X-Request-Timeout", "")
    if re.fullmatch(r"[0-9.]+(e[+-]?[0-9]+)?", header) and float(header) > 0:
        case.headers["X-Request-Timeout"] = str(SECONDS)
    parameters = case.body.get("parameters") if isinstance(case.body, dict) else None
    if isinstance(parameters, dict) and type(parameters.get("timeout")) is int and parameters["timeout"] > 0:
        parameters["timeout"] = SECONDS * 1_000_000


def _binary(case: Any, headers: Any, schema: Any) -> bytes:
    if case.path == "/predict" and "Classes" in schema:
        return picture("png", 5, 7)
    inputs = schema["InferRequest"]["properties"]["inputs"]["items"]
    arrays = {}
    for entry in inputs.get("anyOf", [inputs]):
        tensor = entry["properties"]
        shape = [size.get("const", 2) for size in tensor["shape"]["prefixItems"]]
        arrays[tensor["name"]["const"]] = np.ones(shape, DTYPES[tensor["datatype"]["const"]])
    if case.path != "/predict" or len(arrays) > 1:
        return _infer(arrays, headers)
    (array,) = arrays.values()
    if case.media_type == NPY:
        file = io.BytesIO()
        np.save(file, array)
        return file.getvalue()
    headers["X-Tensor-Shape"] = ",".join(map(str, array.shape))
    return array.tobytes()


def _infer(arrays: dict[str, Any], headers: Any) -> bytes:
    names = {dtype: datatype for datatype, dtype in DTYPES.items()}
    inputs = [
        {
            "name": name,
            "datatype": next(n for d, n in names.items() if np.dtype(d) == array.dtype),
            "shape": array.shape,
            "parameters": {"binary_data_size": array.nbytes},
        }
        for name, array in arrays.items()
    ]
    head = json.dumps({"inputs": inputs}).encode()
    headers["Inference-Header-Content-Length"] = str(len(head))
    return head + b"".join(array.tobytes() for array in arrays.values())


def _coherent(body: dict[str, Any]) -> dict[str, Any]:
    inputs = body.get("inputs")
    if isinstance(inputs, list) and inputs and isinstance(inputs[0], dict) and "datatype" in inputs[0]:
        rows = inputs[0]["shape"][0]
        for entry in inputs:
            entry["shape"] = [size if size <= MOST_SIDE else 2 for size in (rows, *entry["shape"][1:])]
            entry["data"] = _repeated(entry["data"], math.prod(entry["shape"]))
    elif isinstance(inputs, dict):
        rows = len(next(iter(inputs.values())))
        body["inputs"] = {name: _regular((column * rows)[:rows]) for name, column in inputs.items()}
    else:
        body |= {key: _regular(body[key]) for key in ("instances", "inputs") if key in body}
    if body.get("outputs"):
        body["outputs"] = list({entry["name"]: entry for entry in body["outputs"]}.values())
    return body


def _whole(value: Any) -> Any:
    """Whole numbers without a fraction: to JSON Schema 2.0 is an integer, to an INT64 input it is none."""
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**63 else value


def _repeated(values: Any, count: int) -> list[Any]:
    return list(islice(cycle(_scalars(values)), count))


def _regular(value: Any) -> Any:
    """Nested lists of one length each, as the first of their level; rows of one shape."""
    if isinstance(value, dict):
        return {name: _regular(inner) for name, inner in value.items()}
    if isinstance(value[0], dict):
        columns = {name: _regular([row[name] for row in value]) for name in value[0]}
        return [{name: column[at] for name, column in columns.items()} for at in range(len(value))]
    shape, inner = [], value
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0]
    flat = _repeated(value, math.prod(shape))
    for size in reversed(shape[1:]):
        flat = [flat[at : at + size] for at in range(0, len(flat), size)]
    return flat


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for inner in value:
            yield from _scalars(inner)
    else:
        yield value
