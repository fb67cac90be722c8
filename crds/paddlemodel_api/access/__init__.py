"""Who may ask, and how often (`spec.access`); one file for each part."""

from typing import Annotated, Any, ClassVar, Final

from pydantic import Field

from paddlemodel_api.access.cors import Cors
from paddlemodel_api.access.limits import RateLimit, TrustedProxies, is_network
from paddlemodel_api.access.network import Network
from paddlemodel_api.access.secrets import ApiKeys, Tls
from paddlemodel_api.access.shared import SharedLimits
from paddlemodel_api.access.tokens import Jwt
from paddlemodel_api.base import Block, Rule

__all__ = [
    "Access",
    "ApiKeys",
    "Cors",
    "Jwt",
    "Network",
    "RateLimit",
    "SharedLimits",
    "Tls",
    "TrustedProxies",
]


_PARTS: Final = ("api_keys", "jwt", "rate_limits", "tls", "cors", "network")


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
    jwt: Jwt | None = Field(
        default=None,
        description="Refuse every request that carries no valid token of an issuer, as Authorization: Bearer "
        "TOKEN, with 401. Beside apiKeys a key is as good as a token. The same routes are open as there. "
        "Default: no token opens anything.",
    )
    tls: Tls | None = Field(
        default=None,
        description="Speak only HTTPS on the clients' port. Health and metrics have the admin port, which "
        "stays as it is. An Ingress is told by annotations for nginx, HAProxy and Traefik. Default: HTTP.",
    )
    rate_limits: Annotated[tuple[RateLimit, ...], Field(min_length=1, max_length=8)] | None = Field(
        default=None,
        description="A request must be within all of them. They hold for each pod, whatever the number of "
        "its processes; or, with sharedLimits, for all pods together. Default: none.",
    )
    shared_limits: SharedLimits | None = Field(
        default=None,
        description="Count rateLimits over all pods, by a Valkey or Redis. While that does not answer, each "
        "pod counts for itself. Default: each pod counts for itself.",
    )
    trusted_proxies: TrustedProxies | None = Field(
        default=None,
        description="Whose word limits per Address take for where a request comes from. Default: nobody's, "
        "the address of the connection counts.",
    )
    cors: Cors | None = Field(
        default=None,
        description="Let pages of other origins ask from a browser. It protects nothing: only browsers heed "
        "it. Default: only the model's own page, and others of its origin.",
    )
    network: Network | None = Field(
        default=None,
        description="A NetworkPolicy: from where in the network clients may connect. A cluster whose network "
        "plugin enforces no NetworkPolicies ignores it. Default: none, from everywhere.",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.apiKeys) || has(self.jwt) || has(self.rateLimits) || has(self.tls) || "
            "has(self.cors) || has(self.network)",
            holds=lambda access: any(getattr(access, part) is not None for part in _PARTS),
            message="spec.access says nothing: set apiKeys, jwt, rateLimits, tls, cors or network, or remove "
            "it",
        ),
        Rule(
            cel="has(self.apiKeys) || has(self.jwt) || !has(self.rateLimits) || "
            "!self.rateLimits.exists(limit, limit.per == 'Client')",
            holds=lambda access: bool(access.api_keys or access.jwt) or not _limits(access, "Client"),
            message="spec.access.rateLimits per Client needs spec.access.apiKeys or jwt, which tell clients "
            "apart: set one, or limit per Address",
            field="rate_limits",
        ),
        Rule(
            cel="!has(self.sharedLimits) || has(self.rateLimits)",
            holds=lambda access: access.shared_limits is None or access.rate_limits is not None,
            message="spec.access.sharedLimits counts spec.access.rateLimits, and there are none: add some, "
            "or remove it",
            field="shared_limits",
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
                or all(is_network(network) for network in access.trusted_proxies.cidrs or ())
            ),
            message="spec.access.trustedProxies.cidrs are networks such as 10.0.0.0/8 and fd00::/8: correct "
            "them",
            field="trusted_proxies",
        ),
    )
