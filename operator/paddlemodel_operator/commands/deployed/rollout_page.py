"""How far a rollout is, for `paddlemodel status NAME`; pure."""

from collections.abc import Mapping
from typing import Any

from paddlemodel_operator.language.words import t


def properties(rollout: Mapping[str, Any]) -> dict[str, str]:
    """Names and texts for the page; none where nothing is tried out."""
    phase = rollout.get("phase")
    if not phase:
        return {}
    step, weight, share = (rollout.get(name) for name in ("step", "weight", "share"))
    parts = [
        phase,
        t("step {step}", step=step) if step else "",
        t("weight {weight} %", weight=weight) if weight is not None else "",
        t("share {share} %", share=share) if share else "",
    ]
    agreement = rollout.get("agreement")
    return {
        t("Rollout"): t(", ").join(part for part in parts if part),
        t("Stable"): _measured(rollout.get("stableRevision"), rollout.get("stable")),
        t("Canary"): _measured(rollout.get("canaryRevision"), rollout.get("canary")),
        t("Agreement"): t("{agreed} of {compared} answers", **agreement) if agreement else "",
    }


def _measured(revision: str | None, found: Mapping[str, Any] | None) -> str:
    if not found:
        return revision or ""
    p95 = found.get("p95Milliseconds")
    told = t("{requests} requests, {errors} errors", requests=found["requests"], errors=found["errors"])
    behind = "" if p95 is None else f"{t(', ')}p95 {p95} ms"
    return f"{revision}{t(': ')}{told}{behind}"
