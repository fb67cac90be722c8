"""The reasons of Ready while a version is tried out, each with one sentence and the cure. Pure."""

from typing import Final

from paddlemodel_api import contract
from paddlemodel_api.rollout.progress import Aborted

from paddlemodel_operator.rollout.judgement import Kind, Verdict
from paddlemodel_operator.rollout.situation import Situation, Told
from paddlemodel_operator.rollout.sizes import divider, steps_of

PROGRESSING: Final = "CanaryProgressing"
PAUSED: Final = "CanaryPaused"
APPROVAL: Final = "AwaitingApproval"
NO_TRAFFIC: Final = "CanaryNoTraffic"
UNMEASURED: Final = "CanaryUnmeasured"
STABLE_UNHEALTHY: Final = "StableUnhealthy"
PROMOTING: Final = "CanaryPromoting"
ABORTED: Final = "CanaryAborted"
GIVEN_UP: Final = "VersionGivenUp"

UNDER_WAY: Final = frozenset(
    {PROGRESSING, PAUSED, APPROVAL, NO_TRAFFIC, UNMEASURED, STABLE_UNHEALTHY, PROMOTING}
)
"""Reasons that mean: wait. The previous version serves, and nothing has failed."""


def starting(seen: Situation, number: int) -> Told:
    """Pods for a step are being made."""
    canary = seen.canary
    why = f" {canary.hindrance.message}" if canary and canary.hindrance else ""
    return _told(
        seen,
        PROGRESSING,
        f"The pods of the canary {seen.wanted} for {_step(seen, number)} are not all ready yet.{why}",
    )


def stepping(seen: Situation, number: int) -> Told:
    """A step is being measured."""
    step = steps_of(seen.model.spec.rollout)[number - 1]
    gets = f"{step.weight} % of the requests" if step.weight else "mirrored requests only"
    least = f"for {step.minutes} minutes at least" if step.minutes else "until it can be judged"
    return _told(seen, PROGRESSING, f"The canary {seen.wanted} is at {_step(seen, number)}: {gets}, {least}.")


def paused(seen: Situation) -> Told:
    """A person holds it."""
    return _told(
        seen,
        PAUSED,
        f"The canary {seen.wanted} stays at its step because of the annotation. To go on: "
        f"kubectl annotate pdm {_name(seen)} {contract.ROLLOUT_ANNOTATION}-.",
    )


def awaiting_approval(seen: Situation) -> Told:
    """All steps are behind it."""
    return _told(
        seen,
        APPROVAL,
        f"The canary {seen.wanted} has passed all its steps. To promote it: {_command(seen, 'promote')}; to "
        "end it: abort in place of promote.",
    )


def no_traffic(seen: Situation, verdict: Verdict) -> Told:
    """Too few requests to judge by; where it has too many errors, a lower limit would not let it pass."""
    sent = {
        "Replicas": "send requests",
        "Gateway": "send requests through the Gateway, which alone leads to it (condition RouteAccepted)",
        "IngressNginx": "send requests through the Ingress, which alone leads to it",
    }[divider(seen.model.spec)]
    cures = "lower spec.rollout.abortOn.minRequests, set spec.rollout.onNoTraffic to Promote or Abort"
    if verdict.kind is Kind.DOUBTFUL:
        cures = "set spec.rollout.onNoTraffic to Abort"
    return _told(
        seen,
        NO_TRAFFIC,
        f"The canary {seen.wanted} cannot be judged. {verdict.message} It waits for more; {sent}, "
        f"{cures}, or promote it yourself: {_command(seen, 'promote')}.",
    )


def unmeasured(seen: Situation) -> Told:
    """The pods' numbers cannot be read."""
    return _told(
        seen,
        UNMEASURED,
        f"The canary {seen.wanted} is neither promoted nor given more requests while its numbers cannot be "
        f"read. {seen.unmeasured} Let the operator reach port {contract.ADMIN_PORT} of the pods "
        "(NetworkPolicy, service mesh).",
    )


def stable_unhealthy(seen: Situation, found: str) -> Told:
    """The stable version fails as well, so that nothing can be said by comparison."""
    return _told(
        seen,
        STABLE_UNHEALTHY,
        f"The canary {seen.wanted} waits, since the stable version fails as well. {found} Repair what both "
        f"need; if the new version is the cure: {_command(seen, 'promote')}.",
    )


def promoting(seen: Situation) -> Told:
    """Its pods take the place of the stable ones."""
    stable = seen.stable
    pods = f"{stable.ready} of {stable.desired}" if stable and stable.revision == seen.wanted else "no"
    return Told(
        PROMOTING,
        f"The canary {seen.wanted} takes the place of the previous version, and serves until that is done: "
        f"{pods} pods are ready.",
    )


def aborted(seen: Situation, record: Aborted) -> Told:
    """It was ended, and stays so."""
    return _told(
        seen,
        ABORTED,
        f"The canary {record.revision} was aborted ({record.reason}). {record.message} {_cure(seen, record)}",
    )


def given_up(seen: Situation, record: Aborted) -> Told:
    """Its pods were broken, and were taken away by a rolling update."""
    return _told(
        seen,
        GIVEN_UP,
        f"The version {record.revision} was given up ({record.reason}), and holds no pod any more. "
        f"{record.message} {_cure(seen, record)}",
    )


def _cure(seen: Situation, record: Aborted) -> str:
    """What leads on from a version that is not tried again by itself."""
    said = seen.model.command
    again = _command(seen, "retry")
    if said is not None and said.verb == "retry" and said.revision == record.revision:
        again = f"kubectl annotate pdm {_name(seen)} {contract.ROLLOUT_ANNOTATION}-, then {again}"
    return f"Correct the spec, or go back to the previous one; to try the same again: {again}."


def _told(seen: Situation, reason: str, sentence: str) -> Told:
    still = seen.stable.answering if seen.stable else 0
    serves = f"The previous version still serves ({still} ready)."
    return Told(reason, f"{sentence} {serves if still else 'No pod of the previous version answers.'}")


def _step(seen: Situation, number: int) -> str:
    return f"step {number} of {len(steps_of(seen.model.spec.rollout))}"


def _name(seen: Situation) -> str:
    return f"{seen.model.name} --namespace {seen.model.namespace}"


def _command(seen: Situation, verb: str) -> str:
    return (
        f"kubectl annotate pdm {_name(seen)} --overwrite {contract.ROLLOUT_ANNOTATION}={verb}@{seen.wanted}"
    )
