"""Which pages of other origins a browser lets ask, and the headers that tell it so; pure.

https://fetch.spec.whatwg.org/#http-cors-protocol. Access-Control-Allow-Credentials is never sent: a key is a
header that a page has to know, and no cookie that comes by itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Lines = tuple[tuple[str, str], ...]

ANY: Final = "*"
MOST: Final = 32  # origins, and headers
MOST_SECONDS: Final = 86_400
METHODS: Final = "GET, POST"  # HEAD is always allowed
READ: Final = (
    "Authorization",
    "X-API-Key",
    "Content-Type",
    "Content-Encoding",
    "Inference-Header-Content-Length",
    "X-Tensor-Shape",
    "X-Request-Timeout",
    "X-Request-Id",
    "Traceparent",
    "Tracestate",
)
"""Headers that the server reads, but for those that browsers always allow."""
EXPOSED: Final = (
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
    "WWW-Authenticate",
    "Allow",
    "Inference-Header-Content-Length",
    "X-Tensor-Name",
    "X-Tensor-Datatype",
    "X-Tensor-Shape",
    "X-Request-Id",
)
"""Headers of answers that a page may read, beside those that browsers always show."""
FORM: Final = (
    'a JSON object such as {"allowedOrigins":["https://app.example.com"],"allowedHeaders":["X-Mine"],'
    f'"maxAgeSeconds":600}}, with at most {MOST} of each'
)
_VARY: Final = ("Vary", "Origin")
_EXPOSE: Final = ("Access-Control-Expose-Headers", ", ".join(EXPOSED))


@dataclass(frozen=True, kw_only=True)
class Cors:
    """Who may ask; `origins` is empty where everybody may."""

    origins: frozenset[str]
    headers: tuple[str, ...] = ()  # beside READ
    max_age_seconds: int = 600

    def lines(self, origin: str | None) -> Lines:
        """What an answer says to a request of that origin; None where it named none.

        Where several origins are allowed, answers differ by origin, and caches between are told so by each
        of them: also by one for a request without an origin.
        """
        if not self.origins:
            return () if origin is None else (("Access-Control-Allow-Origin", ANY), _EXPOSE)
        if origin not in self.origins or origin is None:
            return (_VARY,)
        return _VARY, ("Access-Control-Allow-Origin", origin), _EXPOSE

    def preflight(self, headers: Mapping[str, str]) -> Lines | None:
        """What a browser reads that asks whether a page may ask, beside `lines`; None for any other OPTIONS.

        Args:
            headers: of the request, by lower-case name.
        """
        origin = headers.get("origin")
        asks = origin is not None and "access-control-request-method" in headers
        if not asks or (self.origins and origin not in self.origins):
            return None
        return (
            ("Access-Control-Allow-Methods", METHODS),
            ("Access-Control-Allow-Headers", ", ".join((*READ, *self.headers))),
            ("Access-Control-Max-Age", str(self.max_age_seconds)),
        )


def read(text: str) -> Cors:
    """Read what `PADDLEMODEL_CORS` says; raises ValueError for anything but FORM."""
    found: Any = json.loads(text)
    if not isinstance(found, dict) or found.keys() - {"allowedOrigins", "allowedHeaders", "maxAgeSeconds"}:
        raise ValueError(text)
    origins, headers = _names(found.get("allowedOrigins")), _names(found.get("allowedHeaders", []))
    seconds = found.get("maxAgeSeconds", 600)
    alone = ANY not in origins or len(origins) == 1
    if not origins or not alone or type(seconds) is not int or not 0 <= seconds <= MOST_SECONDS:
        raise ValueError(text)
    return Cors(origins=frozenset(origins) - {ANY}, headers=headers, max_age_seconds=seconds)


def _names(found: Any) -> tuple[str, ...]:
    """Texts that can stand in a header."""
    if not isinstance(found, list) or len(found) > MOST:
        raise ValueError(found)
    if not all(isinstance(name, str) and name.isascii() and name.isprintable() and name for name in found):
        raise ValueError(found)
    return tuple(found)
