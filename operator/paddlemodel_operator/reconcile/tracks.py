"""Both versions of a model as their Deployments and pods show them: what a rollout is planned by; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from paddlemodel_api import contract
from paddlemodel_api.rollout.progress import Cause

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.observe.children import LiveObjects, Observed, observe
from paddlemodel_operator.render import deployment
from paddlemodel_operator.render.templates.held import revision_of, template_of
from paddlemodel_operator.rollout.situation import Failure, Track
from paddlemodel_operator.settings import Settings
from paddlemodel_operator.status.readiness_checks import nothing_moves, pod_fault, pods_are_refused
from paddlemodel_operator.status.reports import SECRET_MISSING, Fault
from paddlemodel_operator.status.verification import REASONS

Object = Mapping[str, Any]

CRASHES: Final = 3
"""Restarts of a new version's server after which it will not become ready by itself."""
AWAITED: Final = frozenset({SECRET_MISSING, contract.JWT_KEYS_MISSING})
"""What a server ends for again and again until somebody has made it; then it starts by itself."""
CAPACITY: Final = frozenset({"NoGPU", "Unschedulable", "QuotaExceeded"})
UNKNOWN: Final = "unknown"
"""The revision of a Deployment that says none, and that the operator would not write so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracks:
    """The Deployments of a model, its pods of both versions, and the way to the newer one."""

    stable: Object | None = None
    canary: Object | None = None
    service: Object | None = None
    """The model's own in front of the canary; None where somebody else has one of this name."""
    pods: Sequence[Object] = field(default_factory=tuple)


def stable_track(
    model: PaddleModel, settings: Settings, contents: Mapping[str, str], live: Tracks
) -> Track | None:
    """The version that serves; None before there is one.

    Args:
        model: the spec.
        settings: of the operator.
        contents: the revisions of new content for which the pods are replaced.
        live: what there is.
    """
    if live.stable is None:
        return None
    found = observe(LiveObjects(deployment=live.stable, pods=live.pods))
    revision = revision_of(live.stable)
    if not revision:  # Made before these were noted: it is the spec's if it would be written alike.
        rendered = deployment.build(model, settings, contents)
        revision = revision_of(rendered) if template_of(rendered) == template_of(live.stable) else UNKNOWN
    fixed = model.fixed_replicas
    return Track(
        revision=revision,
        desired=live.stable["spec"].get("replicas", 1) if fixed is None else fixed,
        ready=found.ready_pods,
        answering=found.workload.ready if found.workload else 0,
        complete=_is_complete(found),
    )


def canary_track(model: PaddleModel, live: Tracks) -> Track | None:
    """The version that is tried out; None where there is none."""
    if live.canary is None:
        return None
    found = observe(LiveObjects(deployment=live.canary, pods=live.pods))
    fault = pods_are_refused(found) or pod_fault(model, found)
    current = found.workload is not None and found.workload.current
    return Track(
        revision=revision_of(live.canary),
        desired=live.canary["spec"].get("replicas", 1),
        ready=found.ready_pods if current else 0,
        answering=found.workload.ready if found.workload else 0,
        complete=_is_complete(found),
        failure=_failure(found, fault) if current else None,
        hindrance=_waits(fault) if fault else None,
    )


def updated_track(
    model: PaddleModel, settings: Settings, contents: Mapping[str, str], live: Tracks
) -> Track | None:
    """The Deployment of a rolling update, and whether what it brings is broken; arguments as above.

    It is only while pods of the version before answer, and only if none of the new ones ever did: else the
    node is to blame, or nobody would serve.
    """
    found = stable_track(model, settings, contents, live)
    if found is None or live.stable is None or found.ready or not found.answering:
        return found
    seen = observe(LiveObjects(deployment=live.stable, pods=live.pods))
    current = seen.workload is not None and seen.workload.current
    if not current or any(pod.was_ready for pod in seen.pods):
        return found
    return replace(found, failure=_broken(model, seen))


def _broken(model: PaddleModel, seen: Observed) -> Failure | None:
    """What has ended a server again and again; never what is slow, or waits for a node or a model."""
    for pod in seen.pods:
        crashed = pod.server.restarts >= CRASHES
        fault = pod_fault(model, replace(seen, pods=(pod,))) if crashed else None
        if fault is not None and fault.reason not in AWAITED:
            cause: Cause = "VerificationFailed" if fault.reason in REASONS else "Crashing"
            return Failure(cause=cause, message=f"{fault.reason}: {fault.message}")
    return None


def has_crashed(pods: Sequence[Object]) -> bool:
    """Whether any container has ended so often that a version may be broken: a quick look, for each event."""
    states = (one for pod in pods for one in pod.get("status", {}).get("containerStatuses", ()))
    return any(one.get("restartCount", 0) >= CRASHES for one in states)


def _is_complete(found: Observed) -> bool:
    """All pods that are wanted are of the newest template, and answer."""
    workload = found.workload
    if workload is None or not workload.current:
        return False
    same = workload.replicas == workload.updated == workload.desired
    return same and found.ready_pods >= workload.desired


def _failure(found: Observed, fault: Fault | None) -> Failure | None:
    """Why its pods will not become ready; what is wrong with one of several only waits for the deadline."""
    if not found.ready_pods and fault is not None:
        if fault.reason in REASONS:
            return Failure(cause="VerificationFailed", message=fault.message)
        if any(pod.server.restarts >= CRASHES for pod in found.pods):
            return Failure(cause="Crashing", message=f"{fault.reason}: {fault.message}")
    late = nothing_moves(found)
    return _waits(fault or late) if late else None


def _waits(fault: Fault) -> Failure:
    """What it ends by if that does not pass in time."""
    cause: Cause = "NoCapacity" if fault.reason in CAPACITY else "Deadline"
    return Failure(cause=cause, message=f"{fault.reason}: {fault.message}")
