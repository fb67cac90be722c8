"""The answers that routes share: every status with its sentence and headers; pure."""

from typing import Any, Final

from paddlemodel_server.describe.schemas import ref
from paddlemodel_server.errors import ServingError

Schema = dict[str, Any]
JSON = "application/json"


def _kinds(of: type[ServingError]) -> tuple[type[ServingError], ...]:
    return tuple(one for kind in of.__subclasses__() for one in (kind, *_kinds(kind)))


REFUSALS: Final = _kinds(ServingError)
"""All kinds, as they stand in `errors`."""
STATUSES: Final = tuple(dict.fromkeys(kind.status for kind in REFUSALS))

ASKING_FOR_KEYS = (401, 403)  # what only a server can answer that asks for keys or tokens
ANY = (400, 408, 429, 431, 500, 501, 503)  # what every route can answer, some of it before it is known which
RUN = tuple(
    s for s in STATUSES if s not in {404, 405, *ASKING_FOR_KEYS}
)  # a route that runs the model exists


def reasons(status: int, body_limit: str = "the limit", deadline: str = "the deadline") -> str:
    """When a status is answered, for a document; the limits in words."""
    found = [kind.reason for kind in REFUSALS if kind.status == status]
    return "; ".join(found).format(body_limit=body_limit, deadline=deadline)


def waits(status: int) -> tuple[int, ...]:
    """The seconds that Retry-After may say with a status; none where there is no such header."""
    return tuple(sorted({kind.retry_after or 0 for kind in REFUSALS if kind.status == status} - {0}))


def name(status: int) -> str:
    """The key of an error among the components."""
    return f"Error{status}"


def components(*, max_request_bytes: int, timeout_seconds: float) -> Schema:
    """The shared error answers."""
    return {
        name(status): {
            "description": _sentence(
                reasons(status, f"{max_request_bytes} bytes", f"{timeout_seconds:g} seconds")
            ),
            "content": {JSON: {"schema": ref("Error")}},
            **_headers(status),
        }
        for status in STATUSES
        if status not in ASKING_FOR_KEYS
    }


def _sentence(reason: str) -> str:
    return f"{reason[0].upper()}{reason[1:]}."


def _headers(status: int) -> Schema:
    if not (seconds := waits(status)):
        return {}
    wait = {
        "description": "seconds to wait",
        "required": True,
        "schema": {"type": "integer", "enum": list(seconds)},
    }
    return {"headers": {"Retry-After": wait}}


def errors(*statuses: int) -> Schema:
    """References to the shared error answers."""
    return {str(status): {"$ref": f"#/components/responses/{name(status)}"} for status in statuses}


def unready(schema: str) -> Schema:
    """The 503 of a route that tells whether there is anything to answer with."""
    either = {"oneOf": [ref(schema), ref("Error")]}
    return {"503": {"description": f"Not ready: {reasons(503)}.", "content": {JSON: {"schema": either}}}}


def ok(description: str, content: Schema, headers: Schema | None = None) -> Schema:
    """The answer of status 200 of one operation, with its content and headers."""
    return {
        "200": {"description": description, "content": content, **({"headers": headers} if headers else {})}
    }


def json_of(schema: str) -> Schema:
    """Content that is JSON of a schema."""
    return {JSON: {"schema": ref(schema)}}
