"""Pods for a share, and the limits as numbers."""

from typing import Any

import pytest
from paddlemodel_operator.rollout.judgement import Limits
from paddlemodel_operator.rollout.sizes import canary_pods, divider, limits

from tests.operator.support.builders import model
from tests.operator.support.rollout.canaries import tried


@pytest.mark.parametrize(
    ("stable", "weight", "mirrored", "pods"),
    [
        pytest.param(1, 1, 0, 1, id="at least one"),
        pytest.param(2, 50, 0, 2, id="half of the requests: as many"),
        pytest.param(10, 50, 0, 10, id="half of ten"),
        pytest.param(10, 10, 0, 2, id="a tenth beside ten is more than one pod"),
        pytest.param(9, 10, 0, 1, id="a tenth beside nine is one pod"),
        pytest.param(4, 20, 0, 1, id="a fifth beside four"),
        pytest.param(3, 99, 0, 3, id="never more than the stable version has"),
        pytest.param(10, 0, 5, 1, id="a shadow"),
        pytest.param(10, 0, 50, 5, id="a shadow of half of the requests"),
        pytest.param(10, 10, 100, 10, id="mirrored requests are a load as well"),
        pytest.param(0, 10, 0, 1, id="beside none"),
    ],
)
def test_pods_for_a_share(stable: int, weight: int, mirrored: int, pods: int) -> None:
    rollout: dict[str, Any] = {"mirror": {"percent": mirrored}} if mirrored else {}
    assert canary_pods(stable, weight, tried(**rollout).spec) == pods


GATEWAY: dict[str, Any] = {"gateway": {"parentRefs": [{"name": "public"}]}}
INGRESS: dict[str, Any] = {"ingress": {"host": "a.example.com", "className": "nginx"}}


@pytest.mark.parametrize(
    ("stable", "weight", "pods"),
    [
        pytest.param(4, 5, 1, id="a twentieth is one pod beside four, not nineteen"),
        pytest.param(10, 50, 10, id="half of the requests: as many, or the latencies would not compare"),
        pytest.param(10, 99, 10, id="as many as before the canary, however much it gets"),
    ],
)
def test_where_a_gateway_divides_pods_have_no_more_load_than_the_stable_ones(
    stable: int, weight: int, pods: int
) -> None:
    assert canary_pods(stable, weight, model(rollout={"strategy": "Canary"}, **GATEWAY).spec) == pods


@pytest.mark.parametrize(
    ("ways", "pods"),
    [
        pytest.param(GATEWAY, 9, id="a Gateway: for nine tenths nine pods beside the one that is left"),
        pytest.param({}, 1, id="the Service: the pods are the share"),
    ],
)
def test_an_autoscaler_that_has_shrunk_the_stable_version_leaves_the_canary_its_pods(
    ways: dict[str, Any], pods: int
) -> None:
    scaling = {"minReplicas": 1, "maxReplicas": 12}
    spec = model(rollout={"strategy": "Canary"}, autoscaling=scaling, **ways).spec
    assert canary_pods(1, 90, spec) == pods
    assert canary_pods(10, 90, spec) == (12 if ways else 10)


@pytest.mark.parametrize(
    ("ways", "traffic", "found"),
    [
        pytest.param({}, None, "Replicas", id="no way from outside"),
        pytest.param(GATEWAY, None, "Gateway", id="a Gateway"),
        pytest.param(GATEWAY | INGRESS, "Auto", "Gateway", id="a Gateway and an Ingress"),
        pytest.param(INGRESS, "Auto", "Replicas", id="an Ingress, whoever stands behind its class"),
        pytest.param(INGRESS, "IngressNginx", "IngressNginx", id="an Ingress by the user's word"),
        pytest.param(GATEWAY, "Replicas", "Replicas", id="a Gateway that is not to divide"),
    ],
)
def test_what_divides_the_requests(ways: dict[str, Any], traffic: str | None, found: str) -> None:
    rollout = {"strategy": "Canary", **({"traffic": traffic} if traffic else {})}
    assert divider(model(rollout=rollout, **ways).spec) == found


def test_limits_are_numbers() -> None:
    assert limits(tried().spec.rollout, 10) == Limits(
        error_percent=1.0, p95_ratio=1.5, disagreement_percent=None, min_requests=200, shadow=False
    )
    given = {
        "errorPercentAbove": "0.5",
        "p95RatioAbove": "2",
        "disagreementPercentAbove": "3",
        "minRequests": 10,
    }
    assert limits(tried(mirror={}, abortOn=given).spec.rollout, 0) == Limits(
        error_percent=0.5, p95_ratio=2.0, disagreement_percent=3.0, min_requests=10, shadow=True
    )
