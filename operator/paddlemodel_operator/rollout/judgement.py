"""Is the canary worse than the stable version, for certain? Pure.

Both windows are of the same time, from the pods' own counters, and grow from the begin of a step.
"""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """What the pods of one version have answered in a time."""

    requests: int = 0
    """That ran the model, of clients."""
    errors: int = 0
    """Of these, answered with 500 or above."""
    buckets: tuple[tuple[float, int], ...] = ()
    """How many were answered within so many seconds, the last of them infinite: cumulative, in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """What the mirrors of the stable pods have compared in the same time."""

    compared: int = 0
    agreed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Of spec.rollout.abortOn, as numbers."""

    error_percent: float
    p95_ratio: float
    disagreement_percent: float | None
    """None without a mirror: nothing is compared, and nothing waits for it."""
    min_requests: int
    """Of requests to each version, and of comparisons."""
    shadow: bool = False
    """No client's request reaches the canary (weight 0): only the agreement is judged."""


class Kind(Enum):
    """What the judge says."""

    PASS = "Pass"  # noqa: S105 - a verdict
    TOO_FEW = "TooFew"
    ERRORS = "Errors"
    LATENCY = "Latency"
    DISAGREEMENT = "Disagreement"
    STABLE_UNHEALTHY = "StableUnhealthy"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One word, and one sentence with the numbers behind it."""

    kind: Kind
    message: str
