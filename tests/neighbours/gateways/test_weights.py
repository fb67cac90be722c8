"""Traefik heeds weights, as docs/network.md says. The operator writes none: a test puts them in."""

import copy
from typing import Any

import pytest
from paddlemodel_operator.render.traffic import http_route, ingress

from tests.neighbours.gateways import routed
from tests.neighbours.gateways.routed import ANSWERED, INFER, ONES, PATH, Pods
from tests.neighbours.gateways.traefik import Traefik, endpoints, without_pods
from tests.operator.support.cluster import Cluster, eventually
from tests.serving_image.support.servers import Server, metric

Object = dict[str, Any]

OTHER = "mixed-canary"
REQUESTS = 100


def by_route(namespace: str, host: str) -> list[Object]:
    """One HTTPRoute, with two backends."""
    child = http_route.build(routed.model(namespace, gateway=routed.gateway(host)))
    assert child is not None
    (rule,) = child["spec"]["rules"]
    (backend,) = rule["backendRefs"]
    rule["backendRefs"] = [{**backend, "weight": 80}, {**backend, "name": OTHER, "weight": 20}]
    return [child]


def by_annotation(namespace: str, host: str) -> list[Object]:
    """Two Ingresses for one host and path; the second one has ingress-nginx's annotations for its share."""
    fields = {"host": host, "path": PATH, "className": "nginx"}
    first = ingress.build(routed.model(namespace, ingress=fields))
    assert first is not None
    second = copy.deepcopy(first)
    second["metadata"]["name"] = OTHER
    second["metadata"]["annotations"] |= {
        "nginx.ingress.kubernetes.io/canary": "true",
        "nginx.ingress.kubernetes.io/canary-weight": "20",
    }
    (path,) = second["spec"]["rules"][0]["http"]["paths"]
    path["backend"]["service"]["name"] = OTHER
    return [first, second]


@pytest.mark.parametrize("ways", [by_route, by_annotation])
def test_requests_are_shared_by_weights(
    cluster: Cluster, traefik: Traefik, namespace: str, pod: Pods, ways: Any
) -> None:
    """Eighty of a hundred go to the one Service, twenty to the other, and none is lost."""
    host = f"{namespace}.example.com"
    found = routed.model(namespace, gateway=routed.gateway(host))
    first = without_pods(routed.service(found))
    second = {**first, "metadata": {**first["metadata"], "name": OTHER}}
    with pod(found) as stable, pod(found) as canary:
        slices = (endpoints(namespace, "mixed", stable.port), endpoints(namespace, OTHER, canary.port))
        cluster.apply(first, second, *slices, *map(without_pods, ways(namespace, host)))

        def shared() -> bool:
            return traefik.ask(host, INFER, ONES)[0] == 200 and answered(canary) > 0

        eventually(shared, 120)
        before = answered(stable), answered(canary)
        answers = [traefik.ask(host, INFER, ONES)[0] for _ in range(REQUESTS)]
        after = answered(stable), answered(canary)
    assert answers == [200] * REQUESTS
    shares = [now - then for now, then in zip(after, before, strict=True)]
    assert sum(shares) == REQUESTS
    assert shares[1] == pytest.approx(20, abs=1)


def answered(server: Server) -> float:
    try:
        return metric(server, ANSWERED)
    except KeyError:
        return 0
