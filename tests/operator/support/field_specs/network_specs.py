"""Specs that break a rule about how a model is reached, and some that break none."""

from typing import Any

from tests.operator.support.builders import spec
from tests.operator.support.source_specs import Refused

PARENTS = [{"name": "public"}]


def _ingress(**fields: Any) -> dict[str, Any]:
    return spec(ingress={"host": "a.example.com", **fields})


def _gateway(**fields: Any) -> dict[str, Any]:
    return spec(gateway={"parentRefs": PARENTS, **fields})


RULES = (
    Refused("an address as host", _ingress(host="https://a.example.com"), "must be a DNS name"),
    Refused("a host in capitals", _ingress(host="A.example.com"), "must be a DNS name"),
    Refused("a path with spaces", _ingress(path="/a b"), "must start with /"),
    Refused(
        "an address among the names of a gateway",
        _gateway(hostnames=["a.example.com", "a.example.com:80"]),
        "spec.gateway.hostnames must be DNS names",
    ),
    Refused("a path of a gateway without a slash", _gateway(path="a"), "spec.gateway.path must start with /"),
    *(
        Refused(f"{path} as the path of {block}", made(path=path), f"spec.{block}.path has one of //, /./")
        for path in ("//", "/a//b", "/a/./b", "/a/../b", "/..", "/a/.", "/a%2Fb", "/a%2fb")
        for block, made in (("ingress", _ingress), ("gateway", _gateway))
    ),
    Refused(
        "two paths from outside",
        spec(gateway={"parentRefs": PARENTS, "path": "/a"}, ingress={"host": "a.example.com"}),
        "spec.gateway.path and spec.ingress.path must be equal",
    ),
)
TYPES = (Refused("a gateway without a Gateway", spec(gateway={"parentRefs": []}), "spec.gateway.parentRefs"),)
ACCEPTED = {
    "a wildcard host": _ingress(host="*.example.com"),
    "the smallest gateway": _gateway(),
    "a path of odd names": _gateway(path="/.a/b..c/.../%C3%A9/~d/"),
    "a gateway with everything": spec(
        gateway={
            "parentRefs": [{"name": "public", "namespace": "infra", "sectionName": "https"}, *PARENTS],
            "hostnames": ["a.example.com", "*.example.com"],
            "path": "/a",
        },
        ingress={"host": "a.example.com", "path": "/a"},
    ),
    "a gateway beside an Ingress, both at the root": spec(
        gateway={"parentRefs": PARENTS, "path": "/"}, ingress={"host": "a.example.com"}
    ),
}
