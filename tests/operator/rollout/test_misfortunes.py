"""What a canary does when something beside it goes wrong: no room, no status, a leftover pod."""

import pytest
from paddlemodel_operator.rollout.judgement import Kind, Verdict
from paddlemodel_operator.rollout.plan import plan
from paddlemodel_operator.rollout.situation import Failure, Situation
from paddlemodel_operator.rollout.sizes import PODS_SECONDS
from paddlemodel_operator.rollout.steps import is_measured

from tests.operator.support.rollout.canaries import ERRORS, NEW, OLD, aborted, seen, status, track

SECOND = status(phase="Starting", step=2)
FULL = Failure(cause="NoCapacity", message="NoGPU: No node has 1 free nvidia.com/gpu.")
DOUBTFUL = Verdict(Kind.DOUBTFUL, "5 % of 400 requests to the canary failed, 0 % of 200 to the stable one.")


def late(**fields: Failure) -> Situation:
    """One pod of four is there, for the second step, and the time for them is over."""
    return seen(before=SECOND, canary=track(NEW, 4, ready=1, **fields), elapsed=PODS_SECONDS)


@pytest.mark.parametrize(
    ("situation", "cause"),
    [(late(hindrance=FULL), "NoCapacity"), (late(), "Deadline")],
    ids=["no room for them", "nobody knows why"],
)
def test_pods_of_a_later_step_that_do_not_come_end_it_as_well(situation: Situation, cause: str) -> None:
    """A Deployment that was complete once waits for further pods without a deadline of its own."""
    record = plan(situation).status
    assert record is not None
    assert record.aborted is not None
    assert record.aborted.reason == cause
    assert record.aborted.message


def test_a_model_that_was_at_0_for_long_begins_with_all_its_time() -> None:
    asleep = plan(seen(stable=track(pods=0), before=SECOND, rollout={"replicas": 0})).status
    assert asleep is not None
    assert asleep.since is None


def test_a_step_begins_when_no_pod_of_an_earlier_canary_is_left() -> None:
    """They would be behind the Service, too."""
    begins = status(phase="Starting", weight=0)
    found = plan(seen(before=begins, canary=track(NEW, 1, complete=False)))
    assert found.weight == 0
    assert found.status is not None
    assert found.status.phase == "Starting"


@pytest.mark.parametrize("ready", [0, 4])
def test_no_version_gets_by_while_the_stable_one_is_down_and_the_status_lost(ready: int) -> None:
    """As after a restore: a canary is the proof that another version had served."""
    lost = status(phase=None, stableRevision=None, canaryRevision=None)
    found = plan(seen(stable=track(ready=ready, answering=ready), canary=track(NEW, 0), before=lost))
    assert not found.promote
    assert found.status is not None
    assert found.status.phase == "Aborted"


@pytest.mark.parametrize(
    ("policy", "phase", "reason"),
    [
        ("Wait", "Stepping", "CanaryNoTraffic"),
        ("Promote", "Stepping", "CanaryNoTraffic"),
        ("Abort", "Aborting", "CanaryAborted"),
    ],
)
def test_what_certainly_fails_is_not_promoted_for_want_of_traffic(
    policy: str, phase: str, reason: str
) -> None:
    found = plan(seen(verdict=DOUBTFUL, rollout={"onNoTraffic": policy}))
    assert found.status is not None
    assert found.told is not None
    assert (found.status.phase, found.status.step, found.told.reason) == (phase, 1, reason)


@pytest.mark.parametrize(
    ("phase", "weight", "measured"),
    [
        ("Starting", 0, False),
        ("Starting", 10, True),
        ("Stepping", 0, True),
        ("Paused", 0, True),
        ("AwaitingApproval", 0, True),
        ("Promoting", 50, False),
        ("Aborted", 0, False),
    ],
)
def test_a_shadow_is_measured_also_while_a_person_holds_it(phase: str, weight: int, measured: bool) -> None:
    assert is_measured(status(phase=phase, weight=weight)) is measured


NO_STABLE_PODS = track(NEW, ready=0, answering=0, complete=False)


@pytest.mark.parametrize(
    "situation",
    [
        seen(stable=None),
        seen(stable=NO_STABLE_PODS, before=status(phase="Promoting", weight=100)),
    ],
    ids=["deleted", "its pods come"],
)
def test_a_canary_serves_while_there_is_no_stable_pod_because_somebody_has_deleted_them(
    situation: Situation,
) -> None:
    found = plan(situation)
    assert (found.promote, found.canary, found.weight) == (True, 1, 100)
    assert found.status is not None
    assert (found.status.phase, found.status.stable_revision) == ("Promoting", OLD)
    assert found.told is not None
    assert found.told.reason == "CanaryPromoting"


def test_an_aborted_canary_has_no_pods_that_could_serve_then() -> None:
    found = plan(seen(stable=None, before=aborted(), canary=track(NEW, 0)))
    assert (found.promote, found.canary, found.told) == (True, None, None)


@pytest.mark.parametrize(
    ("answering", "sentence"),
    [(3, "The previous version still serves (3 ready)."), (0, "No pod of the previous version answers.")],
)
def test_whether_the_previous_version_serves(answering: int, sentence: str) -> None:
    found = plan(seen(verdict=ERRORS, stable=track(ready=answering, answering=answering))).told
    assert found is not None
    assert found.message.endswith(sentence)
