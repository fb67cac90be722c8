"""How many pods a canary has, and what its limits are as numbers. Pure."""

import math
from typing import Final

from paddlemodel_api.rollout.strategy import DEFAULT_STEPS, AbortOn, Rollout, Step

from paddlemodel_operator.rollout.judgement import Limits

PODS_SECONDS: Final = 1800
"""Until pods that do not become ready are given up; large models take their time to be fetched."""


def steps_of(rollout: Rollout) -> tuple[Step, ...]:
    """The steps of the spec, or the default ones."""
    return rollout.steps or DEFAULT_STEPS


def canary_pods(stable: int, weight: int, rollout: Rollout) -> int:
    """Pods for a share of the requests: never more than the stable version has, and at least one.

    Where the number of pods is the share, a canary of c beside s pods gets c of c + s requests. Its pods
    carry the mirrored requests as well.

    Args:
        stable: pods of the stable version.
        weight: percent of the requests.
        rollout: of the spec.
    """
    mirrored = rollout.mirror.percent if rollout.mirror else 0
    of_share = math.ceil(stable * weight / (100 - weight))
    of_load = math.ceil(stable * min(100, weight + mirrored) / 100)
    return max(1, min(stable, max(of_share, of_load)))


def limits(rollout: Rollout, weight: int) -> Limits:
    """What the judge compares with."""
    said = rollout.abort_on or AbortOn()
    return Limits(
        error_percent=float(said.error_percent_above),
        p95_ratio=float(said.p95_ratio_above),
        disagreement_percent=float(said.disagreement_percent_above) if rollout.mirror else None,
        min_requests=said.min_requests,
        shadow=weight == 0,
    )
