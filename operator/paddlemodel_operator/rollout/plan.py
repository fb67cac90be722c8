"""What a canary does next: from what there is to what the children are to be. Pure.

The Deployments are the record of which version is where, and the status of when a step began. So an operator
that was away goes on where it stopped: it moves one step at a time, and only forwards when it has measured.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from paddlemodel_api.rollout.progress import Aborted, Cause, RolloutStatus

from paddlemodel_operator.rollout import steps, words
from paddlemodel_operator.rollout.situation import Plan, Situation, Track
from paddlemodel_operator.rollout.sizes import Divider, canary_pods, divider, steps_of

DRAIN_SECONDS: Final[Mapping[Divider, float]] = {"Replicas": 5.0, "Gateway": 30.0, "IngressNginx": 30.0}
"""From the moment when no new request is sent to a canary until its pods end, which drain by themselves.

The controller of a Gateway may take its time to follow; then it would lead requests to pods that are gone.
"""
TICK_SECONDS: Final = 10.0
SOON_SECONDS: Final = 1.0


def plan(seen: Situation) -> Plan:
    """What the children of a model are to be now: the first case of the list decides."""
    if seen.model.spec.rollout.strategy != "Canary":
        return Plan()
    if seen.stable is None:
        return _without_stable(seen)
    for case in CASES:
        if (found := case(seen, seen.stable)) is not None:
            return found
    return _tried(seen, seen.stable)


def _without_stable(seen: Situation) -> Plan:
    """The first version of all, or somebody has deleted the Deployment, and so the record of what served.

    Nothing but the spec is left to make it of. A canary of that serves alone until the new pods do.
    """
    canary = seen.canary
    if canary is None or canary.revision != seen.wanted or canary.desired == 0:
        return Plan(status=_settled(seen, serves=False))
    return _promoting(seen, canary, weight=100, stable_revision=seen.before.stable_revision)


def _is_stable_revision(seen: Situation, stable: Track) -> Plan | None:
    return _of_stable_revision(seen, stable) if stable.revision == seen.wanted else None


def _is_promoted_by_hand(seen: Situation, stable: Track) -> Plan | None:
    return _promoted(seen, stable) if is_told(seen, "promote") else None


def _goes_back(seen: Situation, stable: Track) -> Plan | None:
    """The spec returns to the version before one whose promotion has begun."""
    before = seen.before
    promoted = before.phase == "Promoting" and before.canary_revision == stable.revision
    return _leaving(seen) if promoted and before.stable_revision == seen.wanted else None


def _nobody_is_served(seen: Situation, stable: Track) -> Plan | None:
    """No version has ever answered: there is nobody whom the new one could hurt."""
    served = stable.answering > 0 or seen.before.stable_revision == stable.revision
    # A status that was lost: a canary of another version was only made beside one that answered.
    tried = seen.canary is not None and seen.canary.revision != stable.revision
    return None if served or tried else Plan(status=_settled(seen, serves=False))


def _is_asleep(seen: Situation, stable: Track) -> Plan | None:
    """The model is scaled to 0, and so is its canary, which begins anew afterwards."""
    if stable.desired:
        return None
    canary = None if seen.canary is None else 0
    status = _status(seen, phase="Starting", step=1, since=None, weight=0)
    return Plan(promote=False, canary=canary, status=status)


def _was_aborted_before(seen: Situation, _: Track) -> Plan | None:
    return _aborted(seen) if _was_aborted(seen) else None


def _is_aborted_by_hand(seen: Situation, _: Track) -> Plan | None:
    if not is_told(seen, "abort"):
        return None
    return abort(seen, "Command", "A person has ended it by the annotation.")


CASES: Final[tuple[Callable[[Situation, Track], Plan | None], ...]] = (
    _is_stable_revision,
    _is_promoted_by_hand,
    _goes_back,
    _nobody_is_served,
    _is_asleep,
    _was_aborted_before,
    _is_aborted_by_hand,
)


def _of_stable_revision(seen: Situation, stable: Track) -> Plan:
    """The spec is what the stable Deployment is: a canary of it is being promoted, any other one leaves."""
    canary = seen.canary
    if canary is None or canary.desired == 0:
        return Plan(status=_settled(seen, serves=stable.ready > 0))
    if canary.revision != stable.revision or seen.before.phase == "Finishing" or stable.complete:
        return _leaving(seen)
    return _promoting(seen, canary, stable_revision=seen.before.stable_revision)


def _promoted(seen: Situation, stable: Track) -> Plan:
    """The spec's template goes to the stable Deployment; a canary of it serves until that is done."""
    canary = seen.canary
    if canary is not None and canary.revision == seen.wanted and canary.desired > 0:
        made = _promoting(seen, canary, stable_revision=stable.revision, command=said_once(seen, "promote"))
        return replace(made, again=SOON_SECONDS)
    return Plan(status=_settled(seen, serves=False, command=said_once(seen, "promote")))


def _promoting(seen: Situation, canary: Track, weight: int | None = None, **fields: object) -> Plan:
    before = seen.before
    since = before.since if before.phase == "Promoting" else seen.now
    weight = before.weight or 0 if weight is None else weight
    return Plan(
        canary=canary.desired,
        weight=weight if canary.ready else 0,
        status=_status(seen, phase="Promoting", since=since, weight=weight, **fields),
        told=words.promoting(seen),
        again=TICK_SECONDS,
    )


def _leaving(seen: Situation) -> Plan:
    """No new request for the canary, and a little later no pod of it."""
    before, canary = seen.before, seen.canary
    leaves = before.phase == "Finishing"
    if canary is None or canary.desired == 0 or (leaves and seen.elapsed >= _drain_seconds(seen)):
        return Plan(status=_settled(seen, serves=True))
    status = _status(
        seen,
        phase="Finishing",
        since=before.since if leaves else seen.now,
        weight=0,
        stable_revision=seen.wanted,
        canary_revision=canary.revision,
    )
    return Plan(canary=canary.desired, leaves=True, status=status, again=SOON_SECONDS)


def abort(seen: Situation, cause: Cause, message: str) -> Plan:
    """No new request for the canary, and a little later no pod of it; the revision is remembered."""
    record = Aborted(revision=seen.wanted, reason=cause, message=message[:1024], at=seen.now)
    said = said_once(seen, "abort")
    status = _status(seen, phase="Aborting", since=seen.now, weight=0, aborted=record, command=said)
    canary = None if seen.canary is None else seen.canary.desired
    return Plan(
        promote=False,
        canary=canary,
        status=status,
        told=words.aborted(seen, record),
        again=SOON_SECONDS,
    )


def _was_aborted(seen: Situation) -> bool:
    if is_told(seen, "retry"):
        return False
    known, canary = seen.before.aborted, seen.canary
    if known is not None and known.revision == seen.wanted:
        return True
    # A status that was lost: only an aborted canary, and one of a model at 0, has no pods.
    stopped = canary is not None and canary.revision == seen.wanted and canary.desired == 0
    return stopped and seen.before.phase is None


def _aborted(seen: Situation) -> Plan:
    before, canary = seen.before, seen.canary
    known = before.aborted
    if known is None or known.revision != seen.wanted:
        known = Aborted(
            revision=seen.wanted,
            reason="Unknown",
            message="It was ended, and why has been lost with the status.",
            at=seen.now,
        )
    told = words.aborted(seen, known)
    drains = before.phase == "Aborting" and seen.elapsed < _drain_seconds(seen)
    if canary is not None and canary.revision == seen.wanted and canary.desired > 0 and drains:
        status = _status(seen, phase="Aborting", since=before.since, weight=0, aborted=known)
        return Plan(promote=False, canary=canary.desired, status=status, told=told, again=SOON_SECONDS)
    since = before.since if before.phase == "Aborted" else seen.now
    status = _status(seen, phase="Aborted", since=since, weight=0, aborted=known)
    return Plan(promote=False, canary=None if canary is None else 0, status=status, told=told)


def _begins(seen: Situation) -> bool:
    """What the spec wants was not tried yet, or is tried again."""
    canary, before = seen.canary, seen.before
    same = canary is not None and canary.revision == before.canary_revision == seen.wanted
    return not same or before.phase not in steps.PHASES


def _tried(seen: Situation, stable: Track) -> Plan:
    """The canary is there, or begins; what happens in a step is in `steps`."""
    spec, canary, before = seen.model.spec, seen.canary, seen.before
    begins = _begins(seen)
    found = steps.begin(seen) if begins else steps.next_step(seen)
    if isinstance(found, steps.Ended):
        return abort(seen, found.cause, found.message)
    if isinstance(found, steps.Passed):
        return _promoted(seen, stable)
    by = divider(spec)
    leads = (by == "Replicas" or seen.has_service) and not begins
    weight = found.weight if leads and canary is not None and canary.ready > 0 else 0
    status = _status(
        seen,
        phase=found.phase,
        step=found.step,
        since=found.since,
        weight=found.weight,
        share=_share(stable, canary) if weight and by == "Replicas" else weight,
        command=said_once(seen, "retry"),
        aborted=None if is_told(seen, "retry") else before.aborted,
    )
    return Plan(
        promote=False,
        canary=canary_pods(stable.desired, steps_of(spec.rollout)[found.step - 1].weight, spec),
        weight=weight,
        divider=by,
        status=status,
        told=found.told,
        again=TICK_SECONDS,
    )


def _drain_seconds(seen: Situation) -> float:
    return DRAIN_SECONDS[divider(seen.model.spec)]


def _share(stable: Track, canary: Track | None) -> int:
    found = canary.ready if canary else 0
    return round(100 * found / max(1, found + stable.answering))


def is_told(seen: Situation, verb: str) -> bool:
    """Whether a command is about this revision, and was not carried out before."""
    said = seen.model.command
    return (
        said is not None
        and said.verb == verb
        and said.revision == seen.wanted
        and str(said) != seen.before.command
    )


def said_once(seen: Situation, verb: str = "") -> str | None:
    """The command that is carried out now, or was, for as long as the annotation says it."""
    said = str(seen.model.command) if seen.model.command else None
    return said if is_told(seen, verb) or said == seen.before.command else None


def _settled(seen: Situation, *, serves: bool, command: str | None = None) -> RolloutStatus:
    """Nothing is tried out. `serves`: pods of the stable Deployment answer, or did."""
    stable, known = seen.stable, seen.before.stable_revision
    revision = stable.revision if stable else None
    return RolloutStatus(
        stable_revision=revision if serves or known == revision else None,
        aborted=seen.before.aborted,
        command=command or said_once(seen),
    )


def _status(seen: Situation, **fields: object) -> RolloutStatus:
    """The status of a canary; while nothing is measured it keeps the numbers that it had."""
    before, stable = seen.before, seen.stable.revision if seen.stable else None
    same = before.canary_revision == fields.get("canary_revision", seen.wanted)
    source = seen.numbers or (before if same else None)
    numbers = {name: getattr(source, name) for name in ("stable", "canary", "agreement")} if source else {}
    made = {
        "stable_revision": stable,
        "canary_revision": seen.wanted,
        "step": before.step,
        "aborted": before.aborted,
        "command": said_once(seen),
        **numbers,
        **fields,
    }
    return RolloutStatus.model_validate(made)
