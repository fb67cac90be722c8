"""What a canary does next, as tables: what there is, and what follows."""

from typing import Any

import pytest
from paddlemodel_operator.rollout.plan import DRAIN_SECONDS, plan
from paddlemodel_operator.rollout.situation import Failure, Plan, Situation

from tests.operator.support.rollout.canaries import (
    ERRORS,
    NEW,
    OLD,
    OTHER,
    TOO_FEW,
    aborted,
    seen,
    status,
    track,
)

STARTING = status(phase="Starting", weight=0)
LAST = status(step=2, weight=50)
PROMOTING = status(phase="Promoting", step=2, weight=50)
FINISHING = status(phase="Finishing", weight=0, stableRevision=NEW)
BROKEN = Failure(cause="VerificationFailed", message="It answers otherwise.")
LONG = DRAIN_SECONDS["Replicas"]
SHORT = LONG / 2


def short(found: Plan) -> tuple[bool, int | None, int, str | None, str | None]:
    """Whether the stable pods get the spec, the canary's pods, its weight, its phase, the reason of Ready."""
    phase = found.status.phase if found.status else None
    return found.promote, found.canary, found.weight, phase, found.told.reason if found.told else None


GOES: dict[str, tuple[Situation, tuple[bool, int | None, int, str | None, str | None]]] = {
    "the first version of all is just made": (seen(stable=None, canary=None), (True, None, 0, None, None)),
    "a version that is served and nothing else": (
        seen(wanted=OLD, canary=None, before=status(phase=None)),
        (True, None, 0, None, None),
    ),
    "a version that nobody has ever reached is replaced at once": (
        seen(stable=track(ready=0, answering=0), canary=None, before=status(stableRevision=None, phase=None)),
        (True, None, 0, None, None),
    ),
    "one that has served and does not now is not": (
        seen(stable=track(ready=0, answering=0), canary=None, before=status(phase=None)),
        (False, 1, 0, "Starting", "CanaryProgressing"),
    ),
    "a new version begins a canary, and the stable pods stay": (
        seen(canary=None, before=status(phase=None)),
        (False, 1, 0, "Starting", "CanaryProgressing"),
    ),
    "its pods are on their way": (
        seen(before=STARTING, canary=track(NEW, 1, ready=0)),
        (False, 1, 0, "Starting", "CanaryProgressing"),
    ),
    "its pods are there: the first step": (
        seen(before=STARTING),
        (False, 1, 10, "Stepping", "CanaryProgressing"),
    ),
    "a step lasts its minutes, however good it is": (
        seen(elapsed=299.0),
        (False, 1, 10, "Stepping", "CanaryProgressing"),
    ),
    "the next step needs more pods, and has the weight of the last one until they are there": (
        seen(),
        (False, 4, 10, "Starting", "CanaryProgressing"),
    ),
    "and begins with them": (
        seen(before=status(phase="Starting", step=2), canary=track(NEW, 4)),
        (False, 4, 50, "Stepping", "CanaryProgressing"),
    ),
    "after an operator's absence of a day it moves by one step": (
        seen(elapsed=86_400.0, canary=track(NEW, 4)),
        (False, 4, 50, "Stepping", "CanaryProgressing"),
    ),
    "and the step after it begins anew": (
        seen(elapsed=0.0, before=LAST, canary=track(NEW, 4)),
        (False, 4, 50, "Stepping", "CanaryProgressing"),
    ),
    "nothing measured yet, after the operator's restart": (
        seen(elapsed=86_400.0, verdict=None),
        (False, 1, 10, "Stepping", "CanaryProgressing"),
    ),
    "numbers that cannot be read": (
        seen(unmeasured="Pod a cannot be reached."),
        (False, 1, 10, "Stepping", "CanaryUnmeasured"),
    ),
    "a canary whose pods went away gets no requests": (
        seen(canary=track(NEW, 1, ready=0)),
        (False, 1, 0, "Stepping", "CanaryProgressing"),
    ),
    "too few requests in time": (seen(verdict=TOO_FEW), (False, 1, 10, "Stepping", "CanaryNoTraffic")),
    "too few requests, and that is to be no hindrance": (
        seen(verdict=TOO_FEW, rollout={"onNoTraffic": "Promote"}),
        (False, 4, 10, "Starting", "CanaryProgressing"),
    ),
    "too few requests, and that is to be the end": (
        seen(verdict=TOO_FEW, rollout={"onNoTraffic": "Abort"}),
        (False, 1, 0, "Aborting", "CanaryAborted"),
    ),
    "too few requests in a step without minutes are waited for": (
        seen(
            verdict=TOO_FEW,
            elapsed=5.0,
            rollout={"onNoTraffic": "Abort", "steps": [{"weight": 10, "minutes": 0}]},
        ),
        (False, 1, 10, "Stepping", "CanaryProgressing"),
    ),
    "more errors end it, also in the first seconds": (
        seen(verdict=ERRORS, elapsed=1.0),
        (False, 1, 0, "Aborting", "CanaryAborted"),
    ),
    "a pod that answers otherwise than recorded": (
        seen(before=STARTING, canary=track(NEW, 1, ready=0, failure=BROKEN)),
        (False, 1, 0, "Aborting", "CanaryAborted"),
    ),
    "it drains before its pods end": (
        seen(before=aborted(phase="Aborting"), elapsed=SHORT),
        (False, 1, 0, "Aborting", "CanaryAborted"),
    ),
    "its pods end": (
        seen(before=aborted(phase="Aborting"), elapsed=LONG),
        (False, 0, 0, "Aborted", "CanaryAborted"),
    ),
    "the same spec once more": (
        seen(before=aborted(), canary=track(NEW, 0)),
        (False, 0, 0, "Aborted", "CanaryAborted"),
    ),
    "the same spec once more, its Deployment deleted by somebody": (
        seen(before=aborted(), canary=None),
        (False, None, 0, "Aborted", "CanaryAborted"),
    ),
    "an aborted one whose status was lost": (
        seen(before=status(phase=None, stableRevision=None, canaryRevision=None), canary=track(NEW, 0)),
        (False, 0, 0, "Aborted", "CanaryAborted"),
    ),
    "another spec after an aborted one": (
        seen(before=aborted(), wanted=OTHER, canary=track(NEW, 0)),
        (False, 1, 0, "Starting", "CanaryProgressing"),
    ),
    "another spec while a canary runs": (seen(wanted=OTHER), (False, 1, 0, "Starting", "CanaryProgressing")),
    "the old spec while a canary runs": (seen(wanted=OLD), (True, 1, 0, "Finishing", None)),
    "the old spec, and the canary has drained": (
        seen(wanted=OLD, before=FINISHING, elapsed=LONG),
        (True, None, 0, None, None),
    ),
    "the old spec after an abort": (
        seen(wanted=OLD, before=aborted(), canary=track(NEW, 0)),
        (True, None, 0, None, None),
    ),
    "the last step is passed: promotion, and the canary serves on": (
        seen(before=LAST, elapsed=600.0, canary=track(NEW, 4)),
        (True, 4, 50, "Promoting", "CanaryPromoting"),
    ),
    "a promotion under way": (
        seen(stable=track(NEW, ready=1, complete=False), before=PROMOTING, canary=track(NEW, 4)),
        (True, 4, 50, "Promoting", "CanaryPromoting"),
    ),
    "a promotion that a killed operator had begun without a word of it": (
        seen(stable=track(NEW, ready=1, complete=False), before=LAST, canary=track(NEW, 4)),
        (True, 4, 50, "Promoting", "CanaryPromoting"),
    ),
    "all stable pods are new: the canary gets no more requests": (
        seen(stable=track(NEW), before=PROMOTING, canary=track(NEW, 4)),
        (True, 4, 0, "Finishing", None),
    ),
    "it drains": (
        seen(stable=track(NEW), before=FINISHING, canary=track(NEW, 4), elapsed=SHORT),
        (True, 4, 0, "Finishing", None),
    ),
    "it goes": (
        seen(stable=track(NEW), before=FINISHING, canary=track(NEW, 4), elapsed=LONG),
        (True, None, 0, None, None),
    ),
    "the old spec while the promotion runs": (
        seen(wanted=OLD, stable=track(NEW, ready=1, complete=False), before=PROMOTING, canary=track(NEW, 4)),
        (True, 4, 0, "Finishing", None),
    ),
    "a person who has to approve": (
        seen(before=LAST, elapsed=600.0, canary=track(NEW, 4), rollout={"approval": "Manual"}),
        (False, 4, 50, "AwaitingApproval", "AwaitingApproval"),
    ),
    "one who has not approved yet": (
        seen(
            before=status(phase="AwaitingApproval", step=2, weight=50),
            canary=track(NEW, 4),
            rollout={"approval": "Manual"},
        ),
        (False, 4, 50, "AwaitingApproval", "AwaitingApproval"),
    ),
    "errors while one has not": (
        seen(
            before=status(phase="AwaitingApproval", step=2, weight=50),
            canary=track(NEW, 4),
            verdict=ERRORS,
            rollout={"approval": "Manual"},
        ),
        (False, 4, 0, "Aborting", "CanaryAborted"),
    ),
    "one who promotes": (seen(f"promote@{NEW}"), (True, 1, 10, "Promoting", "CanaryPromoting")),
    "one who promotes another revision": (
        seen(f"promote@{OTHER}", elapsed=0.0),
        (False, 1, 10, "Stepping", "CanaryProgressing"),
    ),
    "one who promotes what was aborted": (
        seen(f"promote@{NEW}", before=aborted(), canary=track(NEW, 0)),
        (True, None, 0, None, None),
    ),
    "one who had promoted it once, and then the spec went back": (
        seen(f"promote@{NEW}", canary=None, before=status(phase=None, command=f"promote@{NEW}")),
        (False, 1, 0, "Starting", "CanaryProgressing"),
    ),
    "one who aborts": (seen(f"abort@{NEW}"), (False, 1, 0, "Aborting", "CanaryAborted")),
    "one who pauses": (seen(f"pause@{NEW}"), (False, 1, 10, "Paused", "CanaryPaused")),
    "one who paused and goes on": (
        seen(before=status(phase="Paused")),
        (False, 1, 10, "Stepping", "CanaryProgressing"),
    ),
    "errors of a paused one": (
        seen(f"pause@{NEW}", before=status(phase="Paused"), verdict=ERRORS),
        (False, 1, 0, "Aborting", "CanaryAborted"),
    ),
    "one who tries again": (
        seen(f"retry@{NEW}", before=aborted(), canary=track(NEW, 0)),
        (False, 1, 0, "Starting", "CanaryProgressing"),
    ),
    "one who has tried again, and it failed again": (
        seen(f"retry@{NEW}", before=aborted(command=f"retry@{NEW}"), canary=track(NEW, 0)),
        (False, 0, 0, "Aborted", "CanaryAborted"),
    ),
    "a model that is scaled to 0 in the middle": (
        seen(stable=track(pods=0), rollout={"replicas": 0}),
        (False, 0, 0, "Starting", None),
    ),
    "and comes back": (
        seen(stable=track(ready=0, answering=0), canary=track(NEW, 0), before=STARTING),
        (False, 1, 0, "Starting", "CanaryProgressing"),
    ),
    "a stable version that has grown": (
        seen(before=LAST, stable=track(pods=8), canary=track(NEW, 4), elapsed=1.0),
        (False, 8, 50, "Stepping", "CanaryProgressing"),
    ),
    "steps that have become fewer": (
        seen(before=LAST, elapsed=1.0, rollout={"steps": [{"weight": 50, "minutes": 1}]}),
        (False, 4, 50, "Stepping", "CanaryProgressing"),
    ),
}


@pytest.mark.parametrize(("situation", "follows"), GOES.values(), ids=GOES)
def test_what_follows(situation: Situation, follows: Any) -> None:
    assert short(plan(situation)) == follows


def test_another_strategy_leaves_nothing_of_a_canary() -> None:
    situation = seen(rollout={"strategy": "RollingUpdate", "steps": None})
    assert plan(situation) == Plan()


def test_the_old_revision_stays_in_the_status_until_the_promotion_is_done() -> None:
    found = plan(seen(before=LAST, elapsed=600.0, canary=track(NEW, 4))).status
    assert found is not None
    assert (found.stable_revision, found.canary_revision) == (OLD, NEW)
    later = plan(seen(stable=track(NEW, ready=1, complete=False), before=found, canary=track(NEW, 4))).status
    assert later is not None
    assert (later.stable_revision, later.canary_revision) == (OLD, NEW)
    done = plan(seen(stable=track(NEW), before=FINISHING, elapsed=LONG)).status
    assert done is not None
    assert (done.stable_revision, done.canary_revision, done.phase) == (NEW, None, None)


def test_a_canary_of_another_revision_keeps_its_pods_while_it_leaves() -> None:
    assert plan(seen(wanted=OLD)).leaves
    assert not plan(seen()).leaves


def test_an_abort_says_why_and_what_to_do() -> None:
    found = plan(seen(verdict=ERRORS))
    assert found.told is not None
    assert found.told.message == (
        f"The canary {NEW} was aborted (Errors). 5 % of 400 requests failed. Correct the spec, or go back to "
        "the previous one; to try the same again: kubectl annotate pdm resnet50 --namespace ml --overwrite "
        f"paddlemodel.dev/rollout=retry@{NEW}. The previous version still serves (4 ready)."
    )
    assert found.status is not None
    assert found.status.aborted is not None
    assert (found.status.aborted.revision, found.status.aborted.reason) == (NEW, "Errors")


@pytest.mark.parametrize(
    ("ready", "share"), [(1, 20), (4, 50)], ids=["one pod beside four", "four beside four"]
)
def test_the_share_is_that_of_the_pods(ready: int, share: int) -> None:
    found = plan(seen(elapsed=1.0, canary=track(NEW, ready))).status
    assert found is not None
    assert found.share == share
