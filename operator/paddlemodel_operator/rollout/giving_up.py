"""A rolling update whose version is broken is given up: the Deployment gets the former template again. Pure.

The revision is remembered in the status first, and the template written afterwards. So an operator that ends
in between goes on with the second half, and one that ends after it knows why the spec is not followed.
"""

from typing import Final

from paddlemodel_api.rollout.progress import Aborted, Phase, RolloutStatus

from paddlemodel_operator.rollout import words
from paddlemodel_operator.rollout.plan import SOON_SECONDS, is_told, said_once
from paddlemodel_operator.rollout.situation import Failure, Plan, Situation

PHASES: Final[tuple[Phase, ...]] = ("GivingUp", "GivenUp")


def update(seen: Situation) -> Plan:
    """What the Deployment of a rolling update is to be now.

    Where it sets `former`, somebody has to look for the version before; without one `follows` holds.
    """
    stable, record = seen.stable, _remembered(seen)
    if stable is None or is_told(seen, "retry"):
        return follows(seen)
    if record is None:
        broken = stable.failure if stable.revision == seen.wanted else None
        return follows(seen) if broken is None else _remembers(seen, broken)
    if stable.revision != seen.wanted:
        return Plan(promote=False, status=_status(seen, "GivenUp", record), told=words.given_up(seen, record))
    if stable.ready:
        return follows(seen)  # It has come through after all.
    status = _status(seen, "GivingUp", record)
    return Plan(promote=False, former=True, status=status, again=SOON_SECONDS)


def follows(seen: Situation) -> Plan:
    """The Deployment is what the spec says, and nothing is remembered but a command that was carried out."""
    said = said_once(seen, "retry")
    return Plan(status=RolloutStatus(command=said) if said else None)


def forgotten(before: RolloutStatus) -> RolloutStatus:
    """A status as a canary begins with it: what a rolling update has given up, a canary tries."""
    if before.phase not in PHASES:
        return before
    return RolloutStatus(stable_revision=before.stable_revision, command=before.command)


def _remembered(seen: Situation) -> Aborted | None:
    """What a canary has aborted is not meant: a change of the strategy applies it."""
    known = seen.before.aborted if seen.before.phase in PHASES else None
    return known if known is not None and known.revision == seen.wanted else None


def _remembers(seen: Situation, broken: Failure) -> Plan:
    record = Aborted(revision=seen.wanted, reason=broken.cause, message=broken.message[:1024], at=seen.now)
    status = _status(seen, "GivingUp", record)
    return Plan(former=True, status=status, again=SOON_SECONDS)


def _status(seen: Situation, phase: Phase, record: Aborted) -> RolloutStatus:
    stable = seen.stable.revision if seen.stable else None
    return RolloutStatus(
        stable_revision=stable if stable != record.revision else None,
        phase=phase,
        since=record.at,
        aborted=record,
        command=said_once(seen),
    )
