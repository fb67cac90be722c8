"""Limits per address behind Traefik: what a client writes into X-Forwarded-For changes nothing."""

from typing import Any

import pytest
from paddlemodel_operator.render.traffic import http_route

from tests.neighbours.gateways import routed
from tests.neighbours.gateways.door import own_address, until_served
from tests.neighbours.gateways.routed import INFER, ONES, PATH, Pods
from tests.neighbours.gateways.traefik import Traefik
from tests.operator.support.cluster import Cluster

Object = dict[str, Any]

ALLOWED = 5
LIMIT = {"per": "Address", "requests": ALLOWED, "seconds": 86_400}
HEADS = (
    *("203.0.113.1", "203.0.113.2, 203.0.113.3", "10.0.0.1", "127.0.0.1", "::1", "[2001:db8::1]:443"),
    *("2001:db8::1", "::ffff:203.0.113.1", "203.0.113.1:80", "unknown", "_hidden", "for=203.0.113.1"),
    *("", ",", " , , ", "203.0.113.1,", "a" * 4000, ", ".join(["203.0.113.9"] * 200)),
    *("999.1.1.1", '"203.0.113.1"'),
)
"""Twenty, each from the same client."""
TRUSTED = {"by hops": {"hops": 1}, "by networks": {"cidrs": [f"{own_address()}/32"]}}


def statuses(traefik: Traefik, host: str, port: int, heads: tuple[str, ...], source: str) -> list[int]:
    return [
        traefik.ask(host, INFER, ONES, headers={"X-Forwarded-For": head}, port=port, source=source)[0]
        for head in heads
    ]


@pytest.mark.parametrize("trusted", TRUSTED.values(), ids=TRUSTED)
@pytest.mark.parametrize("section", ["web", "appending"])
def test_twenty_spoofed_heads_are_one_client(
    cluster: Cluster,
    traefik: Traefik,
    namespace: str,
    trusted: Object,
    section: str,
    pod: Pods,
) -> None:
    """Five pass and fifteen are refused; another client still has all of its share."""
    assert len(set(HEADS)) == 20
    host, port = f"{namespace}.example.com", getattr(traefik, section)
    access = {"rateLimits": [LIMIT], "trustedProxies": trusted}
    found = routed.model(namespace, gateway=routed.gateway(host, section), access=access)
    with pod(found) as server:
        routed.apply(cluster, found, http_route.build(found), server.port)
        # Health routes count for no limit.
        until_served(traefik, host, f"{PATH}/v2/health/ready", port)
        assert sorted(statuses(traefik, host, port, HEADS, "127.0.0.1")) == [200] * 5 + [429] * 15
        assert statuses(traefik, host, port, HEADS[:ALLOWED], "127.0.0.2") == [200] * ALLOWED
