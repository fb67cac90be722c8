"""The condition ModelVerified, and that a pod that disagrees alone takes no model away."""

from dataclasses import replace
from typing import Any

import pytest
from paddlemodel_api.rollout.progress import Aborted, Cause, Phase, RolloutStatus
from paddlemodel_operator.observe.children import Container, Pod
from paddlemodel_operator.rollout.situation import Plan
from paddlemodel_operator.status.judge import READY, VERIFIED, condition, judge
from paddlemodel_operator.status.verification import verified

from tests.operator.support.builders import NOW, model, observed, ready_pod, words

SPEC = {"verification": {"recording": {"fromModel": "verify.jsonl.gz"}}}
SAID = "3 of 8 recorded requests are answered differently."


def refuses(reason: str = "VerificationFailed", **fields: Any) -> Pod:
    server = Container(exit_code=1, restarts=2, exit_message=words(reason=reason, message=SAID))
    return Pod(**{"name": "pod-b", "node": "n2", "scheduled": True, "server": server, **fields})


LOADING = Pod(name="pod-c", scheduled=True, server=Container(running=True))

SITUATIONS: dict[str, tuple[tuple[Pod, ...], str, str, str]] = {
    "no pod yet": ((), "Unknown", "Pending", "No pod has come to"),
    "a pod that loads": ((LOADING,), "Unknown", "Pending", "No pod has come to"),
    "a pod is ready": ((ready_pod("pod-a"),), "True", "Verified", "Every ready pod has answered"),
    "a pod refuses": ((refuses(),), "False", "VerificationFailed", SAID),
    "no recording": ((refuses("RecordingMissing"),), "False", "RecordingMissing", SAID),
    "a damaged recording": ((refuses("RecordingInvalid"),), "False", "RecordingInvalid", SAID),
    "too slow": ((refuses("VerificationTooSlow"),), "False", "VerificationTooSlow", SAID),
    "another fault": ((refuses("OutOfMemory"),), "Unknown", "Pending", "No pod has come to"),
    "one of three": (
        (ready_pod("pod-a"), refuses(), ready_pod("pod-d")),
        "False",
        "PodDisagrees",
        (
            "Pod pod-b on node n2 does not get traffic, while 2 of its version do: look at that node. "
            f"VerificationFailed: {SAID}"
        ),
    ),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_condition(situation: str) -> None:
    pods, status, reason, message = SITUATIONS[situation]
    found = verified(model(**SPEC), observed(*pods), {})
    assert found is not None
    assert (found.status, found.reason) == (status, reason)
    assert message in found.message


WORST = {"request": 3, "run": "alone", "output": "y", "index": "[0][5]", "expected": "0.91", "actual": "nan"}
NUMBERS: dict[str, Any] = {"requests": 8, "agreed": 5, "worst": WORST}


def disagrees(found: object) -> Pod:
    said = words(reason="VerificationFailed", message=SAID, verification=found)
    return refuses(server=Container(exit_code=1, restarts=2, exit_message=said))


def test_how_far_off_a_pod_is_stands_in_the_status() -> None:
    pods = (ready_pod("pod-a"), disagrees(NUMBERS))
    status = judge(model(**SPEC), observed(*pods), before={}, now=NOW)
    assert status["verification"] == {**NUMBERS, "pod": "pod-b", "node": "n2"}
    agree = judge(model(**SPEC), observed(ready_pod("pod-a")), before=status, now=NOW)
    assert "verification" not in agree


@pytest.mark.parametrize("found", [None, 3, [], {}, {"requests": "many", "agreed": 1}, {**NUMBERS, "new": 1}])
def test_numbers_of_another_version_s_server_are_left_out(found: object) -> None:
    status = judge(model(**SPEC), observed(disagrees(found)), before={}, now=NOW)
    assert "verification" not in status
    assert condition(status, VERIFIED)["reason"] == "VerificationFailed"


def test_without_verification_there_is_no_condition() -> None:
    assert verified(model(), observed(ready_pod("pod-a")), {}) is None
    status = judge(model(), observed(ready_pod("pod-a")), before={}, now=NOW)
    assert not condition(status, VERIFIED)


def test_a_pod_that_disagrees_alone_makes_no_model_unready() -> None:
    status = judge(model(**SPEC), observed(ready_pod("pod-a"), refuses()), before={}, now=NOW)
    assert condition(status, READY)["status"] == "True"
    assert condition(status, VERIFIED)["reason"] == "PodDisagrees"


def test_the_previous_version_serves_while_the_new_one_is_refused() -> None:
    status = judge(model(**SPEC), observed(refuses(), ready=2), before={}, now=NOW)
    ready = condition(status, READY)
    assert (ready["status"], ready["reason"]) == ("False", "VerificationFailed")
    assert ready["message"] == f"{SAID} The previous version still serves (2 ready)."


@pytest.mark.parametrize(
    ("phase", "reason", "stays"),
    [
        ("GivenUp", "VerificationFailed", True),
        ("GivenUp", "Crashing", False),
        ("Aborted", "VerificationFailed", False),
    ],
)
def test_what_was_said_of_a_version_that_was_given_up_stays(
    phase: Phase, reason: Cause, *, stays: bool
) -> None:
    """Its pods are gone, and those that are left agree with their own recording."""
    before = judge(model(**SPEC), observed(disagrees(NUMBERS)), before={}, now=NOW)
    record = Aborted(revision="bbbbbbbbbb", reason=reason, message=SAID, at=NOW)
    rollout = RolloutStatus(phase=phase, aborted=record)
    seen = replace(observed(ready_pod("pod-a")), plan=Plan(status=rollout))
    status = judge(model(**SPEC), seen, before=before, now=NOW)
    assert (condition(status, VERIFIED)["reason"] == "VerificationFailed") is stays
    assert (status.get("verification") == before["verification"]) is stays


def test_a_pod_of_the_version_that_serves_is_told_of_first() -> None:
    before = judge(model(**SPEC), observed(disagrees(NUMBERS)), before={}, now=NOW)
    record = Aborted(revision="bbbbbbbbbb", reason="VerificationFailed", message=SAID, at=NOW)
    plan = Plan(status=RolloutStatus(phase="GivenUp", aborted=record))
    seen = replace(observed(ready_pod("pod-a"), refuses()), plan=plan)
    assert condition(judge(model(**SPEC), seen, before=before, now=NOW), VERIFIED)["reason"] == "PodDisagrees"
