"""The paragraph: parse the spec, render all children, apply what differs, observe, judge, write the status.

`controller` calls it for every model that is due, whatever the trigger was; it never asks what changed.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from paddlemodel_api.targets import CPU, targets

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError, NameConflict, Retry, SpecError
from paddlemodel_operator.base.model import PaddleModel, from_body
from paddlemodel_operator.cluster.cache import Key, owned_by
from paddlemodel_operator.observe.children import Observed, Seen, Workload, observe
from paddlemodel_operator.probing.pod_prober import Subject
from paddlemodel_operator.reconcile.children import Outcome, Trouble, realise
from paddlemodel_operator.reconcile.context import World
from paddlemodel_operator.render import metrics_source, render
from paddlemodel_operator.status.autoscaling_checks import Case
from paddlemodel_operator.status.events import transition
from paddlemodel_operator.status.judge import AUTOSCALING, READY, condition, judge, judge_invalid, merge_patch
from paddlemodel_operator.status.readiness_checks import PROGRESSING, Fault, rejection

log = logging.getLogger(__name__)

LATER: Final = 30.0
"""Until we ask again whether the cluster has come to know a kind."""


async def reconcile(world: World, key: Key) -> None:
    """Bring one model a step closer to its desired state; raises Trouble when it has to be tried again."""
    body = world.cache.get(names.MODEL, key)
    if body is None:
        world.insight.forget(key)
        world.ledger.forget(key)
        return
    if body["metadata"].get("deletionTimestamp"):
        return  # Garbage collection follows the owner references.
    before, now = body.get("status", {}), f"{world.now():%Y-%m-%dT%H:%M:%SZ}"
    try:
        model = from_body(body)
        children = render(model, world.settings)
    except SpecError as error:
        status = judge_invalid(str(error), body["metadata"].get("generation", 0), before, now)
        _count(world, key, status, None)
        await _report(world, body, status)
        return
    outcome = await realise(world, model, children)
    trouble = outcome.trouble
    observed = _observe(world, model, outcome)
    fault = _fault(trouble) if trouble else None
    status = judge(model, observed, fault, before, now, _case(world, model, observed, trouble))
    _count(world, key, status, observed.workload)
    await _report(world, body, status)
    if trouble:
        raise trouble[1]
    if outcome.missing:
        raise Retry(LATER, f"the cluster does not know the kind {outcome.missing[0].kind}")


def _count(world: World, key: Key, status: Mapping[str, Any], workload: Workload | None) -> None:
    """What is said of a model is measured, too."""
    record = world.ledger.of(key)
    record.desired_pods, record.ready_pods = (workload.desired, workload.ready) if workload else (0, 0)
    ready, scaling = condition(status, READY), condition(status, AUTOSCALING)
    record.ready = (ready["status"], ready["reason"]) if ready else None
    record.scaling = (scaling["status"], scaling["reason"]) if scaling else None


def _observe(world: World, model: PaddleModel, outcome: Outcome) -> Observed:
    """What there is, and what was seen at the pods; asks for a look, and does not wait for it."""
    key, gpu = (model.namespace, model.name), model.gpu
    keda = metrics_source(model, world.settings) == "keda"
    name = names.keda_autoscaler(model.name) if keda else model.name
    scaled = _own(world, names.SCALED_OBJECT, model)
    theirs = world.cache.get(names.AUTOSCALER, (model.namespace, name)) if keda else None
    seen = Seen(
        deployment=_own(world, names.DEPLOYMENT, model),
        autoscaler=theirs if keda else _own(world, names.AUTOSCALER, model),
        scaled_object=scaled,
        gpu_resource=gpu.resource_name if gpu else "",
        pods=world.cache.pods(key),
    )
    observed = observe(seen, outcome.missing)
    scaling = model.spec.autoscaling
    if gpu is None:
        world.ledger.of(key).release()
    if scaling is None and gpu is None:
        world.insight.forget(key)
        return observed
    aims = targets(scaling, model.spec.device) if scaling else ()
    told = gpu is not None or any(one.metric != CPU for one in aims)
    owner = "" if keda else model.uid
    subject = Subject(autoscaler=name, owner=owner, gpu_resource=seen.gpu_resource, asks_pods=told)
    return replace(observed, look=world.insight.consider(key, subject, observed.occasion))


def _case(
    world: World, model: PaddleModel, observed: Observed, trouble: tuple[names.Kind, Trouble] | None
) -> Case | None:
    """For the doctor of the autoscaler; None without autoscaling."""
    scaling, settings = model.spec.autoscaling, world.settings
    if scaling is None:
        return None
    fault = _fault(trouble) if trouble and trouble[0] in {names.AUTOSCALER, names.SCALED_OBJECT} else None
    return Case(
        source=metrics_source(model, settings),
        targets=targets(scaling, model.spec.device),
        observed=observed,
        adapter=f"{settings.namespace}/{settings.adapter}" if settings.adapter else "",
        registration=world.registration(),
        refused=fault if fault and fault.reason != PROGRESSING else None,
    )


def _own(world: World, kind: names.Kind, model: PaddleModel) -> Mapping[str, Any] | None:
    live = world.cache.get(kind, (model.namespace, model.name))
    return live if live is not None and owned_by(live, model.uid) else None


def _fault(trouble: tuple[names.Kind, Trouble]) -> Fault:
    kind, error = trouble
    match error:
        case NameConflict():
            return Fault("NameConflict", f"{error}: delete or rename it, or give the model another name.")
        case Retry():
            return Fault(PROGRESSING, f"Waiting: {error}.")
        case _:
            return rejection(error, kind.kind)


async def _report(world: World, body: Mapping[str, Any], status: dict[str, Any]) -> None:
    """One status write, only when it says something new; then, only then, the Event."""
    metadata, before = body["metadata"], body.get("status", {})
    patch = merge_patch(before, status)
    if not patch:
        return
    written = await world.api.patch_status(metadata["namespace"], metadata["name"], patch)
    if written is None:
        return
    world.cache.put(names.MODEL, written)
    event = transition(body, before, status, world.instance, f"{world.now():%Y-%m-%dT%H:%M:%S.%fZ}")
    if event is not None:
        log.info("%s/%s: %s. %s", metadata["namespace"], metadata["name"], event["reason"], event["note"])
        try:
            await world.api.create_event(event)
        except ApiError as error:
            log.warning("No Event for %s/%s: %s", metadata["namespace"], metadata["name"], error)
