"""The autoscaler as the cluster shows it, read once into frozen types; pure.

Either our own HorizontalPodAutoscaler, or KEDA's ScaledObject and the HorizontalPodAutoscaler that KEDA makes
of it. `observe` holds the result; the doctor and the status read it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from paddlemodel_api.targets import Target

from paddlemodel_operator.base.quantity import amount

Object = Mapping[str, Any]
Conditions = Mapping[str, tuple[str, str, str]]
"""type -> (status, reason, message)."""

TEXT_MAX: Final = 600
"""Messages come from other programs: they are shortened before they enter a status."""

_KEDA_INDEX: Final = re.compile(r"s(\d+)-")


@dataclass(frozen=True, kw_only=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler."""

    conditions: Conditions
    readings: Mapping[str, float] = field(default_factory=dict)
    """What it has read last, by the metric's name; none of a metric that it cannot read."""

    @property
    def active(self) -> tuple[str, str, str]:
        """Its condition ScalingActive; empty texts until it has looked."""
        return self.conditions.get("ScalingActive", ("", "", ""))


def read_autoscaler(body: Object | None) -> Autoscaler | None:
    """None where there is none."""
    if body is None:
        return None
    status = body.get("status", {})
    metrics = status.get("currentMetrics") or ()
    return Autoscaler(conditions=read_conditions(status), readings=dict(_readings(metrics)))


def read_conditions(status: Object) -> dict[str, tuple[str, str, str]]:
    """Of any object."""
    return {
        one["type"]: (one["status"], one.get("reason", ""), one.get("message", "")[:TEXT_MAX])
        for one in status.get("conditions") or ()
    }


def reading(target: Target, targets: Sequence[Target], readings: Mapping[str, float]) -> float | None:
    """What the autoscaler has read for a target, in the user's units."""
    value = readings.get(target.metric)
    if value is None:
        index = targets.index(target)
        value = next((read for name, read in readings.items() if _keda_index(name) == index), None)
    return None if value is None else value * target.scale


def _keda_index(name: str) -> int | None:
    """KEDA calls the metric of trigger 0 s0-…."""
    found = _KEDA_INDEX.match(name)
    return int(found[1]) if found else None


def _readings(metrics: Sequence[Object]) -> Iterator[tuple[str, float]]:
    """A metric that could not be read leaves an entry without a type."""
    for metric in metrics:
        source = metric.get("type", "")
        part = metric.get(source[:1].lower() + source[1:]) if source else None
        if not part:
            continue
        current = part.get("current") or {}
        keys = ("averageUtilization", "averageValue", "value")
        value = next((amount(current[key]) for key in keys if key in current), None)
        name = part.get("metric", {}).get("name") or part.get("name")
        if value is not None and name:
            yield name, float(value)
