"""How far a canary is (`status.rollout`)."""

from typing import Annotated, Literal

from pydantic import Field

from paddlemodel_api.base import Block

Revision = Annotated[str, Field(max_length=64)]
Phase = Literal[
    "Starting",
    "Stepping",
    "Paused",
    "AwaitingApproval",
    "Promoting",
    "Finishing",
    "Aborting",
    "Aborted",
    "GivingUp",
    "GivenUp",
]
Cause = Literal[
    "Errors",
    "Latency",
    "Disagreement",
    "VerificationFailed",
    "Crashing",
    "NoCapacity",
    "Deadline",
    "NoTraffic",
    "Command",
    "Unknown",
]


class Measured(Block):
    """What one version has answered since the step began."""

    requests: int = Field(description="Requests that ran the model.")
    errors: int = Field(description="Of these, answered with 500 or above.")
    p95_milliseconds: int | None = Field(
        default=None, description="95 of 100 were answered within this time; left out without requests."
    )


class Compared(Block):
    """What the stable pods have compared since the step began."""

    compared: int = Field(description="Mirrored requests that both versions answered.")
    agreed: int = Field(description="Of these, answered alike.")


class Aborted(Block):
    """A revision that is not tried again by itself."""

    revision: Revision = Field(description="The revision.")
    reason: Cause = Field(description="Why, in one word.")
    message: Annotated[str, Field(max_length=1024)] = Field(description="Why, in a sentence.")
    at: Annotated[str, Field(max_length=32)] = Field(description="When.")


class RolloutStatus(Block):
    """Which version serves, which one is tried out, and how far that is."""

    stable_revision: Revision | None = Field(default=None, description="Of the version that serves.")
    canary_revision: Revision | None = Field(
        default=None, description="Of the version that is tried out; the name for commands."
    )
    phase: Phase | None = Field(
        default=None,
        description="Of a canary Starting, Stepping, Paused, AwaitingApproval, Promoting, Finishing, "
        "Aborting or Aborted; of a rolling update whose version is broken GivingUp or GivenUp; left out "
        "while nothing is tried out.",
    )
    step: int | None = Field(default=None, description="Which of the steps, from 1.")
    since: Annotated[str, Field(max_length=32)] | None = Field(
        default=None, description="When the phase, or the step, began."
    )
    weight: int | None = Field(default=None, description="Percent of the requests that the canary is to get.")
    share: int | None = Field(
        default=None,
        description="Percent that it gets: by the numbers of pods that answer, or of what comes by the "
        "Gateway or the Ingress.",
    )
    stable: Measured | None = Field(default=None, description="What the stable version has answered.")
    canary: Measured | None = Field(default=None, description="What the canary has answered.")
    agreement: Compared | None = Field(default=None, description="What the mirror has compared.")
    aborted: Aborted | None = Field(
        default=None, description="The last revision that was aborted, or given up by a rolling update."
    )
    command: Annotated[str, Field(max_length=128)] | None = Field(
        default=None, description="The annotation that was carried out last, so that it is so only once."
    )
