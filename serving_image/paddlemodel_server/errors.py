"""Every fault a client may see, with its own HTTP status and public sentence.

The two doors turn a ServingError into an answer; anything else becomes 500 with a fixed text, and its trace
goes to the log. A StartError is the other kind of fault: the process cannot serve at all, and the supervisor
writes it to the log and to the container's termination message.
"""

from typing import ClassVar

INTERNAL_ERROR = "The server failed to answer; the cause is in its log."


class StartError(Exception):
    """Why this process cannot serve: a reason for machines, and one sentence with the cure for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class ServingError(Exception):
    """A fault that the client is told about; the message is public."""

    status: ClassVar[int] = 500
    headers: tuple[tuple[str, str], ...] = ()

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequestError(ServingError):
    """The request is malformed or does not fit the model."""

    status = 400


class NotFoundError(ServingError):
    """No such route or model."""

    status = 404


class MethodNotAllowedError(ServingError):
    """The route exists, but not for this method."""

    status = 405

    def __init__(self, method: str, allowed: str) -> None:
        super().__init__(f"{method} is not possible here; use {allowed}.")
        self.headers = (("Allow", allowed),)


class RequestTooLargeError(ServingError):
    """The body exceeds PADDLEMODEL_MAX_REQUEST_BYTES, or does not fit a slot once decoded."""

    status = 413


class NotAcceptableError(ServingError):
    """The header Accept wants only what this route cannot answer."""

    status = 406


class UnsupportedMediaTypeError(ServingError):
    """The body is of a kind, or compressed in a way, that is not taken here."""

    status = 415

    def __init__(self, message: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.headers = headers


class QueueFullError(ServingError):
    """As many requests wait as may wait; the client should come back."""

    status = 429
    headers = (("Retry-After", "1"),)

    def __init__(self) -> None:
        super().__init__("The queue is full; try again in a second.")


class MemoryTakenError(ServingError):
    """A row of a size that used to fit finds no memory now: another process holds it; try later."""

    status = 429
    headers = (("Retry-After", "5"),)

    def __init__(self) -> None:
        super().__init__("The device has no memory for this request now; try again in five seconds.")


class InputTooLargeError(ServingError):
    """A single row needs more memory than there is."""

    status = 413

    def __init__(self) -> None:
        super().__init__(
            "A single row of this request needs more memory than the device has; send a smaller input."
        )


class BodiesFullError(ServingError):
    """The bodies at hand take as much memory as they may; the client should come back."""

    status = 429
    headers = (("Retry-After", "1"),)

    def __init__(self) -> None:
        super().__init__("The server holds as many large requests as it can; try again in a second.")


class InputRefusedError(BadRequestError):
    """The model cannot run with sizes or values that its description allows; Paddle found out."""

    def __init__(self, found: str = "the inputs") -> None:
        super().__init__(
            f"The model cannot run with {found}: sizes that it leaves open, or values, do not fit each other "
            "or the model."
        )


class ModelFailedError(ServingError):
    """Paddle refused the run; what it said is in the log."""

    status = 500

    def __init__(self) -> None:
        super().__init__("The model failed on this request; the cause is in the server's log.")


class AnswerTooLargeError(ServingError):
    """The model's outputs do not fit the shared memory of one request."""

    status = 500

    def __init__(self) -> None:
        super().__init__("The model's answer is larger than this server can carry; send a smaller input.")


class NotReadyError(ServingError):
    """No worker can take the request now."""

    status = 503
    headers = (("Retry-After", "1"),)

    def __init__(self, message: str = "The model is still loading; try again in a second.") -> None:
        super().__init__(message)


class WorkerLostError(NotReadyError):
    """The process that held the request died."""

    def __init__(self) -> None:
        super().__init__("The process that ran the model for this request ended; try again in a second.")


class DeadlineExceededError(ServingError):
    """The request waited longer than PADDLEMODEL_TIMEOUT_SECONDS."""

    status = 504

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The request was not answered within {seconds:g} seconds.")
