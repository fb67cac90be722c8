"""Which pages of other origins a browser lets ask (`cors`): https://fetch.spec.whatwg.org/#http-cors-protocol."""

import re
from typing import Annotated, ClassVar, Final

from pydantic import Field

from paddlemodel_api.base import Block, Rule

ANY: Final = "*"
_ORIGIN: Final = r"[a-z][a-z0-9+.-]*://(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
_DEFAULT_PORT: Final = r"https://.*:443|http://.*:80"
_HEADER: Final = r"[A-Za-z0-9][A-Za-z0-9_-]*"


class Cors(Block):
    """Which pages may ask from a browser, and read the answer. Never with cookies: a key is a header."""

    allowed_origins: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=253)], ...], Field(min_length=1, max_length=32)
    ] = Field(
        description="Origins of the pages, as browsers send them: scheme and host, and the port where it is "
        "not the scheme's, such as https://app.example.com or http://localhost:3000. Or * alone: pages of "
        "every origin, which still need a key where apiKeys asks for one."
    )
    allowed_headers: (
        Annotated[
            tuple[Annotated[str, Field(min_length=1, max_length=64)], ...],
            Field(min_length=1, max_length=32),
        ]
        | None
    ) = Field(
        default=None,
        description="Headers that such pages may send beside those that the server reads, such as those of a "
        "client library. Default: none.",
    )
    max_age_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(
        default=600,
        description="For how long a browser may remember that a page may ask, instead of asking ahead of "
        "each request. Browsers have limits of their own, some of two hours.",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"self.allowedOrigins.all(origin, origin == '{ANY}' || origin.matches(r'^(?:{_ORIGIN})$'))",
            holds=lambda cors: all(
                origin == ANY or re.fullmatch(_ORIGIN, origin) for origin in cors.allowed_origins
            ),
            message="spec.access.cors.allowedOrigins are origins in lower case such as "
            "https://app.example.com, without a path or a / at the end: correct them",
            field="allowed_origins",
        ),
        Rule(
            cel=f"!self.allowedOrigins.exists(origin, origin.matches(r'^(?:{_DEFAULT_PORT})$'))",
            holds=lambda cors: (
                not any(re.fullmatch(_DEFAULT_PORT, origin) for origin in cors.allowed_origins)
            ),
            message="spec.access.cors.allowedOrigins has a port that browsers leave out, 443 of https or 80 "
            "of http, and would never match: remove it",
            field="allowed_origins",
        ),
        Rule(
            cel=f"!('{ANY}' in self.allowedOrigins) || self.allowedOrigins.size() == 1",
            holds=lambda cors: ANY not in cors.allowed_origins or len(cors.allowed_origins) == 1,
            message="spec.access.cors.allowedOrigins has * beside others: keep * alone, or leave it out",
            field="allowed_origins",
        ),
        Rule(
            cel=f"!has(self.allowedHeaders) || self.allowedHeaders.all(name, name.matches(r'^{_HEADER}$'))",
            holds=lambda cors: all(re.fullmatch(_HEADER, name) for name in cors.allowed_headers or ()),
            message="spec.access.cors.allowedHeaders are names of headers such as X-My-Header: correct them",
            field="allowed_headers",
        ),
    )
