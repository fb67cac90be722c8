"""The HTTP protocol as pure functions: (route, headers, body) -> validated request; result -> answer.

Both doors use it: `app` for every route, `lane` for the hot ones. It knows no framework, no socket and no
clock.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import orjson

from paddlemodel_server import decode, encode, v2
from paddlemodel_server.errors import (
    INTERNAL_ERROR,
    NotFoundError,
    RequestTooLargeError,
    ServingError,
    UnsupportedMediaTypeError,
)
from paddlemodel_server.model import Model
from paddlemodel_server.task import ImageClassification, Task

Array = np.ndarray[Any, np.dtype[Any]]
Headers = Mapping[str, str]  # names in lower case

JSON = "application/json"
SERVER = "paddlemodel-server"
PREDICT, INFER = "predict", "infer"  # routes that run the model; also labels of the metrics
INLINE_BYTES = 32 * 1024  # a JSON body up to this size is parsed in well under a millisecond


@dataclass(frozen=True, kw_only=True)
class Served:
    """Everything about the served model that an answer can depend on."""

    name: str
    model: Model
    task: Task
    max_request_bytes: int
    image: decode.ImagePlan | None = None
    labels: tuple[str, ...] = ()
    probabilities: Callable[[], bool] = (
        bool  # whether the scores need no softmax; known once an owner is ready
    )


@dataclass(frozen=True, kw_only=True)
class Response:
    """An HTTP answer; the doors add nothing but the date."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All headers."""
        return [("Content-Type", self.content_type), ("Content-Length", str(len(self.body))), *self.extra]


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


def is_heavy(served: Served, route: str, size: int) -> bool:
    """Whether parsing takes so long that the event loop should not do it."""
    return size > INLINE_BYTES or (route == PREDICT and served.image is not None)


def parse(served: Served, route: str, body: bytes) -> v2.Request:
    """Turn a body into validated tensors."""
    if route == PREDICT and served.image is not None:
        return v2.Request(arrays=[decode.image(body, served.image)])
    return v2.parse(body, served.model)


def render(served: Served, route: str, request: v2.Request, outputs: Sequence[Array]) -> Response:
    """Turn the model's outputs into an answer."""
    if route == PREDICT and isinstance(served.task, ImageClassification):
        activation = served.task.activation
        softmax = activation == "Softmax" or (activation == "Auto" and not served.probabilities())
        answer = encode.classes(outputs[0], served.task, served.labels, softmax=softmax)
        return as_json(answer | {"model": served.name})
    return Response(body=v2.render(served.name, served.model, request, outputs))


def fault(error: Exception) -> Response:
    """The answer to any error; whoever catches it logs what is not a ServingError."""
    if isinstance(error, ServingError):
        return as_json({"error": error.message}, error.status, error.headers)
    return as_json({"error": INTERNAL_ERROR}, 500)


def alive() -> Response:
    """The answer of /healthz: this front's loop turns."""
    return as_json({"live": True})


def readiness(*, ready: bool) -> Response:
    """The answer of /readyz."""
    return as_json({"ready": ready}, 200 if ready else 503)


def server_metadata() -> Response:
    """The answer of GET /v2."""
    return as_json({"name": SERVER, "version": version(SERVER), "extensions": []})


def model_metadata(served: Served, name: str) -> Response:
    """The answer of GET /v2/models/NAME."""
    check_name(served, name)
    return as_json(v2.metadata(served.name, served.model))


def model_readiness(served: Served, name: str, *, ready: bool) -> Response:
    """The answer of GET /v2/models/NAME/ready."""
    check_name(served, name)
    return as_json({"name": served.name, "ready": ready}, 200 if ready else 503)


def check_name(served: Served, name: str) -> None:
    """Refuse the name of another model."""
    if name != served.name:
        raise NotFoundError(f"There is no model of that name here; this server has {served.name}.")


def as_json(content: Any, status: int = 200, extra: tuple[tuple[str, str], ...] = ()) -> Response:
    """A JSON answer."""
    return Response(status=status, body=orjson.dumps(content), extra=extra)
