"""Everything that decides what a canary does next, and what was decided: frozen records. Pure."""

from dataclasses import dataclass, field

from paddlemodel_api.rollout.progress import Cause, Compared, Measured, RolloutStatus

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.rollout.judgement import Verdict
from paddlemodel_operator.rollout.sizes import Divider


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why the pods of a version will not become ready."""

    cause: Cause
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Track:
    """One version as its Deployment shows it."""

    revision: str
    """What the spec asked of its pods."""
    desired: int
    """Pods that it should have."""
    ready: int = 0
    """Pods of its newest template that answer."""
    answering: int = 0
    """Pods that answer, of whatever template."""
    complete: bool = False
    """All that it should have are of its newest template, and answer."""
    failure: Failure | None = None
    hindrance: Failure | None = None
    """What keeps its pods from being ready, where that may pass."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Numbers:
    """What was measured since the step began, as the status shows it."""

    stable: Measured
    canary: Measured
    agreement: Compared | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What there is, and what is known of it."""

    model: PaddleModel
    wanted: str
    """The revision that the spec asks for."""
    stable: Track | None = None
    """The Deployment with the model's name; None before there is one."""
    canary: Track | None = None
    has_service: bool = True
    """The Service in front of the canary is the model's, and nobody else's object of that name."""
    before: RolloutStatus = field(default_factory=RolloutStatus)
    """As the status has it."""
    elapsed: float = 0.0
    """Seconds since `before.since`, by the clock."""
    verdict: Verdict | None = None
    """On what was measured since the step began; None before anything was."""
    numbers: Numbers | None = None
    """What the verdict is about."""
    unmeasured: str = ""
    """Why the numbers cannot be read, in a sentence."""
    now: str = ""
    """The time as RFC 3339 writes it."""


@dataclass(frozen=True, slots=True)
class Told:
    """Why the newest version does not serve all requests: the reason of Ready, and its sentence."""

    reason: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What the children are to be now, and what the status says of it."""

    promote: bool = True
    """The stable Deployment gets the spec's template; else it stays as it is."""
    canary: int | None = None
    """Pods of the canary; None: it has no Deployment."""
    leaves: bool = False
    """The canary is of another revision than the spec, and keeps its template until it is gone."""
    former: bool = False
    """It holds only if a version before the spec's has pods that answer, and goes back to its template."""
    weight: int = 0
    """Percent of the requests that the canary gets now."""
    divider: Divider = "Replicas"
    """What gives them to it: the model's Service, with all pods behind it then, or a way from outside."""
    status: RolloutStatus | None = None
    told: Told | None = None
    """None where Ready is judged by the stable Deployment alone."""
    again: float | None = None
    """Seconds until the next look; None where an event says when."""
