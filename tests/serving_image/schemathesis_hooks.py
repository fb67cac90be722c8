"""What JSON Schema cannot say about a request, told to schemathesis; test_openapi.py runs it with this file.

Only requests that are meant to be right are touched: data gets as many values as its shape says, a deadline
is long enough to be kept, a header stands only beside the body that it belongs to. Each rule is in the
document's descriptions. Requests that are meant to be wrong go out as they are.
"""

import io
import json
import math
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import numpy as np
import schemathesis
from hypothesis import strategies as st
from PIL import Image

OCTETS, NPY = "application/octet-stream", "application/x-npy"
DTYPES = {"BOOL": "?", "UINT8": "u1", "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8"}
DTYPES |= {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}
MOST_SIDE = 32  # larger sizes are drawn, too, but would only cost time
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
    """Make a request that is meant to be right coherent."""
    del context, kwargs
    if case.meta is None or not case.meta.generation.mode.is_positive or case.method != "POST":
        return
    headers = case.headers
    headers.pop("Content-Encoding", None)  # the body is not compressed
    headers.pop("Inference-Header-Content-Length", None)
    headers.pop("X-Tensor-Shape", None)
    if "X-Request-Timeout" in headers:
        headers["X-Request-Timeout"] = str(SECONDS)
    schema = case.operation.schema.raw_schema["components"]["schemas"]
    if case.media_type in {OCTETS, NPY}:
        case.body = _binary(case, headers, schema)
    elif isinstance(case.body, dict):
        _make_coherent(case.body)


def _binary(case: Any, headers: Any, schema: Any) -> bytes:
    if case.path == "/predict" and "Classes" in schema:
        return picture("png", 5, 7)
    inputs = schema["InferRequest"]["properties"]["inputs"]["items"]
    arrays = {}
    for entry in inputs.get("anyOf", [inputs]):
        tensor = entry["properties"]
        shape = [size.get("const", 2) for size in tensor["shape"]["prefixItems"]]
        arrays[tensor["name"]["const"]] = np.ones(shape, DTYPES[tensor["datatype"]["const"]])
    if case.path != "/predict":
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


def _make_coherent(body: dict[str, Any]) -> None:
    inputs = body.get("inputs")
    if isinstance(inputs, list) and inputs and isinstance(inputs[0], dict) and "datatype" in inputs[0]:
        for entry in inputs:
            entry["shape"] = [size if size <= MOST_SIDE else 2 for size in entry["shape"]]
            values = cycle(_scalars(entry["data"]))
            entry["data"] = list(islice(values, math.prod(entry["shape"])))
    else:
        body |= {key: _regular(body[key]) for key in ("instances", "inputs") if key in body}
    if body.get("outputs"):
        body["outputs"] = list({entry["name"]: entry for entry in body["outputs"]}.values())
    if (body.get("parameters") or {}).get("timeout"):
        body["parameters"]["timeout"] = SECONDS * 1_000_000


def _regular(value: Any) -> Any:
    """Nested lists of one length each, as the first of their level is."""
    if isinstance(value, dict):
        return {name: _regular(inner) for name, inner in value.items()}
    if not isinstance(value, list) or isinstance(value[0], dict):
        return value
    shape, inner = [], value
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0]
    flat = list(islice(cycle(_scalars(value)), math.prod(shape)))
    for size in reversed(shape[1:]):
        flat = [flat[at : at + size] for at in range(0, len(flat), size)]
    return flat


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for inner in value:
            yield from _scalars(inner)
    else:
        yield value
