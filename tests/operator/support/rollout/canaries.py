"""Small worlds for the tests of rollouts: a test states only what differs from a canary at its first step."""

from typing import Any

from paddlemodel_api.rollout.progress import Aborted, RolloutStatus
from paddlemodel_operator.base.command import Command
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.rollout.judgement import Kind, Verdict
from paddlemodel_operator.rollout.situation import Situation, Track

from tests.operator.support.builders import LATER, NOW, model

OLD, NEW, OTHER = "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"
STEPS = [{"weight": 10, "minutes": 5}, {"weight": 50, "minutes": 10}]
PASS = Verdict(Kind.PASS, "Nothing is worse.")
TOO_FEW = Verdict(Kind.TOO_FEW, "There are 3 of 200 requests.")
ERRORS = Verdict(Kind.ERRORS, "5 % of 400 requests failed.")


def tried(command: str = "", replicas: int = 4, **rollout: Any) -> PaddleModel:
    """A model with a canary's strategy; `command` is the annotation."""
    found = model(replicas=replicas, rollout={"strategy": "Canary", "steps": STEPS, **rollout})
    said = Command(*command.split("@")) if command else None
    return PaddleModel(
        name=found.name,
        namespace=found.namespace,
        uid=found.uid,
        generation=found.generation,
        spec=found.spec,
        command=said,
    )


def track(revision: str = OLD, pods: int = 4, **fields: Any) -> Track:
    """A version all of whose pods answer."""
    made = {"desired": pods, "ready": pods, "answering": pods, "complete": True, **fields}
    return Track(revision=revision, **made)


def status(**fields: Any) -> RolloutStatus:
    """At the first step."""
    made = {
        "stableRevision": OLD,
        "canaryRevision": NEW,
        "phase": "Stepping",
        "step": 1,
        "since": NOW,
        "weight": 10,
    }
    return RolloutStatus.model_validate(
        {key: value for key, value in (made | fields).items() if value is not None}
    )


def aborted(revision: str = NEW, **fields: Any) -> RolloutStatus:
    """A revision that is remembered."""
    record = Aborted(revision=revision, reason="Errors", message="It failed.", at=NOW)
    return status(**{"phase": "Aborted", "weight": 0, "aborted": record, **fields})


def seen(command: str = "", rollout: Any = None, **fields: Any) -> Situation:
    """A canary at its first step, five minutes old, that is judged to be good."""
    made = {
        "model": tried(command, **(rollout or {})),
        "wanted": NEW,
        "stable": track(),
        "canary": track(NEW, 1),
        "before": status(),
        "elapsed": 300.0,
        "verdict": PASS,
        "now": LATER,
    }
    return Situation(**{**made, **fields})


def told() -> dict[str, Situation]:
    """A situation for each reason of Ready that a rollout gives."""
    last, promoting = status(step=2, weight=50), status(phase="Promoting", step=2, weight=50)
    sick = Verdict(Kind.STABLE_UNHEALTHY, "9 % of 400 requests to both failed.")
    return {
        "a canary at a step": seen(elapsed=1.0),
        "a canary that a person holds": seen(f"pause@{NEW}"),
        "a canary that a person has to approve": seen(
            before=last, elapsed=600.0, canary=track(NEW, 4), rollout={"approval": "Manual"}
        ),
        "a canary without requests": seen(verdict=TOO_FEW),
        "a canary whose numbers cannot be read": seen(unmeasured="Pod a cannot be reached."),
        "a canary beside a version that fails as well": seen(verdict=sick),
        "a canary that takes the place": seen(
            stable=track(NEW, ready=1, complete=False), before=promoting, canary=track(NEW, 4)
        ),
        "a canary that was ended": seen(verdict=ERRORS),
    }
