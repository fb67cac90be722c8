"""HTTPRoutes on a real API server, with the Gateway API's own definition; a test plays the controller."""

from collections.abc import Iterator
from typing import Any

import pytest
from paddlemodel_operator.base import names

from devcluster.neighbours.host import manifests
from tests.operator.support.cluster import Cluster, eventually
from tests.operator.support.manifests import manifest, settled
from tests.operator.support.process import USER, Operator
from tests.operator.support.rollout.kubelet import Kubelet
from tests.operator.support.rollout.rollouts import (
    CANARY,
    LONG,
    NEW,
    OLD,
    annotate,
    deployment,
    good,
    is_ended,
    is_served,
    of,
    rollout,
    selects,
)
from tests.repository.helm import charts

pytestmark = pytest.mark.control_plane

Object = dict[str, Any]

NAME = "resnet50"
DEFINITION = "httproutes.gateway.networking.k8s.io"
GATEWAY: Object = {
    "parentRefs": [{"name": "public", "namespace": "infra", "sectionName": "web"}],
    "hostnames": ["a.example.com"],
    "path": "/m",
}


def definitions() -> list[Object]:
    return manifests("gateway-api", "sigs.k8s.io/gateway-api", "config/crd/standard/*_httproutes.yaml")


@pytest.fixture(scope="module")
def routing(cluster: Cluster, operator: Operator) -> Iterator[Operator]:
    """The operator with the chart's value, under the rights that it brings; as before afterwards."""
    operator.stop()
    cluster.apply(charts.one(charts.render("gatewayAPI.enabled=true"), "ClusterRole"))
    operator.start(gateway_api="true")
    yield operator
    operator.stop()
    cluster.apply(charts.one(charts.render(), "ClusterRole"))
    operator.start()


@pytest.fixture
def without_definition(cluster: Cluster) -> None:
    cluster.kubectl("delete", "crd", DEFINITION, "--ignore-not-found", "--timeout=180s")


@pytest.fixture
def definition(cluster: Cluster) -> Iterator[None]:
    cluster.apply(*definitions())
    eventually(lambda: cluster.http.get(names.HTTP_ROUTE.collection()).is_success)
    yield
    cluster.kubectl("delete", "crd", DEFINITION, "--ignore-not-found", "--timeout=180s")


def accepted(cluster: Cluster, namespace: str) -> tuple[str, str]:
    found = cluster.conditions(namespace, NAME).get("RouteAccepted", {})
    return str(found.get("status")), str(found.get("reason"))


def say(cluster: Cluster, namespace: str, status: str, reason: str) -> None:
    """As the controller of the Gateway does."""
    live = cluster.need(names.HTTP_ROUTE, namespace, NAME)
    condition = {
        "type": "Accepted",
        "status": status,
        "reason": reason,
        "message": "So the controller says.",
        "observedGeneration": live["metadata"]["generation"],
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    parent = {
        "parentRef": live["spec"]["parentRefs"][0],
        "controllerName": "example.com/gateways",
        "conditions": [condition],
    }
    path = f"{names.HTTP_ROUTE.item(namespace, NAME)}/status"
    cluster.patch(path, {"status": {"parents": [parent]}})


@pytest.mark.usefixtures("routing", "without_definition")
def test_without_the_definition_the_model_is_made_and_says_what_is_missing(
    cluster: Cluster, namespace: str
) -> None:
    cluster.apply(manifest(namespace, gateway=GATEWAY))
    eventually(lambda: accepted(cluster, namespace) == ("False", "GatewayAPIMissing"))
    eventually(lambda: cluster.get(names.DEPLOYMENT, namespace, NAME))
    assert cluster.ready_reason(namespace, NAME) == "Progressing"


@pytest.mark.usefixtures("routing", "definition")
def test_the_route_follows_the_spec_and_its_status_is_told(cluster: Cluster, namespace: str) -> None:
    cluster.apply(manifest(namespace, gateway=GATEWAY))
    eventually(lambda: accepted(cluster, namespace) == ("Unknown", "Pending"))
    say(cluster, namespace, "False", "NoMatchingParent")
    eventually(lambda: accepted(cluster, namespace) == ("False", "NoMatchingParent"))
    said = cluster.conditions(namespace, NAME)["RouteAccepted"]["message"]
    assert "Gateway infra/public, listener web does not take the HTTPRoute" in said
    assert "So the controller says" in said
    say(cluster, namespace, "True", "Accepted")
    eventually(lambda: accepted(cluster, namespace) == ("True", "Accepted"))
    parents = [{"name": "public", "namespace": "infra"}]  # the listener is taken out
    cluster.apply(manifest(namespace, gateway={**GATEWAY, "parentRefs": parents}))

    def at_all_listeners() -> bool:
        (parent,) = cluster.need(names.HTTP_ROUTE, namespace, NAME)["spec"]["parentRefs"]
        return bool("sectionName" not in parent)

    eventually(at_all_listeners)
    cluster.apply(manifest(namespace))
    eventually(lambda: cluster.get(names.HTTP_ROUTE, namespace, NAME) is None)
    eventually(lambda: "RouteAccepted" not in cluster.conditions(namespace, NAME))


@pytest.mark.usefixtures("definition")
def test_an_unchanged_route_costs_no_write_and_an_edited_one_is_put_right(
    cluster: Cluster, routing: Operator, namespace: str
) -> None:
    cluster.apply(manifest(namespace, gateway=GATEWAY))
    eventually(lambda: cluster.get(names.HTTP_ROUTE, namespace, NAME))
    settled(cluster, routing, namespace)
    mark = cluster.mark()
    routing.stop()
    routing.start(gateway_api="true")
    assert cluster.writes(USER, namespace, mark) == []
    item = names.HTTP_ROUTE.item(namespace, NAME)
    cluster.patch(item, {"spec": {"hostnames": ["evil.example.com"]}})

    def put_right() -> bool:
        live = cluster.need(names.HTTP_ROUTE, namespace, NAME)
        return bool(live["spec"]["hostnames"] == GATEWAY["hostnames"])

    eventually(put_right)
    cluster.kubectl("delete", "httproute", NAME, "-n", namespace)
    eventually(lambda: cluster.get(names.HTTP_ROUTE, namespace, NAME))


def shares(cluster: Cluster, namespace: str) -> dict[str, int]:
    """What the route gives to which Service."""
    (rule,) = cluster.need(names.HTTP_ROUTE, namespace, NAME)["spec"]["rules"]
    return {one["name"]: one["weight"] for one in rule["backendRefs"]}


@pytest.mark.usefixtures("routing", "definition")
def test_a_canary_gets_its_share_by_the_route_until_it_is_ended(cluster: Cluster, namespace: str) -> None:
    """One pod beside two gets a twentieth, and who asks the Service gets the version that serves."""
    few: Object = {**LONG, "steps": [{"weight": 5, "minutes": 60}]}
    with Kubelet.of(cluster, namespace, good):
        cluster.apply(of(namespace, rollout=few, gateway=GATEWAY))
        eventually(lambda: is_served(cluster, namespace, OLD))
        eventually(lambda: shares(cluster, namespace) == {NAME: 1})
        cluster.apply(of(namespace, NEW, few, gateway=GATEWAY))
        eventually(lambda: rollout(cluster, namespace).get("phase") == "Stepping")
        eventually(lambda: shares(cluster, namespace) == {NAME: 95, CANARY: 5})
        assert deployment(cluster, namespace, CANARY)["spec"]["replicas"] == 1
        assert selects(cluster, namespace) == "stable"
        assert rollout(cluster, namespace)["share"] == 5
        annotate(cluster, namespace, "abort")
        eventually(lambda: shares(cluster, namespace) == {NAME: 1})
        eventually(lambda: is_ended(cluster, namespace))


@pytest.mark.usefixtures("routing", "definition")
def test_a_definition_that_comes_later_is_noticed(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("delete", "crd", DEFINITION, "--timeout=180s")
    cluster.apply(manifest(namespace, gateway=GATEWAY))
    eventually(lambda: accepted(cluster, namespace) == ("False", "GatewayAPIMissing"))
    cluster.apply(*definitions())
    eventually(lambda: cluster.get(names.HTTP_ROUTE, namespace, NAME))
    eventually(lambda: accepted(cluster, namespace) == ("Unknown", "Pending"))
