"""An HTTP answer, and those answers that need no model run."""

from dataclasses import dataclass
from importlib import metadata
from typing import Any

import orjson

from paddlemodel_server.errors import INTERNAL_ERROR, ServingError
from paddlemodel_server.protocol import v2
from paddlemodel_server.protocol.request import JSON, Served
from paddlemodel_server.protocol.routes import check_name

SERVER = "paddlemodel-server"


@dataclass(slots=True, kw_only=True)
class Response:
    """An HTTP answer; the doors add nothing but the date. Not frozen: it is made for every request."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All headers."""
        return [("Content-Type", self.content_type), ("Content-Length", str(len(self.body))), *self.extra]


def as_json(content: Any, status: int = 200, extra: tuple[tuple[str, str], ...] = ()) -> Response:
    """A JSON answer."""
    return Response(status=status, body=orjson.dumps(content), extra=extra)


def fault(error: Exception) -> Response:
    """The answer to any error; whoever catches it logs what is not a ServingError."""
    if isinstance(error, ServingError):
        return as_json({"error": error.message}, error.status, error.headers)
    return as_json({"error": INTERNAL_ERROR}, 500)


def alive() -> Response:
    """The answer of /healthz: this HTTP worker's loop turns."""
    return as_json({"live": True})


def readiness(*, ready: bool) -> Response:
    """The answer of /readyz."""
    return as_json({"ready": ready}, 200 if ready else 503)


def server_metadata() -> Response:
    """The answer of GET /v2."""
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
