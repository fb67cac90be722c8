"""`GET /openapi.json`: the OpenAPI 3.1 document of this very server, made of the clients' routes; pure.

Paths carry the model's own name, schemas its tensors. https://spec.openapis.org/oas/v3.1.1.html
"""

import re
from importlib.metadata import version
from typing import Any

import orjson

from paddlemodel_server.describe import answers, calls, schemas
from paddlemodel_server.describe.protection import Protection
from paddlemodel_server.protocol import Kind, Route, Served, routes_of
from paddlemodel_server.protocol.served import Shapes

Schema = dict[str, Any]

_Plain = tuple[str, str, str, Schema, Schema]

_TEXT = """\
Serves one PaddlePaddle model. Every error is `{"error": "one sentence"}`. A path that is not listed answers
404, a method that is not listed 405 with the header `Allow`. Requests may carry `traceparent` or
`X-Request-Id`; then the answer carries `X-Request-Id`, and a 500 always does: its cause is in the server's
log alone. What schemas cannot say: an input has as many values as the product of its shape, all inputs of a
batch have as many rows, and whole numbers have no fraction: 2, not 2.0.
"""


def document(
    served: Served,
    timeout_seconds: float,
    proven: Shapes | None = None,
    protection: Protection = Protection(),  # noqa: B008 - it is frozen
) -> bytes:
    """The document.

    Args:
        served: the model.
        timeout_seconds: the server's deadline for a request.
        proven: shapes with which the model has run, by input, for the examples.
        protection: what the server asks of clients.
    """
    paths: Schema = {}
    for route in routes_of(served):
        path = route.path(served.name)
        operation = protection.operation(route, _operation(route, served, proven))
        paths.setdefault(path, {})[route.method.lower()] = operation
    found: Schema = {
        "openapi": "3.1.1",
        "info": {
            "title": f"{served.name}: a PaddlePaddle model",
            "version": version("paddlemodel-server"),
            "description": _TEXT,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "./", "description": "beside this document"}],
        "tags": [{"name": name} for name in ("inference", "model", "health", "documents")],
        "paths": paths,
        "components": {
            "schemas": schemas.components(served) | served.task.describe(served, proven).schemas,
            "responses": answers.components(
                max_request_bytes=served.max_request_bytes, timeout_seconds=timeout_seconds
            ),
        },
    }
    return orjson.dumps(protection.document(found))


def _operation(route: Route, served: Served, proven: Shapes | None) -> Schema:
    words = route.path("model").strip("/") or "home"
    identity = {"operationId": f"{route.method.lower()}_{re.sub(r'[/:.]', '_', words)}"}
    if route.kind is Kind.INFERENCE:
        return identity | {"tags": ["inference"], **calls.operation(route.label, served, proven)}
    tag, summary, answered, content, more = _plain()[route.label]
    good = answers.ok(answered, content)
    return identity | {
        "tags": [tag],
        "summary": summary,
        "responses": good | answers.errors(*answers.ANY) | more,
    }


def _plain() -> dict[str, _Plain]:
    """Of each route that runs no model: tag, summary, the good answer with its content, further answers."""
    return {
        "home": (
            "documents",
            "What model this is: a page for browsers, the same facts as JSON for everybody else",
            "The facts.",
            {**answers.json_of("About"), "text/html": {"schema": {"type": "string"}}},
            {},
        ),
        "openapi": (
            "documents",
            "This document",
            "An OpenAPI document.",
            {answers.JSON: {"schema": {"type": "object"}}},
            {},
        ),
        "health": ("health", "Is the server alive?", "Yes.", answers.json_of("Live"), {}),
        "readiness": (
            "health",
            "Would a request be answered?",
            "Yes.",
            answers.json_of("Ready"),
            answers.unready("Ready"),
        ),
        "server_metadata": (
            "model",
            "Name, version and protocol extensions of the server",
            "The server.",
            answers.json_of("Server"),
            {},
        ),
        "models": ("model", "The models: there is one", "Its name.", answers.json_of("Models"), {}),
        "model_metadata": (
            "model",
            "Inputs and outputs of the model",
            "The model.",
            answers.json_of("Model"),
            {},
        ),
        "model_readiness": (
            "health",
            "Is the model ready?",
            "Yes.",
            answers.json_of("ModelReady"),
            answers.unready("ModelReady"),
        ),
    }
