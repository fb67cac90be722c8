"""What there is of both versions of a model, and what the plan makes of it."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from paddlemodel_api import contract
from paddlemodel_api.rollout.progress import Cause, Compared, Measured, RolloutStatus

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.cluster.cache import Key, owned_by
from paddlemodel_operator.observe.children import LiveObjects, Observed, observe
from paddlemodel_operator.probing.rollout_meter import Target
from paddlemodel_operator.reconcile.context import Context
from paddlemodel_operator.render import Rollout, deployment
from paddlemodel_operator.render.held import template_of, wish_of
from paddlemodel_operator.rollout import steps
from paddlemodel_operator.rollout.bounds import P95, Latencies
from paddlemodel_operator.rollout.counting import Measurement
from paddlemodel_operator.rollout.judgement import Verdict, Window, judge
from paddlemodel_operator.rollout.plan import plan
from paddlemodel_operator.rollout.revision import wish
from paddlemodel_operator.rollout.situation import Failure, Numbers, Situation, Track
from paddlemodel_operator.rollout.sizes import limits
from paddlemodel_operator.status.readiness_checks import nothing_moves, pod_fault, pods_are_refused
from paddlemodel_operator.status.verification import REASONS

CRASHES: Final = 3
"""Restarts of a canary's server after which it will not become ready by itself."""
CAPACITY: Final = frozenset({"NoGPU", "Unschedulable", "QuotaExceeded"})


def decide(
    context: Context, model: PaddleModel, before: Mapping[str, Any], contents: Mapping[str, str]
) -> Rollout:
    """What the Deployments are to be now.

    Args:
        context: of the process.
        model: the spec.
        before: the status as it is.
        contents: the revisions of new content for which the pods are replaced.
    """
    key = model.namespace, model.name
    if model.spec.rollout.strategy != "Canary":
        context.meter.forget(key)
        return Rollout()
    stable, canary = _own(context, model, model.name), _own(context, model, names.canary(model.name))
    now = context.now()
    stamp = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    known = RolloutStatus.model_validate(before.get("rollout", {}))
    elapsed = _seconds(known.since, now)
    if elapsed is None:  # Or what somebody else has written there would last for ever.
        known = known.model_copy(update={"since": stamp})
    measured = _counted(context, key, known, canary)
    seen = Situation(
        model=model,
        wanted=wish(model, context.settings, contents),
        stable=None if stable is None else _stable(context, model, stable, contents),
        canary=None if canary is None else _canary(model, canary, context.cache.pods(key)),
        before=known,
        elapsed=elapsed or 0.0,
        verdict=_verdict(model, known, measured),
        numbers=None if measured is None else _numbers(model, measured),
        unmeasured=measured.unmeasured if measured else "",
        now=stamp,
    )
    return Rollout(plan=plan(seen), stable=stable, canary=canary)


def _own(context: Context, model: PaddleModel, name: str) -> Mapping[str, Any] | None:
    live = context.cache.get(names.DEPLOYMENT, (model.namespace, name))
    return live if live is not None and owned_by(live, model.uid) else None


def _stable(
    context: Context, model: PaddleModel, live: Mapping[str, Any], contents: Mapping[str, str]
) -> Track:
    found = observe(LiveObjects(deployment=live, pods=context.cache.pods((model.namespace, model.name))))
    revision = wish_of(live)
    if not revision:  # Made before wishes were noted: it is the spec's if the operator would write it alike.
        rendered = deployment.build(model, context.settings, contents)
        same = template_of(rendered) == template_of(live)
        revision = wish_of(rendered) if same else "unknown"
    fixed, workload = model.fixed_replicas, found.workload
    desired = live["spec"].get("replicas", 1) if fixed is None else fixed
    return Track(
        revision=revision,
        desired=desired,
        ready=found.ready_pods,
        answering=workload.ready if workload else 0,
        complete=_is_complete(found),
    )


def _is_complete(found: Observed) -> bool:
    """All pods that are wanted are of the newest template, and answer."""
    workload = found.workload
    if workload is None or not workload.current:
        return False
    same = workload.replicas == workload.updated == workload.desired
    return same and found.ready_pods >= workload.desired


def _canary(model: PaddleModel, live: Mapping[str, Any], pods: list[Mapping[str, Any]]) -> Track:
    found = observe(LiveObjects(deployment=live, pods=pods))
    fault = pods_are_refused(found) or pod_fault(model, found)
    current = found.workload is not None and found.workload.current
    return Track(
        revision=wish_of(live),
        desired=live["spec"].get("replicas", 1),
        ready=found.ready_pods if current else 0,
        answering=found.workload.ready if found.workload else 0,
        complete=_is_complete(found),
        failure=_failure(model, found) if current else None,
        waits_for=f"{fault.reason}: {fault.message}" if fault else "",
    )


def _failure(model: PaddleModel, found: Observed) -> Failure | None:
    """Why its pods will not become ready; what is wrong with one of several only waits for the deadline."""
    fault = pods_are_refused(found) or pod_fault(model, found)
    if not found.ready_pods and fault is not None:
        if fault.reason in REASONS:
            return Failure(cause="VerificationFailed", message=fault.message)
        if any(pod.server.restarts >= CRASHES for pod in found.pods):
            return Failure(cause="Crashing", message=f"{fault.reason}: {fault.message}")
    late = nothing_moves(found)
    if late is None:
        return None
    fault = fault or late
    cause: Cause = "NoCapacity" if fault.reason in CAPACITY else "Deadline"
    return Failure(cause=cause, message=f"{fault.reason}: {fault.message}")


def _counted(
    context: Context, key: Key, known: RolloutStatus, canary: Mapping[str, Any] | None
) -> Measurement | None:
    """What was counted since the step began; nothing is read while no request reaches a canary."""
    runs = known.phase in steps.PHASES and (known.phase == "Stepping" or known.weight)
    if not runs or canary is None:
        context.meter.forget(key)
        return None
    label = canary["spec"]["template"]["metadata"].get("labels", {}).get(contract.REVISION_LABEL, "")
    epoch = f"{known.canary_revision}/{known.phase}/{known.step}/{known.since}"
    return context.meter.counted(key, Target(epoch=epoch, template=label))


def _verdict(model: PaddleModel, known: RolloutStatus, found: Measurement | None) -> Verdict | None:
    if found is None:
        return None
    compared = limits(model.spec.rollout, known.weight or 0)
    return judge(found.stable, found.canary, found.agreement, compared)


def _numbers(model: PaddleModel, found: Measurement) -> Numbers:
    agreement = Compared(compared=found.agreement.compared, agreed=found.agreement.agreed)
    mirrored = model.spec.rollout.mirror is not None
    return Numbers(
        stable=_measured(found.stable),
        canary=_measured(found.canary),
        agreement=agreement if mirrored else None,
    )


def _measured(window: Window) -> Measured:
    p95 = Latencies(window.buckets, window.seconds).quantile(P95) if window.requests else None
    shown = None if p95 is None else round(p95 * 1e3)
    return Measured(requests=window.requests, errors=window.errors, p95_milliseconds=shown)


def _seconds(since: str | None, now: dt.datetime) -> float | None:
    """How long ago; a clock that was set back counts as no time. None for what is no time."""
    try:
        return max(0.0, (now - dt.datetime.fromisoformat(since or "")).total_seconds())
    except (ValueError, TypeError):
        return None
