"""How often one may ask (`rateLimits`), and who it is behind proxies (`trustedProxies`)."""

from ipaddress import ip_network
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from paddlemodel_api.base import Block, OneOf


class RateLimit(Block):
    """How many requests are taken, by a pod or all together; beyond it they get 429 with Retry-After."""

    per: Literal["Client", "Address", "Model"] = Field(
        description="Client: of each client, told by its key or token; Address: from each IP address, or "
        "IPv6 network of 64 bits; Model: of all together."
    )
    requests: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        description="Requests within the time, in each pod; with sharedLimits in all of them together."
    )
    seconds: Annotated[int, Field(ge=1, le=86_400)] = Field(default=60, description="The time.")
    burst: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="Requests that may come at once, after a pause; the rate of the others is requests in "
        "seconds. Default: all of requests.",
    )


def is_network(text: str) -> bool:
    """Whether a text is a network with its length, as CEL's isCIDR has it."""
    try:
        return bool(ip_network(text, strict=False)) and "/" in text
    except ValueError:
        return False


class TrustedProxies(OneOf):
    """Whose X-Forwarded-For says where a request comes from; exactly one of the following."""

    place: ClassVar = "spec.access.trustedProxies"
    hops: Annotated[int, Field(ge=1, le=10)] | None = Field(
        default=None,
        description="So many proxies stand in front of every pod, one behind the other, and nobody gets past "
        "them. 1 for an ingress controller alone. Default: none, cidrs are given.",
    )
    cidrs: (
        Annotated[tuple[Annotated[str, Field(max_length=43)], ...], Field(min_length=1, max_length=16)] | None
    ) = Field(
        default=None, description="Networks of the proxies, such as 10.0.0.0/8. Default: none, hops is given."
    )
