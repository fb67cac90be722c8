"""A rolling update whose version is broken: remembered first, then taken away, and tried again when told."""

from dataclasses import replace
from typing import Any

import pytest
from paddlemodel_api.rollout.progress import Aborted, RolloutStatus
from paddlemodel_operator.base.command import Command
from paddlemodel_operator.rollout.giving_up import follows, forgotten, update
from paddlemodel_operator.rollout.situation import Failure, Plan, Situation, Track

from tests.operator.support.builders import LATER, NOW, model
from tests.operator.support.rollout.canaries import NEW, OLD, OTHER, aborted, track

BROKEN = Failure(cause="Crashing", message="CrashLoop: The server ended.")
BESIDE = track(NEW, ready=0, complete=False, failure=BROKEN)
RECORD = Aborted(revision=NEW, reason="Crashing", message="CrashLoop: The server ended.", at=NOW)
GIVING_UP = RolloutStatus(phase="GivingUp", since=NOW, aborted=RECORD)
GIVEN_UP = RolloutStatus(stable_revision=OLD, phase="GivenUp", since=NOW, aborted=RECORD)


def seen(
    stable: Track | None, before: RolloutStatus | None = None, said: str = "", **fields: Any
) -> Situation:
    """The spec asks for NEW."""
    command = Command(*said.split("@")) if said else None
    found = replace(model(replicas=4), command=command)
    made = {"wanted": NEW, "stable": stable, "before": before or RolloutStatus(), "now": LATER, **fields}
    return Situation(model=found, **made)


def told(found: Plan) -> tuple[bool, bool, str | None, str | None]:
    """Is the spec's template to be, is the former one wanted, the phase, and what is remembered."""
    status = found.status or RolloutStatus()
    record = status.aborted
    return found.promote, found.former, status.phase, record.revision if record else None


CASES: dict[str, tuple[Situation, tuple[bool, bool, str | None, str | None]]] = {
    "nothing is wrong": (seen(track(NEW)), (True, False, None, None)),
    "pods are broken: it is remembered before anything is written": (
        seen(BESIDE),
        (True, True, "GivingUp", NEW),
    ),
    "broken pods of a version that the spec has left": (
        seen(replace(BESIDE, revision=OTHER)),
        (True, False, None, None),
    ),
    "what is remembered is done": (seen(BESIDE, GIVING_UP), (False, True, "GivingUp", NEW)),
    "it has come through meanwhile": (
        seen(track(NEW, ready=1), GIVING_UP),
        (True, False, None, None),
    ),
    "the former template is there": (seen(track(), GIVING_UP), (False, False, "GivenUp", NEW)),
    "it stays so": (seen(track(), GIVEN_UP), (False, False, "GivenUp", NEW)),
    "also while no pod answers": (
        seen(track(ready=0, answering=0), GIVEN_UP),
        (False, False, "GivenUp", NEW),
    ),
    "another edit": (seen(track(), GIVEN_UP, wanted=OTHER), (True, False, None, None)),
    "the spec before": (seen(track(), GIVEN_UP, wanted=OLD), (True, False, None, None)),
    "one who says retry": (seen(track(), GIVEN_UP, f"retry@{NEW}"), (True, False, None, None)),
    "one who says so of another version": (
        seen(track(), GIVEN_UP, f"retry@{OTHER}"),
        (False, False, "GivenUp", NEW),
    ),
    "one who says promote, which is of a canary": (
        seen(track(), GIVEN_UP, f"promote@{NEW}"),
        (False, False, "GivenUp", NEW),
    ),
    "the Deployment is deleted": (seen(None, GIVEN_UP), (True, False, None, None)),
    "a canary has aborted it, and the strategy is another one now": (
        seen(track(), aborted()),
        (True, False, None, None),
    ),
    "the status is lost": (seen(track()), (True, False, None, None)),
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_deployment_is_to_be(case: str) -> None:
    situation, expected = CASES[case]
    assert told(update(situation)) == expected


def test_the_first_half_is_followed_by_the_second_without_an_event() -> None:
    for situation in (seen(BESIDE), seen(BESIDE, GIVING_UP)):
        assert update(situation).again is not None
    assert update(seen(track(), GIVEN_UP)).again is None


def test_a_retry_is_carried_out_once() -> None:
    """The annotation stays; a version that is broken again is given up again."""
    said = f"retry@{NEW}"
    first = update(seen(track(), GIVEN_UP, said))
    assert first.status == RolloutStatus(command=said)
    again = update(seen(BESIDE, first.status, said))
    assert told(again) == (True, True, "GivingUp", NEW)
    assert again.status is not None
    held = update(seen(track(), again.status, said))
    assert told(held) == (False, False, "GivenUp", NEW)
    assert held.told is not None
    assert "paddlemodel.dev/rollout-, then" in held.told.message


def test_where_no_former_version_is_found_the_spec_is_followed() -> None:
    assert follows(seen(BESIDE, GIVING_UP)) == Plan()


def test_the_sentence_has_cause_and_cure_and_says_who_serves() -> None:
    found = update(seen(track(), GIVEN_UP)).told
    assert found is not None
    assert found.reason == "VersionGivenUp"
    assert f"The version {NEW} was given up (Crashing), and holds no pod any more." in found.message
    assert "CrashLoop: The server ended. Correct the spec, or go back to the previous one" in found.message
    assert f"paddlemodel.dev/rollout=retry@{NEW}." in found.message
    assert found.message.endswith("The previous version still serves (4 ready).")


def test_a_canary_tries_what_a_rolling_update_has_given_up_and_keeps_its_own_aborts() -> None:
    begins = forgotten(GIVEN_UP)
    assert (begins.phase, begins.aborted, begins.stable_revision) == (None, None, OLD)
    assert forgotten(aborted()) == aborted()
