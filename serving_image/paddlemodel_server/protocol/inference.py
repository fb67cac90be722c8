"""The routes that run the model: what is refused before the body is read, a body's tensors, an answer's body.

Each function picks the form of the request; the forms have a file each.
"""

from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import quote

from paddlemodel_server import decode, encode
from paddlemodel_server.errors import (
    BadRequestError,
    InputRefusedError,
    RequestTooLargeError,
    UnsupportedMediaTypeError,
)
from paddlemodel_server.protocol import content, raw, tensors, v1, v2
from paddlemodel_server.protocol.answers import Response, as_json
from paddlemodel_server.protocol.request import JSON, NPY, OCTETS, Array, Headers, Request, Served
from paddlemodel_server.protocol.routes import INFER, PREDICT, V1
from paddlemodel_server.task import ImageClassification

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


def check_head(served: Served, route: str, headers: Headers) -> None:
    """Refuse what can be refused before the body is read."""
    length = headers.get("content-length", "")
    limit = served.max_request_bytes
    if len(length) < 20 and length.isascii() and length.isdigit() and int(length) > limit:
        raise RequestTooLargeError(f"The body has {int(length)} bytes; at most {limit} are allowed.")
    content.encoding(headers)
    content.timeout_seconds(headers)
    content.json_size(headers)
    form = _form(served, route, headers)
    if form in {_OCTETS, _NPY}:
        raw.only_input(served, OCTETS if form == _OCTETS else NPY)
    elif raw.SHAPE_HEADER in headers:
        raise BadRequestError(f"X-Tensor-Shape belongs to a body of {OCTETS}; other bodies say their shape.")
    _answer_media(served, route, headers)


def check_size(served: Served, size: int) -> None:
    """Refuse a body that is too large; called with what has arrived so far."""
    if size > served.max_request_bytes:
        raise RequestTooLargeError(f"The body is larger than the {served.max_request_bytes} bytes allowed.")


def is_heavy(served: Served, route: str, headers: Headers, size: int) -> bool:
    """Whether parsing takes so long that the event loop should not do it; of a head that was checked."""
    if headers.get("content-encoding") is not None:
        return True
    form = _form(served, route, headers)
    if form == _OCTETS:
        return False
    json_size = content.json_size(headers)
    return form == _IMAGE or (size if json_size is None else json_size) > INLINE_BYTES


def parse(served: Served, route: str, headers: Headers, body: bytes) -> Request:
    """Turn a body into validated tensors; of a head that was checked."""
    encoding = content.encoding(headers)
    if encoding is not None:
        body = content.inflated(body, encoding, served.max_request_bytes)
    form = _form(served, route, headers)
    if form == _V2:
        request = v2.parse(served, body, content.json_size(headers))
    elif form == _V1:
        request = v1.parse(served, body)
    elif form == _OCTETS:
        expected = raw.only_input(served, OCTETS)
        request = Request(arrays=[raw.from_octets(body, expected, headers.get(raw.SHAPE_HEADER))])
        if route == INFER:
            request.outputs = served.all_binary
    elif form == _NPY:
        request = Request(arrays=[raw.from_npy(body, raw.only_input(served, NPY))])
    else:
        request = Request(arrays=[decode.image(body, served.image)])  # type: ignore[arg-type]  # the form says it
    seconds = content.timeout_seconds(headers)
    if seconds is not None:
        request.timeout_seconds = min(seconds, request.timeout_seconds or seconds)
    if "accept" in headers:
        request.media = _answer_media(served, route, headers, request)
        if route == PREDICT and request.id is not None and request.media != JSON and not request.binary:
            raise BadRequestError(f"An answer of one tensor has no id; leave it out, or accept {JSON}.")
    return request


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
            scores = tensors.meant(outputs[0], next(iter(served.outputs.values())))
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
    names = list(served.outputs)
    at = names.index(request.outputs[0].name) if request.outputs else 0
    array = outputs[at]
    body = tensors.to_bytes(array) if request.media == OCTETS else raw.to_npy(array)
    return Response(body=body, content_type=request.media, extra=_described(served, at, array))


def _described(served: Served, at: int, array: Array) -> tuple[tuple[str, str], ...]:
    expected = list(served.outputs.values())[at]
    return (
        ("X-Tensor-Name", _header_value(expected.name)),
        ("X-Tensor-Datatype", v2.datatype(expected, array)),
        ("X-Tensor-Shape", ",".join(map(str, array.shape))),
    )


@lru_cache(maxsize=256)
def _header_value(name: str) -> str:
    return quote(name, safe="/._-:@+,()[]=")
