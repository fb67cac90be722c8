"""The reconcile function: parse the spec, render the children, apply them, observe, judge, write the status.

It is the same whatever the trigger was: it never asks what changed.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from paddlemodel_api.rollout.progress import RolloutStatus
from paddlemodel_api.targets import CPU, targets

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError, NameConflict, Retry, SpecError
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.cluster.cache import Key
from paddlemodel_operator.observe.children import LiveObjects, Observed, Workload, observe
from paddlemodel_operator.observe.pod_samples import PodSamples
from paddlemodel_operator.probing.pod_prober import ProbeTarget
from paddlemodel_operator.reconcile.children import Outcome, Trouble, apply_children, waiting
from paddlemodel_operator.reconcile.context import Context
from paddlemodel_operator.reconcile.report import report
from paddlemodel_operator.reconcile.rollout import decide
from paddlemodel_operator.render import Children, access, metrics_source
from paddlemodel_operator.rollout.situation import Plan
from paddlemodel_operator.status.autoscaling_checks import Case
from paddlemodel_operator.status.judge import (
    AUTOSCALING,
    READY,
    as_applied,
    condition,
    judge,
    judge_invalid,
    last_applied,
)
from paddlemodel_operator.status.known import known
from paddlemodel_operator.status.pause import spec_waits
from paddlemodel_operator.status.readiness_checks import (
    PROGRESSING,
    namespace_is_ending,
    rejection,
)
from paddlemodel_operator.status.reports import Fault
from paddlemodel_operator.status.updates import replacement

FIRST_REPORTS: Final = 0.5
"""Seconds for which a new model's first status waits: what controllers say of its children comes with it."""


async def reconcile(context: Context, key: Key) -> None:
    """Bring one model a step closer to its desired state.

    Raises:
        Retry: it is not there yet.
        ApiError: the API server refused something, or did not answer.
        NameConflict: an object of a child's name belongs to somebody else.
    """
    sight = context.sight(key)
    if context.settled.get(key) == sight:
        return  # Or thousands of models that stay as they are would keep a core busy.
    context.settled.pop(key, None)
    body = context.cache.get(names.MODEL, key)
    if body is None:
        context.forget(key)
        return
    samples = sight.samples
    if not body["metadata"].get("deletionTimestamp"):  # else garbage collection follows the owner references
        samples = await _converge(context, key, body)
    if context.sight(key) == (seen := replace(sight, samples=samples)):
        context.settled[key] = seen


async def _converge(context: Context, key: Key, body: Mapping[str, Any]) -> PodSamples | None:
    """What `reconcile` does for a model that stays; returns the samples that it was judged by."""
    before, now = known(body.get("status")), f"{context.now():%Y-%m-%dT%H:%M:%SZ}"
    try:
        model, children, plan = await _wanted(context, body, before)
    except SpecError as error:
        context.meter.forget(key)  # Nobody would act on its canary's numbers.
        status = judge_invalid(str(error), body["metadata"].get("generation", 0), before, now)
        _count(context, key, status, None)
        await report(context, body, status)
        return context.prober.samples(key)
    if model.paused:
        status, samples = _paused(context, model, children, before, now, plan)
        await report(context, body, status)
        return samples
    if await _is_gone(context, body, children):
        return context.prober.samples(key)
    outcome = await _apply(context, body, model, children)
    trouble = outcome.trouble
    observed = replace(_observe(context, model, outcome), plan=plan)
    fault = _fault(model, trouble) if trouble else None
    case = _case(context, model, observed, trouble)
    status = judge(model, observed, fault=fault, case=case, before=before, now=now)
    _count(context, key, status, observed.workload)
    await report(context, body, status)
    context.begun.discard(key)
    if trouble is not None and key[0] not in context.ending:
        raise trouble.error
    if plan.again is not None:
        raise Retry(plan.again, "a canary is under way")  # A step ends by the clock, which no event tells.
    return observed.samples


async def _apply(
    context: Context, body: Mapping[str, Any], model: PaddleModel, children: Children
) -> Outcome:
    """Bring the children to what they should be.

    Raises:
        ApiError: the server has asked for fewer requests, and a status would be one more.
        Retry: the children are new, and nobody has said anything of them that a status could tell.
    """
    outcome, key = await apply_children(context, model, children), (model.namespace, model.name)
    failure = outcome.trouble.error if outcome.trouble else None
    if isinstance(failure, ApiError) and failure.is_overload:
        raise failure
    if not (failure or body.get("status") or key in context.begun):
        context.begun.add(key)
        raise Retry(FIRST_REPORTS, "its children have just been made")
    return outcome


async def _wanted(
    context: Context, body: Mapping[str, Any], before: Mapping[str, Any]
) -> tuple[PaddleModel, Children, Plan]:
    """The parsed spec, what is to exist for it, and how far its rollout is to be.

    Raises:
        SpecError: it asks for what cannot be.
        ApiError: the API server did not answer.
    """
    model = context.recent.parse(body)
    contents = replacement(model, _before(context, model))
    rollout = await decide(context, model, before, contents)
    return model, context.recent.render(model, context.settings, contents, rollout), rollout.plan


def _paused(
    context: Context, model: PaddleModel, children: Children, before: Mapping[str, Any], now: str, plan: Plan
) -> tuple[dict[str, Any], PodSamples | None]:
    """Status and samples of a model of which nothing is changed: about the last spec that was applied."""
    applied = last_applied(before)
    differing = tuple(map(str, waiting(context, model, children)))
    shown = before.get("rollout")
    stays = replace(plan, status=RolloutStatus.model_validate(shown) if shown else None)
    observed = replace(_observe(context, model, Outcome()), waiting=differing, plan=stays)
    case = _case(context, model, observed, None)
    fault = spec_waits(model) if applied != model.generation else None
    last = replace(model, generation=applied)
    status = judge(last, observed, fault=fault, case=case, before=before, now=now)
    if fault is not None:
        status = as_applied(status, before)
    _count(context, (model.namespace, model.name), status, observed.workload)
    return status, observed.samples


async def _is_gone(context: Context, body: Mapping[str, Any], desired: Children) -> bool:
    """Whether a model that lacks a child it once had is gone itself, so that nothing is made anew.

    Garbage collection deletes the children after the model, but each kind has a watch of its own, and the
    model's may be the last to tell. A model that has just come never had children: it costs no request.
    """
    metadata = body["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    lacks = any(
        context.cache.get(child.kind, (namespace, child.name)) is None
        for child in desired
        if context.serves(child.kind, namespace)
    )
    had = body.get("status") or (namespace, name) in context.begun
    if not lacks or not had or namespace in context.ending:
        return False
    live = await context.api.get(names.MODEL, namespace, name)
    if live is None:
        context.cache.remove(names.MODEL, body)
        context.forget((namespace, name))
        return True
    context.cache.put(names.MODEL, live)
    there = live["metadata"]
    return there["uid"] != metadata["uid"] or "deletionTimestamp" in there


def _count(context: Context, key: Key, status: Mapping[str, Any], workload: Workload | None) -> None:
    """What the status says goes into the operator's own metrics, too."""
    record = context.records.of(key)
    record.desired_pods, record.ready_pods = (workload.desired, workload.ready) if workload else (0, 0)
    ready, scaling = condition(status, READY), condition(status, AUTOSCALING)
    record.ready = (ready["status"], ready["reason"]) if ready else None
    record.scaling = (scaling["status"], scaling["reason"]) if scaling else None


def _observe(context: Context, model: PaddleModel, outcome: Outcome) -> Observed:
    """What there is, and the last samples of its pods; asks for new ones, and does not wait for them."""
    key, gpu = (model.namespace, model.name), model.gpu
    keda = metrics_source(model, context.settings) == "keda"
    name = names.keda_autoscaler(model.name) if keda else model.name
    live = _live(context, model)
    observed = observe(live, outcome.missing)
    scaling, mounts = model.spec.autoscaling, bool(access.mounts(model))
    if gpu is None:
        context.records.of(key).release()
    if scaling is None and gpu is None and not mounts:
        context.prober.forget(key)
        return observed
    aims = targets(scaling, model.spec.device) if scaling else ()
    asks_pods = gpu is not None or mounts or any(one.metric != CPU for one in aims)
    owner = "" if keda else model.uid
    target = ProbeTarget(autoscaler=name, owner=owner, gpu_resource=live.gpu_resource, asks_pods=asks_pods)
    return replace(observed, samples=context.prober.latest(key, target, observed.trigger))


def _before(context: Context, model: PaddleModel) -> Observed:
    """What decides whether pods are replaced for new content: the Deployment, and for Auto the pods."""
    if model.spec.model.update_policy == "Auto":
        return observe(_live(context, model))
    return observe(LiveObjects(deployment=context.own(model, names.DEPLOYMENT)))


def _live(context: Context, model: PaddleModel) -> LiveObjects:
    """What there is of a model."""
    key, gpu = (model.namespace, model.name), model.gpu
    keda = metrics_source(model, context.settings) == "keda"
    theirs = (model.namespace, names.keda_autoscaler(model.name))
    return LiveObjects(
        deployment=context.own(model, names.DEPLOYMENT),
        canary=context.own(model, names.DEPLOYMENT, names.canary(model.name)),
        cron_job=context.own(model, names.CRON_JOB),
        autoscaler=context.cache.get(names.AUTOSCALER, theirs)
        if keda
        else context.own(model, names.AUTOSCALER),
        network_policy=context.own(model, names.NETWORK_POLICY),
        http_route=context.own(model, names.HTTP_ROUTE),
        scaled_object=context.own(model, names.SCALED_OBJECT),
        gpu_resource=gpu.resource_name if gpu else "",
        pods=context.cache.pods(key),
    )


def _case(context: Context, model: PaddleModel, observed: Observed, trouble: Trouble | None) -> Case | None:
    """What the doctor of the autoscaler decides by; None without autoscaling."""
    scaling, settings = model.spec.autoscaling, context.settings
    if scaling is None:
        return None
    scalers = {names.AUTOSCALER, names.SCALED_OBJECT}
    fault = _fault(model, trouble) if trouble and trouble.child.kind in scalers else None
    return Case(
        source=metrics_source(model, settings),
        targets=targets(scaling, model.spec.device),
        observed=observed,
        adapter=f"{settings.namespace}/{settings.adapter}" if settings.adapter else "",
        registration=context.registration(),
        refused=fault if fault and fault.reason != PROGRESSING else None,
    )


def _fault(model: PaddleModel, trouble: Trouble) -> Fault:
    match trouble.error:
        case NameConflict() as error:
            return Fault("NameConflict", f"{error}: delete or rename it, or give the model another name.")
        case Retry() as error:
            return Fault(PROGRESSING, f"Waiting: {error}.")
        case ApiError() as error if error.is_of_ending_namespace:
            return namespace_is_ending(model.namespace)
        case error:
            return rejection(error, trouble.child, model.namespace)
