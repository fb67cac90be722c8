"""Pods for a share, and the limits as numbers."""

from typing import Any

import pytest
from paddlemodel_operator.rollout.judgement import Limits
from paddlemodel_operator.rollout.sizes import canary_pods, limits

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
    assert canary_pods(stable, weight, tried(**rollout).spec.rollout) == pods


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
