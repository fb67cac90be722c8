"""The routes that run the model: what is refused before the body is read, a body's tensors, an answer's body.

V1 and V2 have the forms of tensors; what `POST /predict` takes and answers is the task's to say.
"""

from collections.abc import Sequence
from typing import Any

from paddlemodel_server.errors import BadRequestError, InputRefusedError, RequestTooLargeError
from paddlemodel_server.protocol import content, forms, tensors, v1
from paddlemodel_server.protocol.request import JSON, Array, Head, Headers, Request, Response
from paddlemodel_server.protocol.routes import OF_TASKS, PREDICT, V1, check_route
from paddlemodel_server.protocol.served import Served
from paddlemodel_server.protocol.task.stages import StageRequest

INLINE_BYTES = 32 * 1024  # a JSON body up to this size is parsed in well under a millisecond
INLINE_TEXT_BYTES = 512  # so is a body of so much text; tokenizing takes some 0.7 us a byte


def read_head(served: Served, route: str, headers: Headers) -> Head:
    """Read a head, and refuse what can be refused before the body is read."""
    length = headers.get("content-length", "")
    limit = served.max_request_bytes
    if len(length) < 20 and length.isascii() and length.isdigit() and int(length) > limit:
        raise RequestTooLargeError(f"The body has {int(length)} bytes; at most {limit} are allowed.")
    encoding, timeout_seconds = content.encoding(headers), content.timeout_seconds(headers)
    json_size = content.json_size(headers)
    media: str | None
    check_route(served, route)
    if route in OF_TASKS:
        accepted = served.task.accepts(served, route, headers)
        form, media = accepted.form, accepted.media
    else:
        form = forms.chosen(served, route, headers)
        media = forms.answer_media(served, route, headers)
        if route != V1:
            media = None  # the body has a say
    return Head(
        route=route,
        headers=headers,
        form=form,
        encoding=encoding,
        json_size=json_size,
        timeout_seconds=timeout_seconds,
        media=media,
    )


def check_size(served: Served, size: int) -> None:
    """Refuse a body that is too large; called with what has arrived so far."""
    if size > served.max_request_bytes:
        raise RequestTooLargeError(f"The body is larger than the {served.max_request_bytes} bytes allowed.")


def is_heavy(head: Head, size: int) -> bool:
    """Whether parsing a body takes so long that the event loop should not do it."""
    if head.encoding is not None:
        return True
    if head.form == forms.OCTETS_FORM:
        return False
    if head.form == forms.TEXT:
        return size > INLINE_TEXT_BYTES
    return head.form == forms.BODY or (size if head.json_size is None else head.json_size) > INLINE_BYTES


def parse(served: Served, head: Head, body: bytes) -> Request:
    """Turn a body into validated tensors."""
    if head.encoding is not None:
        body = content.inflated(body, head.encoding, served.max_request_bytes)
    parse = served.task.parse if head.route in OF_TASKS else forms.parse
    request = parse(served, head, body)
    if served.ids:
        for arrays in [request.arrays] if request.parts is None else request.parts:
            tensors.check_ids(served, arrays)
    seconds = head.timeout_seconds
    if seconds is not None:
        request.timeout_seconds = min(seconds, request.timeout_seconds or seconds)
    if head.media is not None:
        request.media = head.media
    elif "accept" in head.headers:
        request.media = forms.answer_media(served, head.route, head.headers, request)
        if head.route == PREDICT and request.id is not None and request.media != JSON and not request.binary:
            raise BadRequestError(f"An answer of one tensor has no id; leave it out, or accept {JSON}.")
    return request


def refusal(served: Served, arrays: Sequence[Array]) -> InputRefusedError:
    """Why the model did not take inputs whose dtypes and fixed dimensions are right."""
    named = zip(served.inputs.values(), arrays, strict=True)
    shapes = [f"{one.name} {one.datatype} {list(array.shape)}" for one, array in named]
    return InputRefusedError(", ".join(shapes))


def advance(
    served: Served, route: str, request: StageRequest, outputs: Sequence[Array]
) -> StageRequest | Response:
    """Go on with a request of several stages: to the next of them, or to the answer."""
    task: Any = served.task  # one of `Stages`: no other makes such requests
    further: StageRequest | None = task.next(request, outputs)
    return render(served, route, request, outputs) if further is None else further


def render(served: Served, route: str, request: Request, outputs: Sequence[Array]) -> Response:
    """Turn the model's outputs into an answer; those of several parts follow one another."""
    if route == V1:
        return Response(body=v1.render(served, request, outputs))
    if route in OF_TASKS:
        return served.task.render(served, request, outputs)
    return forms.render_v2(served, request, outputs)
