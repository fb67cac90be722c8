"""The routes that run the model: what is refused before the body is read, a body's tensors, an answer's body.

Each function picks the form of the request; the forms have a file each.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import numpy as np

from paddlemodel_server.errors import (
    BadRequestError,
    InputRefusedError,
    RequestTooLargeError,
    UnsupportedMediaTypeError,
)
from paddlemodel_server.protocol import content, raw, tensors, v1, v2
from paddlemodel_server.protocol.answers import Response, as_json
from paddlemodel_server.protocol.request import (
    JSON,
    NPY,
    OCTETS,
    Array,
    Expected,
    Head,
    Headers,
    Request,
    Served,
)
from paddlemodel_server.protocol.routes import INFER, PREDICT, V1
from paddlemodel_server.tasks import decode, encode
from paddlemodel_server.tasks.spec import ImageClassification

INLINE_BYTES = 32 * 1024  # a JSON body up to this size is parsed in well under a millisecond

_IMAGE, _V1, _V2, _OCTETS, _NPY = "image", "v1", "v2", "octets", "npy"  # the forms of a request
_TEXTS = frozenset(
    {
        JSON,
        "",
        "application/x-www-form-urlencoded",  # what curl says of any --data
        "text/plain",  # what a browser says of any string
    }
)
_TENSOR_MEDIA = (JSON, OCTETS, NPY)


def read_head(served: Served, route: str, headers: Headers) -> Head:
    """Read a head, and refuse what can be refused before the body is read."""
    length = headers.get("content-length", "")
    limit = served.max_request_bytes
    if len(length) < 20 and length.isascii() and length.isdigit() and int(length) > limit:
        raise RequestTooLargeError(f"The body has {int(length)} bytes; at most {limit} are allowed.")
    encoding, timeout_seconds = content.encoding(headers), content.timeout_seconds(headers)
    json_size, form = content.json_size(headers), _form(served, route, headers)
    if form in {_OCTETS, _NPY}:
        raw.only_input(served, OCTETS if form == _OCTETS else NPY)
    elif raw.SHAPE_HEADER in headers:
        raise BadRequestError(f"X-Tensor-Shape belongs to a body of {OCTETS}; other bodies say their shape.")
    media = _answer_media(served, route, headers)
    return Head(
        route=route,
        headers=headers,
        form=form,
        encoding=encoding,
        json_size=json_size,
        timeout_seconds=timeout_seconds,
        media=media if route == V1 or (route == PREDICT and form != _V2) else None,
    )


def check_size(served: Served, size: int) -> None:
    """Refuse a body that is too large; called with what has arrived so far."""
    if size > served.max_request_bytes:
        raise RequestTooLargeError(f"The body is larger than the {served.max_request_bytes} bytes allowed.")


def is_heavy(head: Head, size: int) -> bool:
    """Whether parsing a body takes so long that the event loop should not do it."""
    if head.encoding is not None:
        return True
    if head.form == _OCTETS:
        return False
    return head.form == _IMAGE or (size if head.json_size is None else head.json_size) > INLINE_BYTES


def parse(served: Served, head: Head, body: bytes) -> Request:
    """Turn a body into validated tensors."""
    if head.encoding is not None:
        body = content.inflated(body, head.encoding, served.max_request_bytes)
    request = _request(served, head, body)
    seconds = head.timeout_seconds
    if seconds is not None:
        request.timeout_seconds = min(seconds, request.timeout_seconds or seconds)
    if head.media is not None:
        request.media = head.media
    elif "accept" in head.headers:
        request.media = _answer_media(served, head.route, head.headers, request)
        if head.route == PREDICT and request.id is not None and request.media != JSON and not request.binary:
            raise BadRequestError(f"An answer of one tensor has no id; leave it out, or accept {JSON}.")
    return request


def _request(served: Served, head: Head, body: bytes) -> Request:
    form = head.form
    if form == _V2:
        return v2.parse(served, body, head.json_size)
    if form == _V1:
        return v1.parse(served, body)
    if form == _OCTETS:
        expected = raw.only_input(served, OCTETS)
        request = Request(arrays=[raw.from_octets(body, expected, head.headers.get(raw.SHAPE_HEADER))])
        if head.route == INFER:
            request.outputs = served.all_binary
        return request
    if form == _NPY:
        return Request(arrays=[raw.from_npy(body, raw.only_input(served, NPY))])
    return Request(arrays=[decode.image(body, served.image)])  # type: ignore[arg-type]  # the form says it


def _form(served: Served, route: str, headers: Headers) -> str:
    """How the tensors are sent, by route and Content-Type."""
    kind = content.media_type(headers)
    sized = headers.get(content.JSON_SIZE_HEADER)
    if route == PREDICT and served.image is not None:
        if kind == JSON or kind.startswith("multipart/"):
            raise UnsupportedMediaTypeError(
                "This model takes the bytes of one image; send the file as it is: "
                "curl --data-binary @image.jpg."
            )
        form = _IMAGE
    elif route == V1:
        form = _V1 if _is_text(kind) else ""
    elif sized == "0":
        return _OCTETS
    elif sized is not None or _is_text(kind):
        return _V2
    elif kind == OCTETS:
        return _OCTETS if route == PREDICT else _V2
    else:
        form = _NPY if kind == NPY and route == PREDICT else ""
    if sized is not None:
        raise BadRequestError("Inference-Header-Content-Length belongs to bodies of /v2/models/NAME/infer.")
    if not form:
        taken = {V1: JSON, INFER: f"{JSON} and {OCTETS}", PREDICT: ", ".join(_TENSOR_MEDIA)}[route]
        raise UnsupportedMediaTypeError(f"The Content-Type is {kind[:60]!r}; this route takes {taken}.")
    return form


def _is_text(kind: str) -> bool:
    return kind in _TEXTS or kind.endswith("+json")


def _answer_media(served: Served, route: str, headers: Headers, request: Request | None = None) -> str:
    """What to answer with, of what the route and (once it is known) the request make possible."""
    if request is not None and request.binary:
        return content.chosen(headers, (OCTETS,))  # V2's, whatever the route: JSON and bytes
    if route == INFER:
        # The request decides, as the protocol has it; Accept can only refuse.
        return content.chosen(headers, (JSON, OCTETS) if request is None else (JSON,))
    if route == V1 or served.image is not None:
        return content.chosen(headers, (JSON,))
    first = request.outputs[0].name if request and request.outputs else next(iter(served.outputs))
    if served.outputs[first].bits:
        return content.chosen(headers, (JSON, OCTETS))  # a .npy file has no BF16
    return content.chosen(headers, _TENSOR_MEDIA)


def refusal(served: Served, request: Request) -> InputRefusedError:
    """Why the model did not take a request whose dtypes and fixed dimensions are right."""
    named = zip(served.inputs.values(), request.arrays, strict=True)
    shapes = [f"{one.name} {one.datatype} {list(array.shape)}" for one, array in named]
    return InputRefusedError(", ".join(shapes))


def render(served: Served, route: str, request: Request, outputs: Sequence[Array]) -> Response:
    """Turn the model's outputs into an answer."""
    if route == V1:
        return Response(body=v1.render(served, request, outputs))
    if route == PREDICT:
        if isinstance(served.task, ImageClassification):
            activation = served.task.activation
            softmax = activation == "Softmax" or (activation == "Auto" and not served.probabilities())
            scores = tensors.meant(outputs[0], served.in_order[0])
            answer = encode.classes(scores, served.task, served.labels, softmax=softmax)
            return as_json(answer | {"model": served.name})
        if request.media != JSON and not request.binary:
            return _tensor(served, request, outputs)
    body, json_size = v2.render(served, request, outputs)
    if json_size is None:
        return Response(body=body)
    header = ("Inference-Header-Content-Length", str(json_size))
    return Response(body=body, content_type=OCTETS, extra=(header,))


def _tensor(served: Served, request: Request, outputs: Sequence[Array]) -> Response:
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
