"""What the OpenAPI document says of a server with `access`: how keys are sent, 401, the limits' 429; pure."""

from dataclasses import dataclass
from typing import Any

from paddlemodel_server.describe.schemas import ref
from paddlemodel_server.errors import RateLimitedError, UnauthorizedError
from paddlemodel_server.protocol import JSON, Kind, Route

Schema = dict[str, Any]

OPEN = (Kind.LIVE, Kind.READY)  # what everybody may ask, as `http.protected.connection` has it
_REFUSED, _LIMITED = f"Error{UnauthorizedError.status}", f"Error{RateLimitedError.status}"
_TEXT: Schema = {"type": "string"}
_SCHEMES: Schema = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The key, as `Authorization: Bearer KEY`."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The key."},
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "The key as the password, the client's name or nothing as the user; for browsers.",
    },
}
_LIMIT_HEADERS: Schema = {
    "Retry-After": {
        "description": "seconds to wait",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "RateLimit": {"description": "the limit that is used up, and until when", "schema": _TEXT},
    "RateLimit-Policy": {"description": "how large that limit is", "schema": _TEXT},
}


@dataclass(frozen=True)
class Protection:
    """What the server asks of clients."""

    keys: bool = False
    limits: bool = False

    def document(self, document: Schema) -> Schema:
        """A document whose operations are those of `operation`."""
        components, more = document["components"], Schema()
        responses = dict(components["responses"])
        if self.limits:
            responses[_LIMITED] = responses[_LIMITED] | {"headers": _LIMIT_HEADERS}
        if self.keys:
            responses[_REFUSED] = _refused()
            more = {"security": [{name: []} for name in _SCHEMES]}
            components = components | {"securitySchemes": _SCHEMES}
        return document | more | {"components": components | {"responses": responses}}

    def operation(self, route: Route, operation: Schema) -> Schema:
        """An operation, which needs a key."""
        if not self.keys:
            return operation
        if route.kind in OPEN:
            return operation | {"security": []}
        answer = {str(UnauthorizedError.status): {"$ref": f"#/components/responses/{_REFUSED}"}}
        return operation | {"responses": operation["responses"] | answer}


def _refused() -> Schema:
    reason = UnauthorizedError.reason
    return {
        "description": f"{reason[0].upper()}{reason[1:]}.",
        "headers": {
            "WWW-Authenticate": {"description": "how to send a key", "required": True, "schema": _TEXT}
        },
        "content": {JSON: {"schema": ref("Error")}},
    }
