"""The NetworkPolicy as it is rendered: clients where the spec says, and readers of metrics."""

from typing import Any

from paddlemodel_operator.base import names
from paddlemodel_operator.render import render

from tests.operator.support import builders
from tests.operator.support.builders import SETTINGS, rendered
from tests.operator.support.expected import METADATA, SERVICE_SELECTOR

PEERS: list[dict[str, Any]] = [
    {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "frontend"}}, "podSelector": {}},
    {"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}},
    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
]
NETWORK = {"network": {"from": PEERS}}
INGRESS = {"host": "a.example.com"}


def named(namespace: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}


def test_the_policy() -> None:
    assert rendered(names.NETWORK_POLICY, access=NETWORK) == {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": METADATA,
        "spec": {
            "podSelector": {"matchLabels": SERVICE_SELECTOR},
            "policyTypes": ["Ingress"],
            "ingress": [
                {"from": PEERS, "ports": [{"protocol": "TCP", "port": 8080}]},
                {"from": [{"namespaceSelector": {}}], "ports": [{"protocol": "TCP", "port": 8081}]},
            ],
        },
    }


def test_nobody_gets_one_who_does_not_ask_for_it() -> None:
    assert rendered(names.NETWORK_POLICY) is None
    assert rendered(names.NETWORK_POLICY, access={"tls": {"secretName": "cert"}}) is None


def test_the_ingress_controller_is_let_in_to_models_with_an_ingress() -> None:
    settings = SETTINGS.model_copy(update={"ingress_namespaces": ("ingress-nginx", "traefik")})
    closed = rendered(names.NETWORK_POLICY, settings, access=NETWORK)
    assert closed["spec"]["ingress"][0]["from"] == PEERS
    reached = rendered(names.NETWORK_POLICY, settings, access=NETWORK, ingress=INGRESS)
    assert reached["spec"]["ingress"][0]["from"] == [*PEERS, named("ingress-nginx"), named("traefik")]
    settings = settings.model_copy(update={"gateway_api": True})
    gateway = {"parentRefs": [{"name": "public"}]}
    routed = rendered(names.NETWORK_POLICY, settings, access=NETWORK, gateway=gateway)
    assert routed == reached


def test_where_the_chart_says_who_reads_metrics_only_they_and_our_own_pods_do() -> None:
    settings = SETTINGS.model_copy(
        update={"metrics_namespaces": ("monitoring",), "namespace": "paddlemodel-system"}
    )
    ours = {
        "key": "app.kubernetes.io/name",
        "operator": "In",
        "values": ["paddlemodel-operator", "paddlemodel-metrics-adapter"],
    }
    found = rendered(names.NETWORK_POLICY, settings, access=NETWORK)
    assert found["spec"]["ingress"][1]["from"] == [
        named("paddlemodel-system") | {"podSelector": {"matchExpressions": [ours]}},
        named("monitoring"),
    ]
    outside = settings.model_copy(update={"namespace": ""})
    found = rendered(names.NETWORK_POLICY, outside, access=NETWORK)
    assert found["spec"]["ingress"][1]["from"] == [named("monitoring")]


def test_it_is_there_before_any_pod_and_changes_none() -> None:
    with_policy, without = (render(builders.model(access=access), SETTINGS) for access in (NETWORK, None))
    assert next(iter(with_policy)).kind == names.NETWORK_POLICY
    assert {key: child for key, child in with_policy.items() if key in without} == without
