"""A model is reached through a Gateway: Traefik follows the HTTPRoute that the operator makes."""

from collections.abc import Iterator

import pytest
from paddlemodel_operator.render.traffic import Backend, http_route

from tests import cleartext
from tests.neighbours.gateways import routed
from tests.neighbours.gateways.routed import INFER, ONES, PATH, Pods
from tests.neighbours.gateways.traefik import Traefik, endpoints, until_served, without_pods
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.manifests import manifest
from tests.operator.support.process import Operator
from tests.repository.helm import charts
from tests.serving_image.support.servers import metric

HOST = "a.example.com"
REQUESTS = 100


@pytest.fixture(scope="module")
def routing(cluster: Cluster, operator: Operator) -> Iterator[Operator]:
    """The operator with the chart's value, under the rights that it brings."""
    cluster.apply(charts.one(charts.render("gatewayAPI.enabled=true"), "ClusterRole"))
    operator.start(gateway_api="true")
    yield operator
    operator.stop()


def said(cluster: Cluster, namespace: str) -> tuple[str, str, str]:
    found = cluster.conditions(namespace, "mixed").get("RouteAccepted", {})
    return str(found.get("status")), str(found.get("reason")), str(found.get("message"))


@pytest.mark.usefixtures("routing")
def test_a_model_answers_through_its_route(
    cluster: Cluster, traefik: Traefik, namespace: str, pod: Pods
) -> None:
    spec = {"gateway": routed.gateway(HOST)}
    cluster.apply(manifest(namespace, "mixed", **spec))
    eventually(lambda: said(cluster, namespace)[:2] == ("True", "Accepted"))
    assert said(cluster, namespace)[2] == (
        f"The model is reached by Gateway infra/public, listener web at {HOST}{PATH}."
    )
    with pod(routed.model(namespace, **spec)) as server:
        cluster.apply(endpoints(namespace, "mixed", server.port))
        until_served(traefik, HOST, f"{PATH}/v2/health/ready")
        eventually(lambda: traefik.ask(HOST, INFER, ONES)[0] == 200)
        direct = cleartext.post(f"{server.url}/v2/models/mixed/infer", content=ONES)
        assert traefik.ask(HOST, INFER, ONES) == (200, direct.content)
        assert traefik.ask(HOST, "/v2/models/mixed", None)[0] == 404  # not below the path
        assert traefik.ask("b.example.com", INFER, ONES)[0] == 404
    other = {
        **spec["gateway"],
        "parentRefs": [{"name": "public", "namespace": "infra", "sectionName": "none"}],
    }
    cluster.apply(manifest(namespace, "mixed", gateway=other))
    eventually(lambda: said(cluster, namespace)[:2] == ("False", "NoMatchingParent"))
    assert "Gateway infra/public, listener none does not take the HTTPRoute" in said(cluster, namespace)[2]


def test_requests_are_shared_by_weights(
    cluster: Cluster, traefik: Traefik, namespace: str, pod: Pods
) -> None:
    """Eighty of a hundred go to the one Service, twenty to the other, and none is lost."""
    found = routed.model(namespace, gateway=routed.gateway("shared.example.com"))
    route = http_route.build(found, [Backend("mixed", 80), Backend("mixed-canary", 20)])
    assert route is not None
    first = without_pods(routed.service(found))
    second = {**first, "metadata": {**first["metadata"], "name": "mixed-canary"}}
    with (
        pod(found) as stable,
        pod(found) as canary,
    ):
        slices = (
            endpoints(namespace, "mixed", stable.port),
            endpoints(namespace, "mixed-canary", canary.port),
        )
        cluster.apply(first, second, *slices, without_pods(route))
        until_served(traefik, "shared.example.com", f"{PATH}/v2/health/ready")
        answers = [traefik.ask("shared.example.com", INFER, ONES)[0] for _ in range(REQUESTS)]
        assert answers == [200] * REQUESTS
        series = routed.ANSWERED
        shares = [metric(server, series) for server in (stable, canary)]
    assert sum(shares) == REQUESTS
    assert shares[1] == pytest.approx(20, abs=1)
