"""How far a rollout is, for `paddlemodel status NAME`; pure."""

from collections.abc import Mapping
from typing import Any


def properties(rollout: Mapping[str, Any]) -> dict[str, str]:
    """Names and texts for the page; none where nothing is tried out."""
    phase = rollout.get("phase")
    if not phase:
        return {}
    step, weight, share = (rollout.get(name) for name in ("step", "weight", "share"))
    parts = [
        phase,
        f"step {step}" if step else "",
        f"weight {weight} %" if weight is not None else "",
        f"share {share} % by pods" if share else "",
    ]
    agreement = rollout.get("agreement")
    return {
        "Rollout": ", ".join(part for part in parts if part),
        "Stable": _measured(rollout.get("stableRevision"), rollout.get("stable")),
        "Canary": _measured(rollout.get("canaryRevision"), rollout.get("canary")),
        "Agreement": f"{agreement['agreed']} of {agreement['compared']} answers" if agreement else "",
    }


def _measured(revision: str | None, found: Mapping[str, Any] | None) -> str:
    if not found:
        return revision or ""
    p95 = found.get("p95Milliseconds")
    behind = "" if p95 is None else f", p95 {p95} ms"
    return f"{revision}: {found['requests']} requests, {found['errors']} errors{behind}"
