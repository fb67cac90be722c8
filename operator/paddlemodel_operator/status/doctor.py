"""Why an autoscaler works, or which link of its chain is broken, and the cure; pure.

HorizontalPodAutoscaler (or ScaledObject) -> its own conditions -> the metrics API -> the pods -> NVML. Each
check is named after what it finds; `status` asks for the first one that finds something.
"""

from collections.abc import Callable
from typing import Final

from paddlemodel_operator.base import names
from paddlemodel_operator.observe.autoscaler import reading
from paddlemodel_operator.status.autoscaling_checks import Case, Finding, broken, broken_link, pending


def diagnose(case: Case) -> Finding:
    """The first finding of the chain; the last check always finds something."""
    for check in CHAIN:
        if (finding := check(case)) is not None:
            return finding
    raise AssertionError("the last check of the chain finds something")


def keda_is_missing(case: Case) -> Finding | None:
    """The cluster does not know ScaledObjects."""
    if names.SCALED_OBJECT not in case.observed.missing:
        return None
    return broken(
        "KEDAMissing",
        "The cluster does not know the kind ScaledObject: install KEDA, or set autoscaling.metricsSource to "
        "builtin. The number of pods stays as it is.",
    )


def autoscaler_is_missing(case: Case) -> Finding | None:
    """It was refused, or is about to be written."""
    if case.refused is not None:
        return broken("AutoscalerMissing", f"The {case.kind} could not be written. {case.refused.message}")
    if case.source == "keda" or case.observed.autoscaler:
        return None
    return pending("The HorizontalPodAutoscaler is being created.")


def keda_has_made_none(case: Case) -> Finding | None:
    """KEDA has not come to it, refuses it, or was told to pause."""
    if case.source != "keda":
        return None
    told = case.observed.scaled_object or {}
    ready, paused = told.get("Ready", ("Unknown", "", "")), told.get("Paused", ("", "", ""))
    if ready[0] == "Unknown":
        return pending(
            "KEDA has not looked at the ScaledObject yet. If this lasts, look whether KEDA's operator runs."
        )
    if ready[0] == "False":
        return broken(ready[1] or "AutoscalerMissing", f"KEDA says of the ScaledObject: {ready[2]}")
    if paused[0] == "True":
        return broken(
            paused[1] or "ScaledObjectPaused",
            f"KEDA is told to pause by an annotation of the ScaledObject: remove it. {paused[2]}",
        )
    return None if case.observed.autoscaler else pending("KEDA is making a HorizontalPodAutoscaler.")


def it_cannot_scale(case: Case) -> Finding | None:
    """Its target or the write to it fails."""
    able = case.autoscaler.conditions.get("AbleToScale", ("", "", ""))
    return broken(able[1], able[2]) if able[0] == "False" else None


def it_works(case: Case) -> Finding | None:
    """On at least one metric. Kubernetes then lowers nothing for the sake of those that it cannot read."""
    scaler = case.autoscaler
    if scaler.active[0] != "True":
        return None
    unread = [one for one in case.targets if reading(one, case.targets, scaler.readings) is None]
    if not unread or len(unread) == len(case.targets):
        return Finding("True", "Active", "The autoscaler reads its metrics and sets the number of pods.")
    why = broken_link(case, unread[0])
    fields = ", ".join(one.field for one in unread)
    return Finding(
        "True",
        "Active",
        f"The autoscaler works, but cannot read {fields} and does not lower the number of pods until it can. "
        f"{why.message if why else ''}".strip(),
    )


def it_has_not_looked(case: Case) -> Finding | None:
    """It looks every 15 s."""
    return None if case.autoscaler.active[0] else pending("The autoscaler has not looked at the model yet.")


def a_person_has_intervened(case: Case) -> Finding | None:
    """Replicas 0, or a second autoscaler on the same pods."""
    _, reason, message = case.autoscaler.active
    cures = {
        "ScalingDisabled": "Somebody has scaled the Deployment to 0, which stops its autoscaler: scale it to "
        "1 to go on.",
        "AmbiguousSelector": "Another HorizontalPodAutoscaler scales the same pods: delete it.",
    }
    return broken(reason, f"{cures[reason]} {message}".strip()) if reason in cures else None


def a_target_cannot_be_read(case: Case) -> Finding | None:
    """The first of the model's targets of which a link is found broken."""
    for target in case.targets:
        if (finding := broken_link(case, target)) is not None:
            return finding
    return None


def it_says_why_itself(case: Case) -> Finding:
    """What is left are the raw metrics, and what nobody has thought of."""
    status, reason, message = case.autoscaler.active
    return Finding(status, reason or "Unknown", message)


CHAIN: Final[tuple[Callable[[Case], Finding | None], ...]] = (
    keda_is_missing,
    autoscaler_is_missing,
    keda_has_made_none,
    it_cannot_scale,
    it_works,
    it_has_not_looked,
    a_person_has_intervened,
    a_target_cannot_be_read,
    it_says_why_itself,
)
