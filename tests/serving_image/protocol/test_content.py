"""What a request's head says: media types in and out, deadlines."""

from typing import Any

import numpy as np
import pytest
from paddlemodel_server import protocol
from paddlemodel_server.errors import ServingError
from paddlemodel_server.protocol import INFER, JSON, NPY, OCTETS, PREDICT, V1, content

from tests.serving_image.support.bodies import IDS, ON, X, body, echo, parsed, served

SERVED = served()
ONE = echo("float32")
FULL = body(X, IDS, ON)
RAW = np.array([[1, 2.5]], np.float32).tobytes()


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("", JSON),
        (" \t", JSON),
        (" , ,", JSON),
        ("application/*", JSON),
        ("text/html, */*;q=0.1", JSON),
        (OCTETS, OCTETS),
        ("Application/X-NPY", NPY),
        (f"{JSON};q=0.5, {OCTETS}", OCTETS),
        (f"{JSON}, {OCTETS}", JSON),
        (f"{OCTETS}, {JSON}", JSON),
        ("*/*, application/json;q=0.1", OCTETS),
        (f"{JSON};q=0, application/*", OCTETS),
        (f"{JSON};q=nan, {NPY};q=0.1", NPY),
        (f"{JSON};q=2, {NPY};q=0.1", NPY),
        (f"{JSON};charset=utf-8;q=0.2, {NPY};Q=0.1", JSON),
        (f" , {NPY} , ", NPY),
        (f"{NPY}; q=1.000 {' ' * 300}", NPY),
    ],
)
def test_the_answer_is_what_the_client_likes_most(accept: str | None, chosen: str) -> None:
    headers = {} if accept is None else {"accept": accept}
    assert content.chosen(headers, (JSON, OCTETS, NPY)) == chosen


@pytest.mark.parametrize(
    "accept", ["text/html", "*/*;q=0", "application/json;q=0", "json", ";q=1", f"{JSON};q=x"]
)
def test_what_cannot_be_given_is_refused(accept: str) -> None:
    with pytest.raises(ServingError, match="possible here: application/json") as refusal:
        content.chosen({"accept": accept}, (JSON,))
    assert refusal.value.status == 406


def test_a_header_that_came_twice_has_both_values() -> None:
    pairs = [(b"Accept", b"image/png"), (b"Host", b"a"), (b"accept", OCTETS.encode())]
    headers = protocol.joined(pairs)
    assert headers == {"accept": f"image/png,{OCTETS}", "host": "a"}
    assert content.chosen(headers, (JSON, OCTETS)) == OCTETS


@pytest.mark.parametrize(
    ("header", "parameter", "seconds"),
    [
        ("0.5", None, 0.5),
        ("2", 500_000, 0.5),
        ("0.25", 500_000, 0.25),
        ("1e-3", None, 0.001),
        (None, None, None),
    ],
)
def test_the_shorter_deadline_wins(header: str | None, parameter: int | None, seconds: float | None) -> None:
    text = body(X, IDS, ON, parameters={} if parameter is None else {"timeout": parameter})
    headers = {} if header is None else {"x-request-timeout": header}
    assert parsed(INFER, headers, text).timeout_seconds == seconds


@pytest.mark.parametrize("header", ["0", "-1", "nan", "inf", "soon", "", "1_0", "1" * 40])
def test_a_wrong_deadline_is_refused_before_the_body(header: str) -> None:
    with pytest.raises(ServingError, match="expected seconds above 0") as refusal:
        protocol.read_head(SERVED, PREDICT, {"x-request-timeout": header})
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("route", "headers", "text"),
    [
        (INFER, {}, None),
        (INFER, {"content-type": "application/json; charset=utf-8"}, None),
        (INFER, {"content-type": "application/vnd.kserve+json"}, None),
        (INFER, {"content-type": OCTETS}, None),
        (INFER, {"content-type": OCTETS, "inference-header-content-length": "0"}, RAW),
        (PREDICT, {"content-type": "application/x-www-form-urlencoded"}, None),
        (PREDICT, {"content-type": "Text/Plain;charset=UTF-8"}, None),
        (PREDICT, {"content-type": OCTETS}, RAW),
        (PREDICT, {"content-type": OCTETS, "x-tensor-shape": "1,2"}, RAW),
        (V1, {"content-type": JSON}, b'{"instances":[[1,2.5]]}'),
    ],
)
def test_the_content_type_names_the_form(route: str, headers: dict[str, str], text: bytes | None) -> None:
    one = {"name": "t", "shape": [1, 2], "datatype": "FP32", "data": [1, 2.5]}
    assert parsed(route, headers, text or body(one), ONE).arrays[0].tolist() == [[1, 2.5]]


@pytest.mark.parametrize(
    ("model", "route", "headers", "status", "message"),
    [
        (
            ONE,
            INFER,
            {"content-type": "image/png"},
            415,
            "The Content-Type is 'image/png'; this route takes app",
        ),
        (ONE, INFER, {"content-type": NPY}, 415, "The Content-Type is 'application/x-npy'; this route takes"),
        (
            ONE,
            V1,
            {"content-type": OCTETS},
            415,
            "The Content-Type is 'application/octet-stream'; this route",
        ),
        (
            SERVED,
            PREDICT,
            {"content-type": OCTETS},
            415,
            "The body is application/octet-stream, one tensor, but",
        ),
        (
            ONE,
            V1,
            {"inference-header-content-length": "7"},
            400,
            "Inference-Header-Content-Length belongs to",
        ),
        (
            ONE,
            INFER,
            {"inference-header-content-length": "-7"},
            400,
            "Inference-Header-Content-Length is '-7'; ex",
        ),
        (ONE, INFER, {"x-tensor-shape": "1,2"}, 400, "X-Tensor-Shape belongs to a body of application/octet"),
        (
            ONE,
            INFER,
            {"accept": "text/html"},
            406,
            "Accept is 'text/html'; possible here: application/json, appl",
        ),
        (
            ONE,
            V1,
            {"accept": OCTETS},
            406,
            "Accept is 'application/octet-stream'; possible here: application",
        ),
        (
            ONE,
            PREDICT,
            {"content-length": "1000001"},
            413,
            "The body has 1000001 bytes; at most 1000000 are",
        ),
        (
            echo("bfloat16"),
            PREDICT,
            {"accept": NPY},
            406,
            "Accept is 'application/x-npy'; possible here: applic",
        ),
    ],
)
def test_a_head_is_refused_before_its_body(
    model: Any, route: str, headers: dict[str, str], status: int, message: str
) -> None:
    with pytest.raises(ServingError) as refusal:
        protocol.read_head(model, route, headers)
    assert refusal.value.status == status
    assert refusal.value.message.startswith(message)


@pytest.mark.parametrize("length", ["²", "٣", "9" * 5000, "-1", ""])
def test_a_length_that_is_none_is_left_to_the_http_parser(length: str) -> None:
    protocol.read_head(ONE, INFER, {"content-length": length})


@pytest.mark.parametrize(
    ("route", "headers", "size", "heavy"),
    [
        (INFER, {}, 1000, False),
        (INFER, {}, 100_000, True),
        (V1, {"content-type": JSON}, 100_000, True),
        (PREDICT, {"content-type": OCTETS}, 900_000, False),
        (PREDICT, {"content-type": NPY}, 900_000, True),
        (INFER, {"content-type": OCTETS, "inference-header-content-length": "200"}, 900_000, False),
        (INFER, {"content-type": OCTETS, "inference-header-content-length": "100000"}, 900_000, True),
        (INFER, {"content-encoding": "gzip"}, 100, True),
    ],
)
def test_what_takes_long_leaves_the_event_loop(
    route: str, headers: dict[str, str], size: int, *, heavy: bool
) -> None:
    """Bytes are not copied, so only the size of what must be read as text counts."""
    assert protocol.is_heavy(protocol.read_head(ONE, route, headers), size) is heavy
