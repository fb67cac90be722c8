"""The answers that need no model run."""

from typing import Any

from paddlemodel_server.errors import InternalError, RateLimitedError, ServingError, UnauthorizedError
from paddlemodel_server.protocol import v2
from paddlemodel_server.protocol.request import Response, as_json
from paddlemodel_server.protocol.routes import EMBEDDINGS, NO_ROUTE, check_name
from paddlemodel_server.protocol.served import Served

SERVER = "paddlemodel-server"
_OPENAI_CODES = {UnauthorizedError: "invalid_api_key", RateLimitedError: "rate_limit_exceeded"}


def fault(error: Exception, route: str = "") -> Response:
    """The answer to any error; the caller logs what is not a ServingError.

    Args:
        error: any.
        route: the label, where it is known. OpenAI's clients show the sentence only where their API has it.
    """
    public = error if isinstance(error, ServingError) else InternalError()
    content: Any = public.message
    if route == EMBEDDINGS and public.message != NO_ROUTE:  # a server that has no such route has no such form
        kind = "invalid_request_error" if public.status < 500 else "server_error"
        code = _OPENAI_CODES.get(type(public))
        content = {"message": public.message, "type": kind, "param": None, "code": code}
    return as_json({"error": content}, public.status, public.headers)


def alive() -> Response:
    """The answer of /healthz and /v2/health/live: this HTTP worker's loop turns."""
    return as_json({"live": True})


def readiness(*, ready: bool) -> Response:
    """The answer of /readyz and /v2/health/ready."""
    return as_json({"ready": ready}, 200 if ready else 503)


def server_metadata() -> Response:
    """The answer of GET /v2."""
    from importlib import metadata  # noqa: PLC0415 - 20 ms, for which supervisor and workers have no use

    return as_json({"name": SERVER, "version": metadata.version(SERVER), "extensions": v2.EXTENSIONS})


def models(served: Served) -> Response:
    """The answer of GET /v1/models and /v2/models: this server has one model."""
    return as_json({"models": [served.name]})


def model_metadata(served: Served, name: str, version: str | None = None) -> Response:
    """The answer of GET /v2/models/NAME."""
    check_name(served, name, version)
    return as_json(v2.metadata(served.name, served.model))


def model_readiness(served: Served, name: str, version: str | None = None, *, ready: bool) -> Response:
    """The answer of GET /v2/models/NAME/ready and of /v1/models/NAME."""
    check_name(served, name, version)
    return as_json({"name": served.name, "ready": ready}, 200 if ready else 503)
