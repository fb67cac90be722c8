"""What Progressing says of the pods that are replaced, and of those that are missed meanwhile."""

from typing import Any

import pytest
from paddlemodel_operator.status.judge import condition, judge

from tests.operator.support.builders import NOW, model, observed, ready_pod


def said(rollout: dict[str, Any], desired: int) -> str:
    """In the middle of a rolling update: one pod is new and ready."""
    seen = observed(ready_pod(), desired=desired, replicas=desired, updated=1)
    status = judge(model(replicas=desired, rollout=rollout), seen, before={}, now=NOW)
    return str(condition(status, "Progressing")["message"])


@pytest.mark.parametrize(("desired", "answer"), [(2, 1), (4, 3)])
def test_without_a_pod_to_spare_one_fewer_answers(desired: int, answer: int) -> None:
    assert said({"surge": 0}, desired) == (
        f"1 of {desired} pods are of the newest version and ready. By surge 0 a pod ends before its "
        f"successor starts: {answer} answer meanwhile."
    )


def test_with_one_to_spare_nothing_is_missed() -> None:
    assert said({}, 2) == "1 of 2 pods are of the newest version and ready."


def test_of_one_pod_none_answers() -> None:
    status = judge(model(rollout={"surge": 0}), observed(), before={}, now=NOW)
    assert condition(status, "Progressing")["message"].endswith("starts: 0 answer meanwhile.")
