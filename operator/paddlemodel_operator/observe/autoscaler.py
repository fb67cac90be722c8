"""The autoscaler as the cluster shows it, read once into frozen types; pure.

Either our own HorizontalPodAutoscaler, or KEDA's ScaledObject and the HorizontalPodAutoscaler that KEDA makes
of it. The doctor and the status read the result.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from paddlemodel_api.targets import Target

from paddlemodel_operator.base.quantity import amount
from paddlemodel_operator.observe.conditions import Condition, Conditions, read_conditions

Object = Mapping[str, Any]

_KEDA_INDEX: Final = re.compile(r"s(\d+)-")


@dataclass(frozen=True, kw_only=True, slots=True)
class Autoscaler:
    """What a HorizontalPodAutoscaler reports."""

    conditions: Conditions
    readings: Mapping[str, float] = field(default_factory=dict)
    """The last value of each metric that it can read, by the metric's name."""

    @property
    def active(self) -> Condition:
        """Its condition ScalingActive; empty texts before its first evaluation."""
        return self.conditions.get("ScalingActive", Condition())


def read_autoscaler(body: Object | None) -> Autoscaler | None:
    """Parse a HorizontalPodAutoscaler; None stays None."""
    if body is None:
        return None
    status = body.get("status", {})
    metrics = status.get("currentMetrics") or ()
    return Autoscaler(conditions=read_conditions(status), readings=dict(_readings(metrics)))


def reading(target: Target, targets: Sequence[Target], readings: Mapping[str, float]) -> float | None:
    """The autoscaler's last value for one target, in the user's units; None if it has none."""
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
