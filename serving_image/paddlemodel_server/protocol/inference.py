"""The routes that run the model: what is refused before the body is read, a body's tensors, an answer's body.

Each function picks the format of the route; the formats have a file each.
"""

from collections.abc import Sequence

from paddlemodel_server import decode, encode
from paddlemodel_server.errors import RequestTooLargeError, UnsupportedMediaTypeError
from paddlemodel_server.protocol import v2
from paddlemodel_server.protocol.answers import JSON, Response, as_json
from paddlemodel_server.protocol.request import Array, Headers, Request, Served
from paddlemodel_server.protocol.routes import PREDICT
from paddlemodel_server.task import ImageClassification

INLINE_BYTES = 32 * 1024  # a JSON body up to this size is parsed in well under a millisecond


def check_head(served: Served, route: str, headers: Headers) -> None:
    """Refuse what can be refused before the body is read."""
    length = headers.get("content-length", "")
    if length.isdigit():
        check_size(served, int(length))
    encoding = headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedMediaTypeError("A Content-Encoding is not supported; send the body as it is.")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    wants_image = route == PREDICT and served.image is not None
    if wants_image and (kind == JSON or kind.startswith("multipart/")):
        raise UnsupportedMediaTypeError(
            "This model takes the bytes of one image; send the file as it is: curl --data-binary @image.jpg."
        )
    if not wants_image and kind.startswith(("image/", "multipart/")):
        raise UnsupportedMediaTypeError(
            "This route takes tensors as JSON (application/json), in the Open Inference Protocol V2."
        )


def check_size(served: Served, size: int) -> None:
    """Refuse a body that is too large; called with what is declared and with what has arrived so far."""
    if size > served.max_request_bytes:
        raise RequestTooLargeError(f"The body is larger than the {served.max_request_bytes} bytes allowed.")


def is_heavy(served: Served, route: str, headers: Headers, size: int) -> bool:
    """Whether parsing takes so long that the event loop should not do it."""
    del headers
    return size > INLINE_BYTES or (route == PREDICT and served.image is not None)


def parse(served: Served, route: str, headers: Headers, body: bytes) -> Request:
    """Turn a body into validated tensors."""
    del headers
    if route == PREDICT and served.image is not None:
        return Request(arrays=[decode.image(body, served.image)])
    return v2.parse(body, served.model)


def render(served: Served, route: str, request: Request, outputs: Sequence[Array]) -> Response:
    """Turn the model's outputs into an answer."""
    if route == PREDICT and isinstance(served.task, ImageClassification):
        activation = served.task.activation
        softmax = activation == "Softmax" or (activation == "Auto" and not served.probabilities())
        answer = encode.classes(outputs[0], served.task, served.labels, softmax=softmax)
        return as_json(answer | {"model": served.name})
    return Response(body=v2.render(served.name, served.model, request, outputs))
