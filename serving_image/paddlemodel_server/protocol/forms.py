"""The forms in which tensors are sent and answered, whatever the route: V1, V2, raw bytes, a .npy file; pure.

`inference` uses them for the protocols' routes, and the task `tensors` for `POST /predict`.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import numpy as np

from paddlemodel_server.errors import BadRequestError, UnsupportedMediaTypeError
from paddlemodel_server.protocol import content, raw, tensors, v1, v2
from paddlemodel_server.protocol.request import (
    JSON,
    NPY,
    OCTETS,
    Array,
    Expected,
    Head,
    Headers,
    Request,
    Response,
)
from paddlemodel_server.protocol.routes import INFER, PREDICT, V1
from paddlemodel_server.protocol.served import Served

V1_FORM, V2_FORM, OCTETS_FORM, NPY_FORM = "v1", "v2", "octets", "npy"
BODY = "body"  # the whole body is one thing of a task's own, such as a picture
TEXT = "text"  # words for a task, as they are or in JSON
_TEXTS = frozenset(
    {
        JSON,
        "",
        "application/x-www-form-urlencoded",  # what curl says of any --data
        "text/plain",  # what a browser says of any string
    }
)
_TENSOR_MEDIA = (JSON, OCTETS, NPY)


def chosen(served: Served, route: str, headers: Headers) -> str:
    """How the tensors are sent, by route and Content-Type."""
    kind = content.media_type(headers)
    sized = headers.get(content.JSON_SIZE_HEADER)
    if route == V1:
        form = V1_FORM if _is_text(kind) else ""
    elif sized == "0":
        form = OCTETS_FORM
    elif sized is not None or _is_text(kind):
        form = V2_FORM
    elif kind == OCTETS:
        form = OCTETS_FORM if route == PREDICT else V2_FORM
    else:
        form = NPY_FORM if kind == NPY and route == PREDICT else ""
    if sized is not None and form not in {OCTETS_FORM, V2_FORM}:
        raise misplaced_size()
    if not form:
        taken = {V1: JSON, INFER: f"{JSON} and {OCTETS}", PREDICT: ", ".join(_TENSOR_MEDIA)}[route]
        raise UnsupportedMediaTypeError(f"The Content-Type is {kind[:60]!r}; this route takes {taken}.")
    if form in {OCTETS_FORM, NPY_FORM}:
        raw.only_input(served, OCTETS if form == OCTETS_FORM else NPY)
    elif raw.SHAPE_HEADER in headers:
        raise misplaced_shape()
    return form


def misplaced_size() -> BadRequestError:
    """A header that only bodies of JSON and bytes may have."""
    return BadRequestError("Inference-Header-Content-Length belongs to bodies of /v2/models/NAME/infer.")


def misplaced_shape() -> BadRequestError:
    """A header that only bodies of bytes may have."""
    return BadRequestError(f"X-Tensor-Shape belongs to a body of {OCTETS}; other bodies say their shape.")


def refuse_tensor_headers(headers: Headers) -> None:
    """For requests whose body is no tensor.

    Raises:
        BadRequestError: a header belongs to tensors.
    """
    if content.JSON_SIZE_HEADER in headers:
        raise misplaced_size()
    if raw.SHAPE_HEADER in headers:
        raise BadRequestError(
            "X-Tensor-Shape belongs to a tensor, and this model takes none here: leave the header out, or "
            "send the tensor to /v2/models/NAME/infer."
        )


def _is_text(kind: str) -> bool:
    return kind in _TEXTS or kind.endswith("+json")


def parse(served: Served, head: Head, body: bytes) -> Request:
    """Read and validate tensors in the form of the head."""
    form = head.form
    if form == V2_FORM:
        return v2.parse(served, body, head.json_size)
    if form == V1_FORM:
        return v1.parse(served, body)
    if form == OCTETS_FORM:
        expected = raw.only_input(served, OCTETS)
        request = Request(arrays=[raw.from_octets(body, expected, head.headers.get(raw.SHAPE_HEADER))])
        if head.route == INFER:
            request.outputs = served.all_binary
        return request
    return Request(arrays=[raw.from_npy(body, raw.only_input(served, NPY))])


def answer_media(served: Served, route: str, headers: Headers, request: Request | None = None) -> str:
    """What to answer with, of what the route and (once it is known) the request make possible."""
    if request is not None and request.binary:
        return content.chosen(headers, (OCTETS,))  # V2's, whatever the route: JSON and bytes
    if route == INFER:
        # The request decides, as the protocol has it; Accept can only refuse.
        return content.chosen(headers, (JSON, OCTETS) if request is None else (JSON,))
    if route == V1:
        return content.chosen(headers, (JSON,))
    first = request.outputs[0].name if request and request.outputs else next(iter(served.outputs))
    if served.outputs[first].bits:
        return content.chosen(headers, (JSON, OCTETS))  # a .npy file has no BF16
    return content.chosen(headers, _TENSOR_MEDIA)


def render_v2(served: Served, request: Request, outputs: Sequence[Array]) -> Response:
    """The outputs as JSON, with the bytes of those behind it that were asked for as bytes."""
    body, json_size = v2.render(served, request, outputs)
    if json_size is None:
        return Response(body=body)
    header = ("Inference-Header-Content-Length", str(json_size))
    return Response(body=body, content_type=OCTETS, extra=(header,))


def render_tensor(served: Served, request: Request, outputs: Sequence[Array]) -> Response:
    """One output as the whole body: the first that was asked for, else the model's first."""
    at = 0
    if request.outputs:
        at = list(served.outputs).index(request.outputs[0].name)
    array, expected = outputs[at], served.in_order[at]
    body = tensors.to_bytes(array) if request.media == OCTETS else raw.to_npy(array)
    extra = _described(expected, array.dtype, array.shape)
    return Response(body=body, content_type=request.media, extra=extra)


@lru_cache(maxsize=1024)
def _described(
    expected: Expected, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> tuple[tuple[str, str], ...]:
    return (
        ("X-Tensor-Name", _header_value(expected.name)),
        ("X-Tensor-Datatype", v2.datatype(expected, dtype)),
        ("X-Tensor-Shape", ",".join(map(str, shape))),
    )


@lru_cache(maxsize=256)
def _header_value(name: str) -> str:
    return quote(name, safe="/._-:@+,()[]=")
