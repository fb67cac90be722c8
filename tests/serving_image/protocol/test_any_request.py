"""Any request whatsoever is understood or refused, never a fault."""

import gzip
import string
import zlib
from typing import Any

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server import protocol
from paddlemodel_server.errors import ServingError
from paddlemodel_server.protocol import INFER, JSON, NPY, OCTETS, PREDICT, V1

from tests.serving_image.support.bodies import ENCODINGS, IDS, ON, X, body, echo, parsed, served

SERVED = served()
ONE = echo("float32")
FULL = body(X, IDS, ON)
RAW = np.array([[1, 2.5]], np.float32).tobytes()


HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from([JSON, OCTETS, NPY, "image/png", ""]) | st.text(string.printable),
        "content-encoding": st.sampled_from([*ENCODINGS, "br"]) | st.text(string.printable),
        "content-length": st.integers(0, 2_000_000).map(str) | st.text(string.printable + "²"),
        "accept": st.sampled_from(["*/*", OCTETS, "a;q=1;q"]) | st.text(string.printable + "ÿ²"),
        "x-request-timeout": st.floats().map(str) | st.text(string.printable + "²"),
        "x-tensor-shape": st.lists(st.integers(), max_size=4).map(lambda n: str(n)[1:-1]) | st.text(),
        "inference-header-content-length": st.integers(-5, 400).map(str) | st.text(string.printable + "²"),
    },
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
NEAR = st.fixed_dictionaries(
    {},
    optional={
        "inputs": st.just([X, IDS, ON]) | VALUES,
        "instances": st.just([{"x": [1, 2], "ids": 1, "on": True}]) | VALUES,
        "outputs": st.just([{"name": "class"}]) | VALUES,
        "parameters": st.dictionaries(st.sampled_from(["timeout", "binary_data_output"]), VALUES) | VALUES,
        "id": VALUES,
    },
)
TEXTS = st.binary(max_size=50) | (NEAR | VALUES).map(orjson.dumps)


@given(
    st.sampled_from([SERVED, ONE, echo("bool"), echo("bfloat16"), echo("int64", ())]),
    st.sampled_from([PREDICT, INFER, V1]),
    HEADERS,
    TEXTS,
    st.sampled_from([bytes, gzip.compress, zlib.compress]),
)
def test_any_request_is_understood_or_refused(
    model: Any, route: str, headers: dict[str, str], text: bytes, packed: Any
) -> None:
    """Nothing but a ServingError of status 4xx, whose sentence fits a JSON answer."""
    try:
        request = parsed(route, headers, packed(text), model)
    except ServingError as error:
        answer = protocol.fault(error)
        assert 400 <= answer.status < 500
        assert orjson.loads(answer.body)["error"]
        return
    assert [array.dtype for array in request.arrays] == [one.dtype for one in model.inputs.values()]
