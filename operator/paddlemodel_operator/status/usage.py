"""What a status says about load: per target of the autoscaler, and about the GPUs; pure.

A status that followed every number would be written whenever an autoscaler evaluates. So numbers come from
PodSamples only (once a minute), and replace the old ones only when they have moved enough to matter.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from paddlemodel_api import contract
from paddlemodel_api.status import GpuStatus, ScalingStatus, ScalingTarget
from paddlemodel_api.targets import targets

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.base.quantity import amount
from paddlemodel_operator.observe.autoscaler import reading
from paddlemodel_operator.observe.children import Observed
from paddlemodel_operator.observe.pod_samples import PodSamples

STEP_OF_TARGET: Final = 0.1
GPU_STEP: Final = 10.0
"""Percentage points."""


def settled(before: float | None, now: float, step: float) -> float:
    """The number to show: the one shown before until the present one is a step away, or is 0."""
    if before is None or abs(now - before) >= step or (now == 0 and before < step):
        return now
    return before


def scaling_status(
    model: PaddleModel, source: str, samples: PodSamples | None, before: Mapping[str, Any]
) -> ScalingStatus | None:
    """Targets and present values; None without autoscaling. `before` is the status as it was."""
    if model.spec.autoscaling is None:
        return None
    shown = {one["name"]: one for one in before.get("autoscaling", {}).get("targets", ())}
    result = []
    for name, metric, target, now in _aims(model, samples):
        old = shown.get(name, {})
        known = old if (old.get("metric"), old.get("target")) == (metric, target) else {}
        current = known.get("current") if samples is None else _current(known, now, target)
        result.append(ScalingTarget(name=name, metric=metric, target=target, current=current))
    return ScalingStatus(source=source, targets=tuple(result))


def gpu_status(model: PaddleModel, observed: Observed, before: Mapping[str, Any]) -> GpuStatus | None:
    """GPUs held, and their use in percent; None on device CPU. `before` is the status as it was."""
    if model.gpu is None:
        return None
    shown: int | None = before.get("gpu", {}).get("utilization")
    if observed.samples is not None:
        now = observed.samples.mean(contract.GPU_METRIC)
        shown = None if now is None else round(settled(shown, round(now), GPU_STEP))
    return GpuStatus(requested=observed.gpus, utilization=shown)


def gpu_column(gpu: GpuStatus | None) -> str | None:
    """The text of the column GPUs of kubectl get: 2, or 2 at 63 %."""
    if gpu is None:
        return None
    return str(gpu.requested) if gpu.utilization is None else f"{gpu.requested} at {gpu.utilization} %"


def _current(known: Mapping[str, Any], now: float | None, target: str) -> str | None:
    if now is None:
        return None
    before = amount(known["current"]) if known.get("current") else None
    step = float(amount(target) or 0) * STEP_OF_TARGET
    return _text(settled(None if before is None else float(before), now, step))


def _aims(model: PaddleModel, samples: PodSamples | None) -> Iterator[tuple[str, str, str, float | None]]:
    """Name, metric, target, and what the autoscaler has read, of every target and every raw metric."""
    scaling = model.spec.autoscaling
    if scaling is None:
        return
    readings = samples.readings if samples else {}
    aims = targets(scaling, model.spec.device)
    for one in aims:
        yield one.field, one.metric, _text(one.value), reading(one, aims, readings)
    for index, raw in enumerate(scaling.metrics or ()):
        metric, target = _raw(raw)
        yield f"metrics[{index}]", metric, target, readings.get(metric)


def _raw(metric: Mapping[str, Any]) -> tuple[str, str]:
    """Name and target of a MetricSpec, which only the API server validates, in the autoscaler."""
    kind = str(metric.get("type", ""))
    part = metric.get(kind[:1].lower() + kind[1:])
    part = part if isinstance(part, Mapping) else {}
    named, target = part.get("metric"), part.get("target")
    name = (named if isinstance(named, Mapping) else part).get("name") or kind
    aim = target if isinstance(target, Mapping) else {}
    value = next((aim[key] for key in ("averageUtilization", "averageValue", "value") if key in aim), "")
    number = amount(value)
    return str(name)[:253], str(value)[:32] if number is None else _text(float(number))


def _text(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")[:32]
