"""What the OpenAPI document of a server says that asks for API keys: how they are sent, and the 401; pure."""

from typing import Any

from paddlemodel_server.describe.schemas import ref
from paddlemodel_server.errors import UnauthorizedError
from paddlemodel_server.protocol import JSON, Kind, Route

Schema = dict[str, Any]

OPEN = (Kind.LIVE, Kind.READY)  # what everybody may ask, as `http.protected.connection` has it
_STATUS = str(UnauthorizedError.status)
_SCHEMES: Schema = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The key, as `Authorization: Bearer KEY`."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The key."},
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "The key as the password, the client's name or nothing as the user; for browsers.",
    },
}


def required(document: Schema) -> Schema:
    """A document in which every operation needs a key, but for those that `guarded` leaves open."""
    reason = UnauthorizedError.reason
    challenge = {"description": "how to send a key", "required": True, "schema": {"type": "string"}}
    components = document["components"]
    answer = {
        "description": f"{reason[0].upper()}{reason[1:]}.",
        "headers": {"WWW-Authenticate": challenge},
        "content": {JSON: {"schema": ref("Error")}},
    }
    return document | {
        "security": [{name: []} for name in _SCHEMES],
        "components": components
        | {
            "responses": components["responses"] | {f"Error{_STATUS}": answer},
            "securitySchemes": _SCHEMES,
        },
    }


def guarded(route: Route, operation: Schema) -> Schema:
    """An operation of such a document."""
    if route.kind in OPEN:
        return operation | {"security": []}
    answer = {_STATUS: {"$ref": f"#/components/responses/Error{_STATUS}"}}
    return operation | {"responses": operation["responses"] | answer}
