"""What divides the requests, how many pods a canary has, and what its limits are as numbers. Pure."""

import math
from typing import Final, Literal

from paddlemodel_api.rollout.strategy import DEFAULT_STEPS, AbortOn, Rollout, Step
from paddlemodel_api.spec import Spec

from paddlemodel_operator.rollout.judgement import Limits

Divider = Literal["Replicas", "Gateway", "IngressNginx"]

PODS_SECONDS: Final = 1800
"""Until pods that do not become ready are given up; large models take their time to be fetched."""


def steps_of(rollout: Rollout) -> tuple[Step, ...]:
    """The steps of the spec, or the default ones."""
    return rollout.steps or DEFAULT_STEPS


def divider(spec: Spec) -> Divider:
    """What divides the requests. Auto never means IngressNginx: a class's name does not tell its controller.

    A controller that does not know the annotations would take the second Ingress for another way to the same
    path, and send half of the requests, or all, to the canary.
    """
    said = spec.rollout.traffic or "Auto"
    if said != "Auto":
        return said
    return "Gateway" if spec.gateway else "Replicas"


def canary_pods(stable: int, weight: int, spec: Spec) -> int:
    """Pods for a share of the requests: at least one, and mostly no more than the stable version has.

    A canary of c beside s pods gets c of c + s requests where the Service divides them; where a route does,
    each pod has as much to do as a stable one then, or busy pods would seem to be a slow version. Its pods
    carry the mirrored requests as well.

    More than the stable version has are needed only where an autoscaler has taken pods from that for the
    requests that it no longer gets.

    Args:
        stable: pods of the stable version.
        weight: percent of the requests.
        spec: of the model.
    """
    mirrored = spec.rollout.mirror.percent if spec.rollout.mirror else 0
    of_share = math.ceil(stable * weight / (100 - weight))
    of_load = math.ceil(stable * min(100, weight + mirrored) / 100)
    scaling = None if divider(spec) == "Replicas" else spec.autoscaling
    most = max(stable, scaling.max_replicas) if scaling else stable
    return max(1, min(most, max(of_share, of_load)))


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
