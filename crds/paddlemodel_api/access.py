"""Who may ask, and how often (`spec.access`)."""

from ipaddress import ip_network
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from paddlemodel_api.base import Block, Name, OneOf, Rule


class ApiKeys(Block):
    """The keys of clients, in a Secret of the model's namespace, which only the pods read."""

    secret_name: Name = Field(
        description="Secret with an entry for each key: its name is the client's, its value the key, of 16 "
        "to 512 visible ASCII characters. alice and alice.2 are two keys of one client, so that one can be "
        "replaced while the other is in use. A change is in force within two minutes, without a restart."
    )


class Tls(Block):
    """The certificate of the clients' port, in a Secret of the model's namespace, read by the pods alone."""

    secret_name: Name = Field(
        description="Secret of type kubernetes.io/tls: tls.crt and tls.key, as cert-manager writes it. A "
        "renewed one is in force within two minutes, without a restart, for new connections."
    )


class RateLimit(Block):
    """How many requests are taken; beyond it they get 429 with Retry-After. It is a pod's limit."""

    per: Literal["Client", "Address", "Model"] = Field(
        description="Client: of each client, told by its key; Address: from each IP address, or IPv6 network "
        "of 64 bits; Model: of all together."
    )
    requests: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        description="Requests within the time, in each pod."
    )
    seconds: Annotated[int, Field(ge=1, le=86_400)] = Field(default=60, description="The time.")
    burst: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="Requests that may come at once, after a pause; the rate of the others is requests in "
        "seconds. Default: all of requests.",
    )


def _is_network(text: str) -> bool:
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


def _limits(access: Any, per: str) -> bool:
    return any(limit.per == per for limit in access.rate_limits or ())


class Access(Block):
    """Who may ask, and how often; without it everybody who reaches the Service, as often as they like."""

    api_keys: ApiKeys | None = Field(
        default=None,
        description="Refuse every request that carries no valid key, as Authorization: Bearer KEY or as "
        "X-API-Key: KEY, with 401. Only /v2/health/live and /v2/health/ready answer without one, and the "
        "admin port, which the Service does not have. Default: nobody is asked.",
    )
    tls: Tls | None = Field(
        default=None,
        description="Speak only HTTPS on the clients' port. Health and metrics have the admin port, which "
        "stays as it is. An Ingress is told by annotations for nginx, HAProxy and Traefik. Default: HTTP.",
    )
    rate_limits: Annotated[tuple[RateLimit, ...], Field(min_length=1, max_length=8)] | None = Field(
        default=None,
        description="A request must be within all of them. They hold for each pod, whatever the number of "
        "its processes. Default: none.",
    )
    trusted_proxies: TrustedProxies | None = Field(
        default=None,
        description="Whose word limits per Address take for where a request comes from. Default: nobody's, "
        "the address of the connection counts.",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.apiKeys) || has(self.rateLimits) || has(self.tls)",
            holds=lambda access: (access.api_keys or access.rate_limits or access.tls) is not None,
            message="spec.access asks for nothing: set apiKeys, rateLimits or tls, or remove it",
        ),
        Rule(
            cel="has(self.apiKeys) || !has(self.rateLimits) || "
            "!self.rateLimits.exists(limit, limit.per == 'Client')",
            holds=lambda access: access.api_keys is not None or not _limits(access, "Client"),
            message="spec.access.rateLimits per Client needs spec.access.apiKeys, which tell clients apart: "
            "set it, or limit per Address",
            field="rate_limits",
        ),
        Rule(
            cel="!has(self.trustedProxies) || (has(self.rateLimits) && "
            "self.rateLimits.exists(limit, limit.per == 'Address'))",
            holds=lambda access: access.trusted_proxies is None or _limits(access, "Address"),
            message="spec.access.trustedProxies is for limits per Address: add one to "
            "spec.access.rateLimits, or remove it",
            field="trusted_proxies",
        ),
        Rule(
            cel="!has(self.trustedProxies) || !has(self.trustedProxies.cidrs) || "
            "self.trustedProxies.cidrs.all(network, isCIDR(network))",
            holds=lambda access: (
                access.trusted_proxies is None
                or all(_is_network(network) for network in access.trusted_proxies.cidrs or ())
            ),
            message="spec.access.trustedProxies.cidrs are networks such as 10.0.0.0/8 and fd00::/8: correct "
            "them",
            field="trusted_proxies",
        ),
    )
