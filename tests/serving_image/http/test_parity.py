"""One table of requests through both doors: the event loop over HTTP, the Flask application over HTTP.

The Flask application stands behind the event loop in every HTTP worker; here it also gets a door of its
own, as one more HTTP worker of the running server: same workers, same scoreboard.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from paddlemodel_server.protocol import NPY, OCTETS, raw

from tests import cleartext
from tests.serving_image.support.flask_door import flask_door
from tests.serving_image.support.servers import Server

INFER = "/v2/models/mixed/infer"
IGNORED = {"date", "server", "connection"}  # the server's own, not the application's
ENTRY = {"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4.5]}


def body(**change: Any) -> str:
    return json.dumps({"inputs": [ENTRY | change]})


def packed(content: Any, encoding: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return {"content": content, "headers": {"Content-Encoding": encoding} | (headers or {})}


V1 = "/v1/models/mixed:predict"
X = np.array([[1, 2], [3, 4.5]], np.float32)
RAW = {"Content-Type": OCTETS, "X-Tensor-Shape": "2,2"}
NPY_FILE = raw.to_npy(X)
BYTES = {"name": "x", "datatype": "FP32", "shape": [2, 2], "parameters": {"binary_data_size": X.nbytes}}
HEAD = json.dumps({"inputs": [BYTES]}).encode()
ASKING = json.dumps({"inputs": [BYTES], "parameters": {"binary_data_output": True}}).encode()
NAMED = {"X-Request-Id": "seven-7"}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SIZE = "Inference-Header-Content-Length"
BINARY = {"Content-Type": OCTETS, SIZE: str(len(HEAD))}
BINARY_ASKING = {"Content-Type": OCTETS, SIZE: str(len(ASKING))}


REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "infer": ("POST", INFER, {"content": body()}),
    "infer-with-id": ("POST", INFER, {"content": json.dumps({"id": "7", "inputs": [ENTRY]})}),
    "infer-version": ("POST", "/v2/models/mixed/versions/1/infer", {"content": body()}),
    "infer-other-version": ("POST", "/v2/models/mixed/versions/2/infer", {"content": body()}),
    "one-output": (
        "POST",
        INFER,
        {"content": json.dumps({"inputs": [ENTRY], "outputs": [{"name": "fetch_name_1"}]})},
    ),
    "not-finite": ("POST", INFER, {"content": body(data=[3e38, 3e38, 3e38, 3e38])}),
    "binary": ("POST", INFER, {"content": HEAD + X.tobytes(), "headers": BINARY}),
    "binary-answer": ("POST", INFER, {"content": ASKING + X.tobytes(), "headers": BINARY_ASKING}),
    "binary-cut": ("POST", INFER, {"content": HEAD + X.tobytes()[:-1], "headers": BINARY}),
    "binary-no-number": ("POST", INFER, {"content": HEAD, "headers": BINARY | {SIZE: "many"}}),
    "binary-beyond": ("POST", INFER, {"content": HEAD, "headers": BINARY | {SIZE: "99999"}}),
    "raw-infer": ("POST", INFER, {"content": X.tobytes(), "headers": RAW | {SIZE: "0"}}),
    "v1": ("POST", V1, {"json": {"instances": X.tolist()}}),
    "v1-columns": ("POST", V1, {"json": {"inputs": {"x": X.tolist()}}}),
    "v1-rows-by-name": ("POST", V1, {"json": {"instances": [{"x": row} for row in X.tolist()]}}),
    "v1-ragged": ("POST", V1, {"json": {"instances": [[1, 2], [3]]}}),
    "v1-nothing": ("POST", V1, {"json": {}}),
    "v1-accept": ("POST", V1, {"json": {"instances": X.tolist()}, "headers": {"Accept": "image/png"}}),
    "v1-other-model": ("POST", "/v1/models/other:predict", {"json": {"instances": X.tolist()}}),
    "v1-explain": ("POST", "/v1/models/mixed:explain", {"json": {"instances": X.tolist()}}),
    "v1-get-predict": ("GET", V1, {}),
    "predict": ("POST", "/predict", {"content": body()}),
    "predict-raw": ("POST", "/predict", {"content": X.tobytes(), "headers": RAW}),
    "predict-raw-shapeless": (
        "POST",
        "/predict",
        {"content": X.tobytes(), "headers": {"Content-Type": OCTETS}},
    ),
    "predict-raw-wrong": ("POST", "/predict", {"content": b"1", "headers": RAW}),
    "predict-npy": ("POST", "/predict", {"content": NPY_FILE, "headers": {"Content-Type": NPY}}),
    "predict-npy-wrong": ("POST", "/predict", {"content": b"x", "headers": {"Content-Type": NPY}}),
    "predict-to-raw": ("POST", "/predict", {"content": body(), "headers": {"Accept": OCTETS}}),
    "predict-to-npy": ("POST", "/predict", {"content": X.tobytes(), "headers": RAW | {"Accept": NPY}}),
    "predict-q": ("POST", "/predict", {"content": body(), "headers": {"Accept": f"*/*;q=0.1, {NPY}"}}),
    "predict-accept-twice": (
        "POST",
        "/predict",
        {"content": body(), "headers": [("Accept", NPY), ("Accept", "text/html")]},
    ),
    "predict-to-html": ("POST", "/predict", {"content": body(), "headers": {"Accept": "text/html"}}),
    "predict-bytes-not-accepted": (
        "POST",
        "/predict",
        {"content": ASKING + X.tobytes(), "headers": BINARY_ASKING | {"Accept": "application/json"}},
    ),
    "predict-id-lost": (
        "POST",
        "/predict",
        {"content": json.dumps({"id": "7", "inputs": [ENTRY]}), "headers": {"Accept": NPY}},
    ),
    "request-id": ("POST", INFER, {"content": body(), "headers": NAMED}),
    "request-id-refused": ("POST", INFER, {"content": b"{", "headers": NAMED}),
    "request-id-large": ("POST", INFER, {"content": b"1" * 1_000_001, "headers": NAMED}),
    "request-id-health": ("GET", "/v2/health/live", {"headers": NAMED}),
    "request-id-lost": ("GET", "/nothing", {"headers": NAMED}),
    "traceparent": ("POST", INFER, {"content": body(), "headers": {"traceparent": TRACE}}),
    "predict-binary": ("POST", "/predict", {"content": HEAD + X.tobytes(), "headers": BINARY}),
    "timeout-wrong": ("POST", "/predict", {"content": body(), "headers": {"X-Request-Timeout": "soon"}}),
    "timeout-long": ("POST", "/predict", {"content": body(), "headers": {"X-Request-Timeout": "9999"}}),
    "timeout-missed": ("POST", "/predict", {"content": body(), "headers": {"X-Request-Timeout": "1e-9"}}),
    "form-content-type": (
        "POST",
        "/predict",
        {"content": body(), "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
    ),
    "query": ("POST", f"{INFER}?x=1", {"content": body()}),
    "chunked": ("POST", INFER, {"content": [body()[:9].encode(), body()[9:].encode()]}),
    "empty": ("POST", INFER, {"content": b""}),
    "no-json": ("POST", INFER, {"content": b"\xff\x00"}),
    "nan": ("POST", INFER, {"content": body(data=[1, 2, 3, float("nan")])}),
    "deep": ("POST", INFER, {"content": body()[:-1] + ', "id": ' + "[" * 900 + "]" * 900 + "}"}),
    "twice": ("POST", INFER, {"content": body()[:-1] + ', "inputs": []}'}),
    "unknown-parameter": ("POST", INFER, {"json": {"inputs": [ENTRY], "parameters": {"priority": 1}}}),
    "wrong-shape": ("POST", INFER, {"content": body(shape=[4])}),
    "wrong-dtype": ("POST", INFER, {"content": body(datatype="INT8")}),
    "bytes-dtype": ("POST", INFER, {"content": body(datatype="BYTES", data=["a", "b", "c", "d"])}),
    "wrong-name": ("POST", "/predict", {"content": body(name="y")}),
    "too-large": ("POST", INFER, {"content": b"1" * 1_000_001}),
    "too-large-chunked": ("POST", INFER, {"content": [b"1" * 900_000, b"1" * 900_000]}),
    "gzip": ("POST", INFER, packed(gzip.compress(body().encode()), "gzip")),
    "gzip-chunked": ("POST", INFER, packed([gzip.compress(body().encode())[:20], b""], "gzip")),
    "gzip-raw": ("POST", "/predict", packed(gzip.compress(X.tobytes()), "gzip", RAW)),
    "gzip-bomb": ("POST", INFER, packed(gzip.compress(bytes(50_000_000)), "gzip")),
    "gzip-damaged": ("POST", INFER, packed(b"no gzip", "gzip")),
    "deflate": ("POST", "/predict", packed(zlib.compress(body().encode()), "deflate")),
    "brotli": ("POST", INFER, packed(b"", "br")),
    "accept-gzip": ("POST", INFER, {"content": body(), "headers": {"Accept-Encoding": "gzip"}}),
    "image": ("POST", "/predict", {"content": b"", "headers": {"Content-Type": "image/png"}}),
    "admin-health": ("GET", "/healthz", {}),
    "admin-readiness": ("GET", "/readyz", {}),
    "admin-metrics": ("GET", "/metrics", {}),
    "admin-method": ("POST", "/metrics", {}),
    "v2-live": ("GET", "/v2/health/live", {}),
    "v2-ready": ("GET", "/v2/health/ready", {}),
    "v2": ("GET", "/v2", {}),
    "v2-models": ("GET", "/v2/models", {}),
    "metadata": ("GET", "/v2/models/mixed", {}),
    "metadata-version": ("GET", "/v2/models/mixed/versions/1", {}),
    "metadata-other-version": ("GET", "/v2/models/mixed/versions/one", {}),
    "model-ready": ("GET", "/v2/models/mixed/ready", {}),
    "model-ready-version": ("GET", "/v2/models/mixed/versions/1/ready", {}),
    "other-model-ready": ("GET", "/v2/models/other/ready", {}),
    "v1-models": ("GET", "/v1/models", {}),
    "v1-model": ("GET", "/v1/models/mixed", {}),
    "v1-missing-model": ("GET", "/v1/models/other", {}),
    "other-model": ("POST", "/v2/models/other/infer", {"content": body()}),
    "head": ("HEAD", "/v2/health/live", {}),
    "options": ("OPTIONS", "/predict", {}),
    "wrong-method": ("PUT", "/predict", {}),
    "wrong-route": ("GET", "/nothing", {}),
    "percent": ("GET", "/v2/%68ealth/live", {}),
    "percent-colon": ("POST", "/v1/models/mixed%3Apredict", {"json": {"instances": X.tolist()}}),
}


@pytest.fixture(scope="module")
def flask_url(server: Server) -> Iterator[str]:
    """The Flask application alone, as one more HTTP worker of the running server."""
    with flask_door(server) as port:
        yield f"http://127.0.0.1:{port}"


def sent(url: str, method: str, path: str, more: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    fresh: Any = {
        k: iter(v) if isinstance(v, list) else v for k, v in more.items()
    }  # a list is sent in chunks
    answer = cleartext.request(method, f"{url}{path}", **fresh)
    headers = {name: value for name, value in answer.headers.items() if name not in IGNORED}
    return answer.status_code, headers, answer.content


STATUSES = {
    400: """binary-cut binary-no-number binary-beyond v1-ragged v1-nothing predict-raw-shapeless
        predict-raw-wrong predict-npy-wrong timeout-wrong empty no-json nan deep twice unknown-parameter
        predict-id-lost request-id-refused
        wrong-shape wrong-dtype bytes-dtype wrong-name gzip-chunked gzip-damaged""",
    404: """infer-other-version v1-other-model v1-explain metadata-other-version
        other-model-ready v1-missing-model other-model wrong-route request-id-lost
        admin-health admin-readiness admin-metrics admin-method""",
    405: "wrong-method v1-get-predict",
    406: "v1-accept predict-to-html predict-bytes-not-accepted",
    413: "too-large too-large-chunked gzip-bomb request-id-large",
    415: "brotli image",
    504: "timeout-missed",
}


def test_every_refusal_is_of_a_known_case() -> None:
    assert {case for cases in STATUSES.values() for case in cases.split()} <= REQUESTS.keys()


@pytest.mark.parametrize("case", REQUESTS)
def test_both_doors_give_the_same_answer(server: Server, flask_url: str, case: str) -> None:
    method, path, more = REQUESTS[case]
    answer = sent(server.url, method, path, more)
    assert answer == sent(flask_url, method, path, more)
    expected = next((status for status, cases in STATUSES.items() if case in cases.split()), 200)
    assert answer[0] == expected, answer
    if more.get("headers") == NAMED:
        assert answer[1]["x-request-id"] == NAMED["X-Request-Id"]
    if method not in {"HEAD", "OPTIONS"} and expected >= 400:
        assert list(json.loads(answer[2])) == ["error"]
