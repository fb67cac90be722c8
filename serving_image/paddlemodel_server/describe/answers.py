"""The answers that routes share: every status with its sentence and headers; pure."""

from typing import Any

from paddlemodel_server.describe.schemas import ref

Schema = dict[str, Any]
JSON = "application/json"

_RETRY = {
    "Retry-After": {
        "description": "seconds to wait",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}
_ERRORS: dict[int, str] = {
    400: "Malformed or unfitting; the sentence names the field, what was expected and what was found.",
    406: "The header Accept wants only what this route cannot answer.",
    408: "The head or body did not arrive in time.",
    413: "The body is larger than {max_request_bytes} bytes, as it is sent or once it is decompressed.",
    415: "The body is of a kind, or compressed in a way, that is not taken here.",
    429: "The queue is full, or too many requests wait on this connection; come back later.",
    431: "The head of the request is too large.",
    500: "The model failed, or the server did; the cause is in its log.",
    503: "Still loading, shutting down, the process that held the request died, or too many connections.",
    504: "Not answered within {timeout_seconds:g} seconds, or within the client's own deadline.",
}
_RETRIED = {429, 503}
ANY = (400, 408, 429, 431, 500, 503)  # what every route can answer, some of it before it is known which
RUN = (400, 406, 408, 413, 415, 429, 431, 500, 503, 504)  # what a route that runs the model can answer


def name(status: int) -> str:
    """The key of an error among the components."""
    return f"Error{status}"


def components(**limits: float) -> Schema:
    """The shared error answers."""
    return {
        name(status): {
            "description": text.format(**limits),
            "content": {JSON: {"schema": ref("Error")}},
            **({"headers": _RETRY} if status in _RETRIED else {}),
        }
        for status, text in _ERRORS.items()
    }


def errors(*statuses: int) -> Schema:
    """References to the shared error answers."""
    return {str(status): {"$ref": f"#/components/responses/{name(status)}"} for status in statuses}


def unready(schema: str) -> Schema:
    """The 503 of a route that tells whether there is anything to answer with."""
    told = {"oneOf": [ref(schema), ref("Error")]}
    return {"503": {"description": f"Not ready. {_ERRORS[503]}", "content": {JSON: {"schema": told}}}}


def ok(description: str, content: Schema, headers: Schema | None = None) -> Schema:
    """The answer of status 200 of one operation, with its content and headers."""
    return {
        "200": {"description": description, "content": content, **({"headers": headers} if headers else {})}
    }


def json_of(schema: str) -> Schema:
    """Content that is JSON of a schema."""
    return {JSON: {"schema": ref(schema)}}
