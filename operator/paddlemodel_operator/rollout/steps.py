"""One step of a canary: its pods come, its requests are judged, and then the next one, or the end. Pure."""

from dataclasses import dataclass
from typing import Final

from paddlemodel_api.rollout.progress import Cause, Phase, RolloutStatus

from paddlemodel_operator.rollout import words
from paddlemodel_operator.rollout.judgement import Kind
from paddlemodel_operator.rollout.situation import Failure, Situation, Told, Track
from paddlemodel_operator.rollout.sizes import PODS_SECONDS, canary_pods, steps_of

PHASES: Final[tuple[Phase, ...]] = ("Starting", "Stepping", "Paused", "AwaitingApproval")
"""In which a canary is between its begin and its end."""
LEAST_SECONDS: Final = 60.0
"""Before too few requests count as no traffic, however short the step."""
_CAUSES: Final[dict[Kind, Cause]] = {
    Kind.ERRORS: "Errors",
    Kind.LATENCY: "Latency",
    Kind.DISAGREEMENT: "Disagreement",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Goes:
    """The canary goes on."""

    phase: Phase
    step: int
    since: str | None
    weight: int
    """Percent that is in force from now on, while pods of the canary answer."""
    told: Told


@dataclass(frozen=True, slots=True)
class Ended:
    """It is aborted."""

    cause: Cause
    message: str


@dataclass(frozen=True, slots=True)
class Passed:
    """It becomes the stable version."""


Next = Goes | Ended | Passed


def is_measured(before: RolloutStatus) -> bool:
    """Whether requests reach the canary of a status, if only mirrored ones."""
    return before.phase in PHASES and (before.phase != "Starting" or bool(before.weight))


def begin(seen: Situation) -> Goes:
    """A revision that was not tried yet, or is tried again."""
    return Goes(phase="Starting", step=1, since=seen.now, weight=0, told=words.starting(seen, 1))


def next_step(seen: Situation) -> Next:
    """What follows now on the step in the status."""
    canary, verdict = seen.canary, seen.verdict
    if canary is None:
        return begin(seen)
    if canary.failure is not None:
        return Ended(canary.failure.cause, canary.failure.message)
    if verdict is not None and verdict.kind in _CAUSES:
        return Ended(_CAUSES[verdict.kind], verdict.message)
    said = seen.model.command
    if said is not None and said.verb == "pause" and said.revision == seen.wanted:
        return _stays(seen, words.paused(seen), phase="Paused")
    if seen.before.phase in {"Paused", "Starting"}:
        return _started(seen, canary, _number(seen))
    return _judged(seen, canary)


def _number(seen: Situation) -> int:
    """The step of the status; a spec whose steps have become fewer has its last one."""
    return max(1, min(seen.before.step or 1, len(steps_of(seen.model.spec.rollout))))


def _stays(seen: Situation, told: Told, phase: Phase | None = None) -> Goes:
    before = seen.before
    kept = phase or before.phase or "Starting"
    since = before.since if kept == before.phase else seen.now
    return Goes(phase=kept, step=_number(seen), since=since, weight=before.weight or 0, told=told)


def _started(seen: Situation, canary: Track, number: int) -> Goes | Ended:
    """The weight of a step is in force as soon as the pods for it answer, and no older ones; then it begins.

    A Deployment that was complete once waits for further pods for ever, so the time for them is taken here.
    """
    spec, stable = seen.model.spec, seen.stable
    step = steps_of(spec.rollout)[number - 1]
    pods = canary_pods(stable.desired if stable else 1, step.weight, spec)
    if canary.ready >= pods and canary.complete:
        told = words.stepping(seen, number)
        return Goes(phase="Stepping", step=number, since=seen.now, weight=step.weight, told=told)
    same = seen.before.phase == "Starting" and seen.before.step == number
    if same and seen.elapsed >= PODS_SECONDS:
        why = canary.hindrance or Failure(
            cause="Deadline", message=f"{canary.ready} of {pods} pods are ready."
        )
        return Ended(why.cause, f"Its pods were not ready in {PODS_SECONDS // 60} minutes. {why.message}")
    since = seen.before.since if same else seen.now
    told = words.starting(seen, number)
    return Goes(phase="Starting", step=number, since=since, weight=seen.before.weight or 0, told=told)


def _judged(seen: Situation, canary: Track) -> Next:
    """A step whose weight is in force."""
    number = _number(seen)
    if seen.before.weight != steps_of(seen.model.spec.rollout)[number - 1].weight:
        return _started(seen, canary, number)  # The spec's steps have changed meanwhile.
    return _held(seen, canary, number) or _too_few(seen, number) or _passed(seen, canary, number)


def _held(seen: Situation, canary: Track, number: int) -> Goes | None:
    """What keeps a step from ending, though nothing is wrong with the canary."""
    rollout, verdict = seen.model.spec.rollout, seen.verdict
    approving = seen.before.phase == "AwaitingApproval" and rollout.approval == "Manual"
    minutes = steps_of(rollout)[number - 1].minutes
    told = None
    if not canary.ready:
        told = words.starting(seen, number)
    elif seen.unmeasured:
        told = words.unmeasured(seen)
    elif verdict is not None and verdict.kind is Kind.STABLE_UNHEALTHY:
        told = words.stable_unhealthy(seen, verdict.message)
    elif approving:
        told = words.awaiting_approval(seen)
    elif verdict is None or seen.elapsed < minutes * 60:
        told = words.stepping(seen, number)
    return None if told is None else _stays(seen, told)


def _too_few(seen: Situation, number: int) -> Goes | Ended | None:
    """The step's time is over, and too few requests came to judge by."""
    verdict, policy = seen.verdict, seen.model.spec.rollout.on_no_traffic or "Wait"
    if verdict is None or verdict.kind not in {Kind.TOO_FEW, Kind.DOUBTFUL}:
        return None
    if seen.elapsed < LEAST_SECONDS:
        return _stays(seen, words.stepping(seen, number))
    if policy == "Abort":
        return Ended("NoTraffic", verdict.message)
    if policy == "Promote" and verdict.kind is Kind.TOO_FEW:
        return None
    return _stays(seen, words.no_traffic(seen, verdict))


def _passed(seen: Situation, canary: Track, number: int) -> Next:
    rollout = seen.model.spec.rollout
    if number < len(steps_of(rollout)):
        return _started(seen, canary, number + 1)
    if rollout.approval == "Manual":
        return _stays(seen, words.awaiting_approval(seen), "AwaitingApproval")
    return Passed()
