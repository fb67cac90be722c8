"""What the OpenAPI document says of a server with `access`: keys and tokens, 401, 403, 429; pure."""

from dataclasses import dataclass
from typing import Any

from paddlemodel_server.describe.schemas import ref
from paddlemodel_server.errors import ForbiddenError, RateLimitedError, ServingError, UnauthorizedError
from paddlemodel_server.protocol import JSON, Kind, Route

Schema = dict[str, Any]

OPEN = (Kind.LIVE, Kind.READY)  # what everybody may ask, as `http.protected.connection` has it
_REFUSED, _LIMITED = f"Error{UnauthorizedError.status}", f"Error{RateLimitedError.status}"
_FORBIDDEN = f"Error{ForbiddenError.status}"
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
_TOKENS: Schema = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of the issuer, as `Authorization: Bearer TOKEN`.",
    }
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
    tokens: bool = False
    limits: bool = False

    @property
    def asks(self) -> bool:
        """Whether a client has to say who it is."""
        return self.keys or self.tokens

    def document(self, document: Schema) -> Schema:
        """A document whose operations are those of `operation`."""
        components, more = document["components"], Schema()
        responses = dict(components["responses"])
        if self.limits:
            responses[_LIMITED] = responses[_LIMITED] | {"headers": _LIMIT_HEADERS}
        if self.asks:
            responses[_REFUSED] = _refused()
            schemes = self._schemes()
            more = {"security": [{name: []} for name in schemes]}
            components = components | {"securitySchemes": schemes}
        if self.tokens:
            responses[_FORBIDDEN] = _error(ForbiddenError)
        return document | more | {"components": components | {"responses": responses}}

    def operation(self, route: Route, operation: Schema) -> Schema:
        """An operation, which needs a key or a token."""
        if not self.asks:
            return operation
        if route.kind in OPEN:
            return operation | {"security": []}
        answers = {str(UnauthorizedError.status): {"$ref": f"#/components/responses/{_REFUSED}"}}
        if self.tokens:
            answers[str(ForbiddenError.status)] = {"$ref": f"#/components/responses/{_FORBIDDEN}"}
        return operation | {"responses": operation["responses"] | answers}

    def _schemes(self) -> Schema:
        if not self.keys:
            return _TOKENS
        bearer = {"description": "A key, or a token of the issuer, as `Authorization: Bearer …`."}
        return _SCHEMES | ({"bearer": _SCHEMES["bearer"] | bearer} if self.tokens else {})


def _refused() -> Schema:
    return _error(UnauthorizedError) | {
        "headers": {"WWW-Authenticate": {"description": "what to send", "required": True, "schema": _TEXT}},
    }


def _error(kind: type[ServingError]) -> Schema:
    reason = kind.reason
    return {
        "description": f"{reason[0].upper()}{reason[1:]}.",
        "content": {JSON: {"schema": ref("Error")}},
    }
