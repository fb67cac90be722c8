"""Whether the model answers, in whatever version."""

from dataclasses import replace

import pytest
from paddlemodel_operator.rollout.situation import Plan
from paddlemodel_operator.status.judge import available

from tests.operator.support.builders import observed, workload


@pytest.mark.parametrize(
    ("stable", "canary", "weight", "status", "message"),
    [
        (0, None, 0, "False", "No pod of any version answers: the condition Ready says why."),
        (1, None, 0, "True", "1 pod answers."),
        (2, 3, 10, "True", "5 pods answer."),
        (0, 1, 10, "True", "1 pod answers."),
        (0, 1, 0, "False", "No pod of any version answers: the condition Ready says why."),
    ],
    ids=["none", "one", "both versions", "the canary alone", "a canary that gets no requests"],
)
def test_whether_anybody_answers(
    stable: int, canary: int | None, weight: int, status: str, message: str
) -> None:
    tried = None if canary is None else workload(ready=canary)
    seen = replace(observed(ready=stable), canary=tried, plan=Plan(weight=weight))
    found = available(seen)
    assert (found.status, found.message) == (status, message)
