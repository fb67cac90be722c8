"""Every fault a client may see, with its own HTTP status and public sentence.

A ServingError becomes an answer, anything else an InternalError, whose trace is in the log. A StartError ends
the process; it is in the log and the container's termination message. `describe` makes documents of them.
"""

from collections.abc import Mapping
from typing import ClassVar


class StartError(Exception):
    """Why this process cannot serve: a word for machines, a sentence for people, and numbers behind it."""

    def __init__(self, reason: str, message: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.reason, self.message, self.details = reason, message, details or {}


class ServingError(Exception):
    """A fault that the client is told about; the message is public."""

    status: ClassVar[int]
    reason: ClassVar[str]  # when it happens: a part of a sentence, for the documents
    retry_after: ClassVar[int | None] = None  # seconds after which the client may try again
    sentence: ClassVar[str] = ""  # the message, where it is always the same

    def __init__(
        self, message: str = "", headers: tuple[tuple[str, str], ...] = (), wait: int | None = None
    ) -> None:
        """Make one.

        Args:
            message: what the client reads; `sentence` where it is left out.
            headers: of the answer, beside Retry-After.
            wait: seconds for Retry-After; `retry_after` where it is left out.
        """
        self.message = message or self.sentence
        super().__init__(self.message)
        seconds = wait or self.retry_after
        self.headers = (*headers, ("Retry-After", str(seconds))) if seconds else headers


class BadRequestError(ServingError):
    """The request is malformed or does not fit the model."""

    status = 400
    reason = (
        "malformed or unfitting: HTTP, JSON, name, datatype, shape, number of values, damaged image, "
        "too many pixels"
    )


class InputRefusedError(BadRequestError):
    """The model cannot run with sizes or values that its description allows; Paddle found out."""

    reason = "sizes or values with which the model cannot run"

    def __init__(self, found: str = "the inputs") -> None:
        super().__init__(
            f"The model cannot run with {found}: sizes that it leaves open, or values, do not fit each other "
            "or the model."
        )


class NoRowsError(ServingError):
    """The model's outputs have no row for each instance."""

    status = 400
    reason = "instances (V1), and the model answers without a row for each"


class UnauthorizedError(ServingError):
    """The server asks for API keys or tokens, and there is none that is valid."""

    status = 401
    reason = "the server asks for an API key or a token, and there is none, or none that is valid"
    sentence = "This request needs an API key: send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'."


class ForbiddenError(ServingError):
    """The token is valid, and spec.access.jwt.clients does not name its client."""

    status = 403
    reason = "the token is valid, and its client is none of those that may use the model"
    sentence = "The client of this request's token may not use this model."


class NotFoundError(ServingError):
    """No such route or model."""

    status = 404
    reason = "no such route or model"


class MethodNotAllowedError(ServingError):
    """The route exists, but not for this method."""

    status = 405
    reason = "wrong method; `Allow` says which are possible"

    def __init__(self, method: str, allowed: str) -> None:
        super().__init__(f"{method} is not possible here; use {allowed}.", (("Allow", allowed),))


class NotAcceptableError(ServingError):
    """The header Accept wants only what this route cannot answer."""

    status = 406
    reason = "`Accept` wants only what this route cannot answer"


class RequestTimeoutError(ServingError):
    """The client began a request and did not send the rest of it."""

    status = 408
    reason = "the head or body did not arrive in time"

    def __init__(self, part: str) -> None:
        super().__init__(f"The request's {part} did not arrive in time.")


class RequestTooLargeError(ServingError):
    """The body exceeds PADDLEMODEL_MAX_REQUEST_BYTES, or does not fit a slot once decoded."""

    status = 413
    reason = "the body is larger than {body_limit}: declared, in chunks or decompressed"


class InputTooLargeError(ServingError):
    """A single row needs more memory than there is."""

    status = 413
    reason = "a single row needs more memory than the device has"
    sentence = "A single row of this request needs more memory than the device has; send a smaller input."


class UnsupportedMediaTypeError(ServingError):
    """The body is of a kind, or compressed in a way, that is not taken here."""

    status = 415
    reason = "a `Content-Type` or `Content-Encoding` that this route does not take"


class QueueFullError(ServingError):
    """As many requests wait as may wait; the client should come back."""

    status = 429
    reason = "the queue is full"
    retry_after = 1
    sentence = "The queue is full; try again in a second."


class RateLimitedError(ServingError):
    """A limit of spec.access.rateLimits is used up for now; `wait` says how long."""

    status = 429
    reason = "more requests than a limit of the server allows; `RateLimit` says which, `Retry-After` how long"
    retry_after = 1


class BodiesFullError(ServingError):
    """The bodies at hand take as much memory as they may; the client should come back."""

    status = 429
    reason = "large bodies, or the tensors that bodies became, take all the memory that they may"
    retry_after = 1
    sentence = "The server holds as many large requests as it can; try again in a second."


class MemoryTakenError(ServingError):
    """A row of a size that used to fit finds no memory now: another process holds it; try later."""

    status = 429
    reason = "the device has no memory for the request now"
    retry_after = 5
    sentence = "The device has no memory for this request now; try again in five seconds."


class PipelineFullError(ServingError):
    """A client sends requests on one connection faster than it can get their answers."""

    status = 429
    reason = "too many requests wait on one connection"
    retry_after = 1

    def __init__(self, most: int) -> None:
        super().__init__(f"More than {most} requests wait on one connection.")


class HeadTooLargeError(ServingError):
    """The head of a request, or the trailer of a chunked body, is larger than it may be."""

    status = 431
    reason = "the head, or a chunked body's trailer, is larger than 64 KiB"

    def __init__(self, part: str) -> None:
        super().__init__(f"The request's {part} is too large.")


class KnownToCrashError(ServingError):
    """This very request has ended the process of the model twice."""

    status = 422
    reason = "the same request has ended the process of the model twice in the last ten minutes"
    sentence = "This request has ended the model's process twice; it is not run again."


class ModelFailedError(ServingError):
    """Paddle refused the run, or the model's own code failed; what was said is in the log."""

    status = 500
    reason = "the model, or its own code (handler.py), failed"
    sentence = "The model failed on this request; the cause is in the server's log."


class CrashedError(ServingError):
    """The process of the model ended while it ran this request, and no other one."""

    status = 500
    reason = "the process of the model ended while it ran the request, and no other one"
    sentence = "The process that runs the model ended on this request; sending it again will not help."


class NotFiniteError(ServingError):
    """The model computed NaN: there is no honest class to name, and no vector."""

    status = 500
    reason = "scores or a text's vector are not finite numbers"
    sentence = "What the model computed for this request are no finite numbers."


class AnswerTooLargeError(ServingError):
    """The model's outputs do not fit the shared memory of one request."""

    status = 500
    reason = "the answer is larger than this server can carry"
    sentence = "The model's answer is larger than this server can carry; send a smaller input."


class InternalError(ServingError):
    """A fault that nobody has foreseen; what it was is in the log."""

    status = 500
    reason = "the server failed; the cause is in its log"
    sentence = "The server failed to answer; the cause is in its log."


class UnknownCodingError(ServingError):
    """A body is transferred in a way that is not taken; where it ends is not known."""

    status = 501
    reason = "a `Transfer-Encoding` other than `chunked`"


class NotReadyError(ServingError):
    """No worker can take the request now."""

    status = 503
    reason = "still loading, or shutting down"
    retry_after = 1
    sentence = "The model is still loading; try again in a second."


class TokenKeysComingError(NotReadyError):
    """A token names a key of its issuer that is not known; the issuer is being asked for its keys."""

    reason = "the key that has signed the token is not known yet: its issuer is being asked"
    sentence = "The key that has signed this request's token is being fetched; try again in a second."


class WorkerLostError(NotReadyError):
    """The process that held the request died."""

    reason = "the process that ran the model for the request ended"
    sentence = "The process that ran the model for this request ended; try again in a second."


class TooManyConnectionsError(ServingError):
    """An HTTP worker has as many connections as it may have, and owes an answer on each of them."""

    status = 503
    reason = "too many connections"
    retry_after = 1
    sentence = "This server has as many connections as it can have."


class DeadlineExceededError(ServingError):
    """The request waited longer than PADDLEMODEL_TIMEOUT_SECONDS, or code took longer than it may."""

    status = 504
    reason = (
        "not answered within {deadline}, or within the client's own deadline; "
        "if it still waited, the model never runs it; the model's own code (handler.py) took too long"
    )

    def __init__(self, seconds: float, what: str = "The request was not answered") -> None:
        super().__init__(f"{what} within {seconds:g} seconds.")
