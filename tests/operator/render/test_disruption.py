"""The disruption budget as it is rendered, and when there is one; how much time a pod gets to end."""

from typing import Any

import pytest
from paddlemodel_operator.base import names

from tests.operator.support.builders import rendered
from tests.operator.support.expected import METADATA, SERVICE_SELECTOR


def budget(**fields: Any) -> Any:
    return rendered(names.DISRUPTION_BUDGET, **fields)


def test_the_budget() -> None:
    assert budget(replicas=2) == {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": METADATA,
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": SERVICE_SELECTOR},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


@pytest.mark.parametrize(
    ("manifest", "there"),
    [
        pytest.param({}, False, id="one pod, as by default"),
        pytest.param({"replicas": 0}, False, id="none"),
        pytest.param({"replicas": 1}, False, id="one"),
        pytest.param({"replicas": 2}, True, id="two"),
        pytest.param({"autoscaling": {"maxReplicas": 1}}, False, id="autoscaled but never more than one"),
        pytest.param({"autoscaling": {"maxReplicas": 2}}, True, id="one or two"),
        pytest.param({"autoscaling": {"minReplicas": 3, "maxReplicas": 5}}, True, id="three to five"),
    ],
)
def test_there_is_one_where_there_may_be_two_pods(manifest: dict[str, Any], there: bool) -> None:
    assert (budget(**manifest) is not None) == there
