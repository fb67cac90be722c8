"""What there is of both versions of a model, what was measured, and what the plan makes of it."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from paddlemodel_api import contract
from paddlemodel_api.rollout.progress import Compared, Measured, RolloutStatus

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.cluster.cache import Key
from paddlemodel_operator.probing.rollout_meter import Target
from paddlemodel_operator.reconcile.context import Context
from paddlemodel_operator.reconcile.former import former
from paddlemodel_operator.reconcile.tracks import (
    Tracks,
    canary_track,
    has_crashed,
    stable_track,
    updated_track,
)
from paddlemodel_operator.render import Rollout
from paddlemodel_operator.rollout import giving_up, steps
from paddlemodel_operator.rollout.bounds import P95, Latencies
from paddlemodel_operator.rollout.counting import Measurement
from paddlemodel_operator.rollout.judgement import Verdict, Window, judge
from paddlemodel_operator.rollout.plan import plan
from paddlemodel_operator.rollout.revision import wanted_revision
from paddlemodel_operator.rollout.situation import Numbers, Situation
from paddlemodel_operator.rollout.sizes import limits
from paddlemodel_operator.settings import Settings


async def decide(
    context: Context, model: PaddleModel, before: Mapping[str, Any], contents: Mapping[str, str]
) -> Rollout:
    """What the Deployments are to be now.

    Args:
        context: of the process.
        model: the spec.
        before: the status as it is.
        contents: the revisions of new content for which the pods are replaced.

    Raises:
        ApiError: the API server did not answer.
    """
    key = model.namespace, model.name
    if model.spec.rollout.strategy != "Canary":
        context.meter.forget(key)
        return await _update(context, (model, context.settings, contents), before)
    live = Tracks(
        stable=context.own(model, names.DEPLOYMENT),
        canary=context.own(model, names.DEPLOYMENT, names.canary(model.name)),
        service=context.own(model, names.SERVICE, names.canary(model.name)),
        pods=context.cache.pods(key),
    )
    now = context.now()
    known, _ = _dated(before, now)
    measured = _counted(context, key, known, live.canary)
    return planned((model, context.settings, contents), live, before, now, measured)


async def _update(
    context: Context, wanted: tuple[PaddleModel, Settings, Mapping[str, str]], before: Mapping[str, Any]
) -> Rollout:
    """What the Deployment of a rolling update is to be; nearly always what the spec says."""
    model, _, _ = wanted
    live = Tracks(
        stable=context.own(model, names.DEPLOYMENT),
        pods=context.cache.pods((model.namespace, model.name)),
    )
    if live.stable is None or not (before.get("rollout") or has_crashed(live.pods)):
        return Rollout()
    found = planned(wanted, live, before, context.now())
    if not found.plan.former or model.paused:
        return found
    template = await former(context.api, model, live.stable)
    if template is None:
        return replace(found, plan=giving_up.follows(_situation(wanted, live, before, context.now())))
    return replace(found, former=template)


def planned(
    wanted: tuple[PaddleModel, Settings, Mapping[str, str]],
    live: Tracks,
    before: Mapping[str, Any],
    now: dt.datetime,
    measured: Measurement | None = None,
) -> Rollout:
    """What follows for a spec, an operator's settings and new content, on what there is."""
    seen = _situation(wanted, live, before, now, measured)
    tries = seen.model.spec.rollout.strategy == "Canary"
    found = plan(seen) if tries else giving_up.update(seen)
    return Rollout(plan=found, stable=live.stable, canary=live.canary)


def _situation(
    wanted: tuple[PaddleModel, Settings, Mapping[str, str]],
    live: Tracks,
    before: Mapping[str, Any],
    now: dt.datetime,
    measured: Measurement | None = None,
) -> Situation:
    model, settings, contents = wanted
    known, elapsed = _dated(before, now)
    tries = model.spec.rollout.strategy == "Canary"
    return Situation(
        model=model,
        wanted=wanted_revision(model, settings, contents),
        stable=(stable_track if tries else updated_track)(model, settings, contents, live),
        canary=canary_track(model, live) if tries else None,
        has_service=live.service is not None,
        before=giving_up.forgotten(known) if tries else known,
        elapsed=elapsed,
        verdict=None if measured is None else _verdict(model, known, measured),
        numbers=None if measured is None else _numbers(model, measured),
        unmeasured=measured.unmeasured if measured else "",
        now=_text(now),
    )


def _dated(before: Mapping[str, Any], now: dt.datetime) -> tuple[RolloutStatus, float]:
    """The status of the rollout, and how many seconds ago its step began.

    What began in the future, by a clock that was wrong, or at no time, begins now: it would last for ever.
    """
    known = RolloutStatus.model_validate(before.get("rollout", {}))
    try:
        elapsed = (now - dt.datetime.fromisoformat(known.since or "")).total_seconds()
    except (ValueError, TypeError):
        elapsed = -1.0
    return (known, elapsed) if elapsed >= 0 else (known.model_copy(update={"since": _text(now)}), 0.0)


def _text(now: dt.datetime) -> str:
    return f"{now:%Y-%m-%dT%H:%M:%SZ}"


def _counted(
    context: Context, key: Key, known: RolloutStatus, canary: Mapping[str, Any] | None
) -> Measurement | None:
    """What was counted since the step began; nothing is read while no request reaches a canary."""
    if canary is None or not steps.is_measured(known):
        context.meter.forget(key)
        return None
    label = canary["spec"]["template"]["metadata"].get("labels", {}).get(contract.REVISION_LABEL, "")
    epoch = f"{known.canary_revision}/{known.phase}/{known.step}/{known.since}"
    return context.meter.counted(key, Target(epoch=epoch, template=label))


def _verdict(model: PaddleModel, known: RolloutStatus, found: Measurement) -> Verdict:
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
