"""Why an autoscaler works, or which link of its chain is broken, and the cure; pure.

HorizontalPodAutoscaler (or ScaledObject) -> its own conditions -> the metrics API -> the pods -> NVML. Each
check is named after what it finds; the first one that finds something decides.
"""

from collections.abc import Callable
from typing import Final

from paddlemodel_operator.base import names
from paddlemodel_operator.observe.autoscaler import reading
from paddlemodel_operator.observe.conditions import Condition
from paddlemodel_operator.status.autoscaling_checks import Case, broken, broken_link, pending

INTERVENTIONS: Final = {
    "ScalingDisabled": "The Deployment was scaled to 0, which stops its autoscaler: scale it to 1 to start "
    "it again.",
    "AmbiguousSelector": "Another HorizontalPodAutoscaler scales the same pods: delete it.",
}
"""Reasons of a HorizontalPodAutoscaler of which the cure is ours."""


def diagnose(case: Case) -> Condition:
    """The condition AutoscalingActive: what the first check of the chain finds that finds something."""
    for check in CHAIN:
        if (found := check(case)) is not None:
            return found
    raise AssertionError("the last check of the chain finds something")


def keda_is_missing(case: Case) -> Condition | None:
    """The cluster does not know ScaledObjects."""
    if names.SCALED_OBJECT not in case.observed.missing:
        return None
    return broken(
        "KEDAMissing",
        "The cluster does not know the kind ScaledObject: install KEDA, or set autoscaling.metricsSource to "
        "builtin. The number of pods stays as it is.",
    )


def autoscaler_is_missing(case: Case) -> Condition | None:
    """It was refused, or is about to be written."""
    if case.refused is not None:
        return broken("AutoscalerMissing", f"The {case.kind} could not be written. {case.refused.message}")
    if case.source == "keda" or case.observed.autoscaler:
        return None
    return pending("The HorizontalPodAutoscaler is being created.")


def keda_has_made_none(case: Case) -> Condition | None:
    """KEDA has not handled the ScaledObject yet, refuses it, or is paused."""
    if case.source != "keda":
        return None
    conditions = case.observed.scaled_object or {}
    ready, paused = conditions.get("Ready", Condition("Unknown")), conditions.get("Paused", Condition())
    if ready.status == "Unknown":
        return pending(
            "KEDA has not handled the ScaledObject yet. If this lasts, check that KEDA's operator runs."
        )
    if ready.status == "False":
        return broken(ready.reason or "AutoscalerMissing", f"KEDA says of the ScaledObject: {ready.message}")
    if paused.status == "True":
        return broken(
            paused.reason or "ScaledObjectPaused",
            f"KEDA is paused by an annotation of the ScaledObject: remove it. {paused.message}",
        )
    return None if case.observed.autoscaler else pending("KEDA is making a HorizontalPodAutoscaler.")


def it_cannot_scale(case: Case) -> Condition | None:
    """It cannot read the scale of the Deployment, or cannot change it."""
    able = case.autoscaler.conditions.get("AbleToScale", Condition())
    return broken(able.reason, able.message) if able.status == "False" else None


def it_works(case: Case) -> Condition | None:
    """It reads at least one metric; while it cannot read the others, Kubernetes does not scale down."""
    scaler = case.autoscaler
    if scaler.active.status != "True":
        return None
    unread = [one for one in case.targets if reading(one, case.targets, scaler.readings) is None]
    if not unread or len(unread) == len(case.targets):
        return Condition("True", "Active", "The autoscaler reads its metrics and sets the number of pods.")
    why = broken_link(case, unread[0])
    fields = ", ".join(one.field for one in unread)
    return Condition(
        "True",
        "Active",
        f"The autoscaler works, but cannot read {fields} and does not lower the number of pods until it can. "
        f"{why.message if why else ''}".strip(),
    )


def it_has_not_started(case: Case) -> Condition | None:
    """It evaluates its metrics every 15 s, for the first time after that long."""
    if case.autoscaler.active.status:
        return None
    return pending("The autoscaler has not evaluated its metrics yet.")


def a_person_has_intervened(case: Case) -> Condition | None:
    """Replicas 0, or a second autoscaler on the same pods."""
    active = case.autoscaler.active
    if active.reason not in INTERVENTIONS:
        return None
    return broken(active.reason, f"{INTERVENTIONS[active.reason]} {active.message}")


def a_target_cannot_be_read(case: Case) -> Condition | None:
    """The first of the model's targets of which a link is found broken."""
    for target in case.targets:
        if (found := broken_link(case, target)) is not None:
            return found
    return None


def it_says_why_itself(case: Case) -> Condition:
    """What is left: raw metrics, and what no check above knows."""
    active = case.autoscaler.active
    return active._replace(reason=active.reason or "Unknown")


CHAIN: Final[tuple[Callable[[Case], Condition | None], ...]] = (
    keda_is_missing,
    autoscaler_is_missing,
    keda_has_made_none,
    it_cannot_scale,
    it_works,
    it_has_not_started,
    a_person_has_intervened,
    a_target_cannot_be_read,
    it_says_why_itself,
)
