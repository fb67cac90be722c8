"""The tables of specs about `spec.access`: those that break one rule each, and those that are accepted."""

from typing import Any

from tests.operator.support.builders import spec
from tests.operator.support.source_specs import Refused


def _limited(**fields: Any) -> dict[str, Any]:
    return spec(access={"rateLimits": [{"per": "Address", "requests": 60, **fields}]})


def _proxied(per: str = "Address", **proxies: Any) -> dict[str, Any]:
    return spec(access={"rateLimits": [{"per": per, "requests": 60}], "trustedProxies": proxies})


def _pages(*origins: str, **fields: Any) -> dict[str, Any]:
    return spec(access={"cors": {"allowedOrigins": list(origins), **fields}})


def _from(*peers: dict[str, Any]) -> dict[str, Any]:
    return spec(access={"network": {"from": list(peers)}})


def _selecting(**expression: Any) -> dict[str, Any]:
    return _from({"podSelector": {"matchExpressions": [{"key": "app", **expression}]}})


def _tokens(uri: str = "https://a/keys", **fields: Any) -> dict[str, Any]:
    jwt = {"issuer": "https://a", "audiences": ["b"], "keys": {"uri": uri}}
    return spec(access={"jwt": {**jwt, **fields}})


def _shared(uri: object = "redis://valkey:6379", **fields: Any) -> dict[str, Any]:
    limits = [{"per": "Model", "requests": 60}]
    return spec(access={"rateLimits": limits, "sharedLimits": {"uri": uri, **fields}})


_STORE = "without a user or password: correct it, and put those into a Secret, which secretName names"

RULES = (
    Refused("a store of another kind", _shared("memcached://a:11211"), _STORE),
    Refused("a store with a password", _shared("redis://:p@a"), _STORE),
    Refused("a store with a user", _shared("rediss://u:p@a:6379/0"), _STORE),
    Refused("a store with a query", _shared("redis://a?db=1"), _STORE),
    Refused("a store of the machine", _shared("redis://169.254.169.254"), "link-local or metadata address"),
    Refused(
        "a store for nothing",
        spec(access={"tls": {"secretName": "a"}, "sharedLimits": {"uri": "redis://a"}}),
        "counts spec.access.rateLimits, and there are none: add some, or remove it",
    ),
    Refused("tokens' keys by http", _tokens("http://a/keys"), "keys that come by http could be anybody's"),
    Refused(
        "tokens' keys with a user", _tokens("https://u:p@a/keys"), "without a user; keys that come by http"
    ),
    Refused("keys of the machine", _tokens("https://169.254.169.254/keys"), "link-local or metadata address"),
    Refused("keys from nowhere", _tokens(keys={}), "keep one of uri, configMapName"),
    Refused(
        "keys from two places",
        _tokens(keys={"uri": "https://a/keys", "configMapName": "a"}),
        "keep one of uri, configMapName",
    ),
    Refused("a claim that is none", _tokens(clientClaim="a b"), "the name of a claim such as sub or email"),
    Refused("everybody by a star", _tokens(clients=["a", "*"]), "beginnings of names with a * behind them"),
    Refused("a star within", _tokens(clients=["a*b"]), "beginnings of names with a * behind them"),
    Refused("a place that is none", _from({}), "has entries with namespaceSelector, podSelector or both"),
    Refused(
        "a place told twice",
        _from({"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}),
        "with ipBlock alone: correct them",
    ),
    Refused("an address", _from({"ipBlock": {"cidr": "10.0.0.1"}}), "has a network such as 10.0.0.0/8"),
    Refused(
        "a hole outside",
        _from({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}),
        "and smaller ones within it",
    ),
    Refused(
        "a hole as large as all",
        _from({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}),
        "and smaller ones within it",
    ),
    Refused("a comparison with nothing", _selecting(operator="In"), "In and NotIn need values"),
    Refused("existence with values", _selecting(operator="Exists", values=["a"]), "DoesNotExist have none"),
    Refused("an origin with a path", _pages("https://a.example.com/"), "without a path or a / at the end"),
    Refused("an origin without a scheme", _pages("*", "a.example.com"), "are origins in lower case such as"),
    Refused("an origin of a pattern", _pages("https://*.example.com"), "are origins in lower case such as"),
    Refused("an origin with the usual port", _pages("https://a.example.com:443"), "would never match"),
    Refused("every origin and one", _pages("*", "https://a.example.com"), "keep * alone, or leave it out"),
    Refused("no header", _pages("*", allowedHeaders=["X-A", "X B"]), "are names of headers such as X-My-"),
    Refused("access that asks for nothing", spec(access={}), "tls, cors or network, or remove "),
    Refused("clients without keys", _limited(per="Client"), "set one, or limit per Address"),
    Refused("proxies for nothing", _proxied("Model", hops=1), "is for limits per Address: add one"),
    Refused("proxies that are no networks", _proxied(cidrs=["10.0.0.1"]), "are networks such as"),
    Refused("proxies out of range", _proxied(cidrs=["10.0.0.0/8", "10.0.0.0/33"]), "are networks such as"),
    Refused("proxies by number and network", _proxied(hops=1, cidrs=["fd00::/8"]), "exactly one member"),
    Refused("proxies by nothing", _proxied(), "keep one of hops, cidrs"),
)

TYPES = (
    Refused("a store at a number", _shared(1), "spec.access.sharedLimits.uri"),
    Refused("tokens for nobody", _tokens(audiences=[]), "spec.access.jwt.audiences"),
    Refused("tokens of nobody", _tokens(issuer=""), "spec.access.jwt.issuer"),
    Refused("tokens without keys", _tokens(keys=None), "spec.access.jwt.keys"),
    Refused("no clients", _tokens(clients=[]), "spec.access.jwt.clients"),
    Refused("from nowhere", _from(), "spec.access.network.from"),
    Refused("a comparison that is none", _selecting(operator="Equals"), "spec.access.network.from"),
    Refused("no origins", _pages(), "spec.access.cors.allowedOrigins"),
    Refused("pages remembered for days", _pages("*", maxAgeSeconds=86_401), "spec.access.cors.maxAge"),
    Refused("keys without a Secret", spec(access={"apiKeys": {}}), "spec.access.apiKeys.secretName"),
    Refused("no request at all", _limited(requests=0), "spec.access.rateLimits"),
    Refused("a limit for days", _limited(seconds=86_401), "spec.access.rateLimits"),
    Refused("a limit per user", _limited(per="User"), "spec.access.rateLimits"),
    Refused("no limits", spec(access={"rateLimits": []}), "spec.access.rateLimits"),
    Refused("eleven proxies", _proxied(hops=11), "spec.access.trustedProxies.hops"),
    Refused("no proxies", _proxied(cidrs=[]), "spec.access.trustedProxies.cidrs"),
)

UNKNOWN = (
    Refused("cookies", _pages("*", allowCredentials=True), "access.cors.allowCredentials"),
    Refused(
        "a key in the access",
        spec(access={"apiKeys": {"secretName": "s", "key": "k"}}),
        "access.apiKeys.key",
    ),
)

ACCEPTED: dict[str, dict[str, Any]] = {
    "limits with everything": spec(
        access={
            "apiKeys": {"secretName": "clients"},
            "rateLimits": [
                {"per": "Client", "requests": 600, "burst": 10},
                {"per": "Address", "requests": 1_000_000, "seconds": 86_400},
                {"per": "Model", "requests": 1},
            ],
            "trustedProxies": {"cidrs": ["10.0.0.0/8", "10.1.2.3/16", "fd00::/8"]},
        }
    ),
    "tokens and limits for their clients": spec(
        access={
            "jwt": {
                "issuer": "https://kubernetes.default.svc.cluster.local",
                "audiences": ["resnet50", "a b"],
                "keys": {"configMapName": "cluster-keys"},
                "clientClaim": "https://example.com/user_id",
                "clients": ["system:serviceaccount:frontend:web", "system:serviceaccount:batch:*"],
            },
            "rateLimits": [{"per": "Client", "requests": 600}],
        }
    ),
    "tokens": _tokens("https://[fd00::1]:8443/a/b.json?p=c"),
    "limits that pods share": _shared(),
    "limits that pods share by TLS": _shared("rediss://[fd00::1]:6380/15", secretName="limits"),
    "a certificate alone": spec(access={"tls": {"secretName": "tls"}}),
    "a limit alone": _limited(),
    "every page": _pages("*"),
    "places": _from(
        {"namespaceSelector": {}},
        {"namespaceSelector": {"matchLabels": {"a.b/c": "d"}}, "podSelector": {}},
        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.2.3.4/32"]}},
        {"ipBlock": {"cidr": "fd00::/8", "except": ["fd01::/16"]}},
    ),
    "places by requirement": _selecting(operator="NotIn", values=["a", "b"]),
    "some pages": _pages(
        "https://app.example.com",
        "http://localhost:3000",
        "http://[::1]:8080",
        "https://a.example.com:80",
        "capacitor://localhost",
        allowedHeaders=["X-Stainless-OS", "x_b"],
        maxAgeSeconds=0,
    ),
    "a proxy": _proxied(hops=1),
    "keys for clients": spec(access={"apiKeys": {"secretName": "clients"}}),
}
