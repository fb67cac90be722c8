"""Models without files and the JSON of requests to them, for the tests of the pure protocol."""

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
from paddlemodel_server import protocol
from paddlemodel_server.model import bfloat16
from paddlemodel_server.model.signature import DATATYPES, Model, Tensor
from paddlemodel_server.protocol import Served
from paddlemodel_server.tasks.tensors import Tensors

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


def served(model: Model = MODEL) -> Served:
    return Served(name="m", model=model, task=Tensors(), max_request_bytes=1_000_000)


def echo(dtype: str, shape: tuple[int, ...] = (-1, 2)) -> Served:
    """A model whose one output is as its one input."""
    tensor = Tensor(name="t", dtype=dtype, shape=shape)
    return served(Model(format="PIR", inputs=(tensor,), outputs=(tensor,)))


def body(*inputs: Any, **more: Any) -> bytes:
    return orjson.dumps({"inputs": list(inputs)} | more)


def extremes(dtype: str) -> np.ndarray[Any, np.dtype[Any]]:
    """Two columns of finite values in which a dtype's conversions go wrong first; of bfloat16 the bits."""
    if dtype == "bool":
        return np.array([[True, False]])
    if dtype == "bfloat16":
        return bfloat16.bits(np.array([[0, -0.0], [1 / 3, -3e38], [1e-40, 65280]], np.float32))
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return np.array([[info.min, info.max], [0, 1]], dtype)
    limits = np.finfo(dtype)
    numbers = [[limits.max, limits.min], [limits.smallest_subnormal, -0.0], [1 / 3, limits.eps]]
    return np.array(numbers, dtype)


DTYPES = tuple(DATATYPES)


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "Deflate": zlib.compress,
    "identity": bytes,
}


def parsed(route: str, headers: dict[str, str], text: bytes, model: Served | None = None) -> protocol.Request:
    """As both doors do it."""
    model = model or served()
    head = protocol.read_head(model, route, headers)
    protocol.is_heavy(head, len(text))
    return protocol.parse(model, head, text)
