"""Is the canary worse than the stable version, for certain? Pure.

Both windows are of the same time, from the pods' own counters, and grow from the begin of a step. Nothing is
judged that chance may have done: see `bounds`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from paddlemodel_operator.rollout.bounds import P95, Latencies, difference, slower, wilson

LEAST_SECONDS: Final = 0.001
"""A p95 that is by less than this longer hurts nobody, whatever the ratio; and no bucket is narrower."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """What the pods of one version have answered in a time."""

    requests: int = 0
    """That ran the model, of clients."""
    errors: int = 0
    """Of these, answered with 500 or above."""
    buckets: tuple[tuple[float, int], ...] = ()
    """How many were answered within so many seconds, the last of them infinite: cumulative, in order."""
    seconds: float = 0.0
    """What all of them took together (`paddle_request_duration_seconds_sum`); 0 where nobody knows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """What the mirrors of the stable pods have compared in the same time."""

    compared: int = 0
    """Results agree and differ: both versions answered."""
    agreed: int = 0
    failed: int = 0
    """Result error: the canary failed on what the stable version has answered."""


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
    DOUBTFUL = "Doubtful"
    ERRORS = "Errors"
    LATENCY = "Latency"
    DISAGREEMENT = "Disagreement"
    STABLE_UNHEALTHY = "StableUnhealthy"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One word, and one sentence with the numbers behind it."""

    kind: Kind
    message: str


def judge(stable: Window, canary: Window, agreement: Agreement, limits: Limits) -> Verdict:
    """Judge the canary by what was counted since the step began; call it as often as you like.

    The first rule that is broken for certain decides. Where none is, too few requests are no proof that the
    canary is good, nor are counts beyond a limit that may be chance.
    """
    enough = min(stable.requests, canary.requests) >= limits.min_requests
    for verdict in (
        _failing(stable, canary, agreement, limits),
        _slower(stable, canary, limits) if enough and not limits.shadow else None,
        _disagreeing(agreement, limits),
    ):
        if verdict is not None:
            return verdict
    return (
        _lacking(stable, canary, agreement, limits)
        or _doubtful(stable, canary, agreement, limits)
        or Verdict(Kind.PASS, _summary(canary, agreement, limits))
    )


def _doubtful(stable: Window, canary: Window, agreement: Agreement, limits: Limits) -> Verdict | None:
    """What was counted beyond a limit, and more requests will show to be chance or not."""
    errors, asked = _failed(canary, agreement)
    ours, theirs = _part(errors, asked), _part(stable.errors, stable.requests)
    limit = limits.error_percent / 100
    if ours > limit and ours - theirs > (limit if theirs > limit else 0.0):
        return Verdict(Kind.DOUBTFUL, f"{_failures(stable, errors, asked, limits)}, and it may be chance.")
    wanted, compared = limits.disagreement_percent, agreement.compared
    differing = compared - agreement.agreed
    if wanted is not None and _part(differing, compared) > wanted / 100:
        return Verdict(Kind.DOUBTFUL, f"{_differences(differing, compared, wanted)}, and it may be chance.")
    return None


def _failing(stable: Window, canary: Window, agreement: Agreement, limits: Limits) -> Verdict | None:
    """Errors above the limit and the stable version's: what fails there as well is not the canary's fault."""
    errors, asked = _failed(canary, agreement)
    limit = limits.error_percent / 100
    if asked < limits.min_requests or wilson(errors, asked).low <= limit:
        return None
    sick = _part(stable.errors, stable.requests) > limit
    numbers = _failures(stable, errors, asked, limits)
    if difference((errors, asked), (stable.errors, stable.requests)) > (limit if sick else 0.0):
        return Verdict(Kind.ERRORS, f"{numbers}.")
    if sick:
        return Verdict(Kind.STABLE_UNHEALTHY, f"{numbers}, and both are beyond it.")
    return Verdict(
        Kind.DOUBTFUL, f"{numbers}, and the stable version has had too few to be better for certain."
    )


def _slower(stable: Window, canary: Window, limits: Limits) -> Verdict | None:
    ours, theirs = _latencies(canary), _latencies(stable)
    least, most = slower(ours, theirs)
    if least <= max(limits.p95_ratio * most, most + LEAST_SECONDS):
        return None
    return Verdict(
        Kind.LATENCY,
        f"95 of 100 requests to the canary were answered within {_milliseconds(ours)}, to the "
        f"stable version within {_milliseconds(theirs)}: surely more than {limits.p95_ratio:g} "
        "times as long, which is the limit.",
    )


def _milliseconds(found: Latencies) -> str:
    """The p95, in three digits at least, and never as 1.74e+03."""
    p95 = found.quantile(P95) * 1e3
    return f"{p95:.0f} ms" if p95 >= 100 else f"{p95:.3g} ms"


def _disagreeing(agreement: Agreement, limits: Limits) -> Verdict | None:
    limit, compared = limits.disagreement_percent, agreement.compared
    differing = compared - agreement.agreed
    if limit is None or compared < limits.min_requests or wilson(differing, compared).low <= limit / 100:
        return None
    return Verdict(Kind.DISAGREEMENT, f"{_differences(differing, compared, limit)}.")


def _failed(canary: Window, agreement: Agreement) -> tuple[int, int]:
    """How many requests the canary failed on, of clients and mirrors, and how many there were."""
    return canary.errors + agreement.failed, canary.requests + agreement.compared + agreement.failed


def _failures(stable: Window, errors: int, asked: int, limits: Limits) -> str:
    return (
        f"{_percent(errors, asked)} of {asked} requests to the canary failed, "
        f"{_percent(stable.errors, stable.requests)} of {stable.requests} to the stable version; "
        f"the limit is {limits.error_percent:g} %"
    )


def _differences(differing: int, compared: int, limit: float) -> str:
    return (
        f"The canary answered {_percent(differing, compared)} of {compared} mirrored requests otherwise than "
        f"the stable version; the limit is {limit:g} %"
    )


def _lacking(stable: Window, canary: Window, agreement: Agreement, limits: Limits) -> Verdict | None:
    """What there is too little of."""
    counts: Sequence[tuple[str, int]] = ()
    if not limits.shadow:
        counts = (
            ("requests to the canary", canary.requests),
            ("requests to the stable version", stable.requests),
        )
    if limits.disagreement_percent is not None:
        counts = *counts, ("compared answers", agreement.compared)
    missing = [
        f"{count} of {limits.min_requests} {what}" for what, count in counts if count < limits.min_requests
    ]
    return Verdict(Kind.TOO_FEW, f"There are {' and '.join(missing)} to judge by.") if missing else None


def _summary(canary: Window, agreement: Agreement, limits: Limits) -> str:
    parts = []
    if not limits.shadow:
        parts.append(
            f"{canary.requests} requests to the canary, {_percent(canary.errors, canary.requests)} failed"
        )
    if limits.disagreement_percent is not None:
        differing = agreement.compared - agreement.agreed
        parts.append(
            f"{agreement.compared} answers compared, {_percent(differing, agreement.compared)} differ"
        )
    return f"{'; '.join(parts)}: nothing is worse for certain."


def _latencies(window: Window) -> Latencies:
    return Latencies(window.buckets, window.seconds)


def _part(count: int, of: int) -> float:
    return count / of if of else 0.0


def _percent(count: int, of: int) -> str:
    return f"{100 * _part(count, of):.3g} %"
