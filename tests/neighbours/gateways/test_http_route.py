"""A model is reached through a Gateway: Traefik and Contour follow the HTTPRoute that the operator makes."""

from collections.abc import Iterator

import pytest

from tests import cleartext
from tests.neighbours.gateways import routed
from tests.neighbours.gateways.door import Door, endpoints, until_served
from tests.neighbours.gateways.routed import INFER, ONES, PATH, Pods
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.manifests import manifest
from tests.operator.support.process import Operator
from tests.repository.helm import charts

HOST = "a.example.com"


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
def test_a_model_answers_through_its_route(cluster: Cluster, door: Door, namespace: str, pod: Pods) -> None:
    spec = {"gateway": routed.gateway(HOST)}
    cluster.apply(manifest(namespace, "mixed", **spec))
    eventually(lambda: said(cluster, namespace)[:2] == ("True", "Accepted"))
    assert said(cluster, namespace)[2] == (
        f"The model is reached by Gateway infra/public, listener web at {HOST}{PATH}."
    )
    with pod(routed.model(namespace, **spec)) as server:
        cluster.apply(endpoints(namespace, "mixed", server.port))
        until_served(door, HOST, f"{PATH}/v2/health/ready")
        eventually(lambda: door.ask(HOST, INFER, ONES)[0] == 200)
        direct = cleartext.post(f"{server.url}/v2/models/mixed/infer", content=ONES)
        assert door.ask(HOST, INFER, ONES) == (200, direct.content)
        assert door.ask(HOST, "/v2/models/mixed", None)[0] == 404  # not below the path
        assert door.ask("b.example.com", INFER, ONES)[0] == 404
    other = {
        **spec["gateway"],
        "parentRefs": [{"name": "public", "namespace": "infra", "sectionName": "none"}],
    }
    cluster.apply(manifest(namespace, "mixed", gateway=other))
    eventually(lambda: said(cluster, namespace)[:2] == ("False", "NoMatchingParent"))
    assert "Gateway infra/public, listener none does not take the HTTPRoute" in said(cluster, namespace)[2]
