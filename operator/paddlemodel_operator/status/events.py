"""Kubernetes Events about a model: when its Ready condition turns, and when it is open to outsiders."""

from collections.abc import Mapping
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.rollout.words import UNDER_WAY
from paddlemodel_operator.status.judge import ACCESS, READY, condition
from paddlemodel_operator.status.pause import PAUSED
from paddlemodel_operator.status.readiness_checks import PROGRESSING
from paddlemodel_operator.status.traffic.access import OPEN

NOTE_MAX: Final = 1024
"""Bytes, though the API server speaks of characters."""
CONTROLLER: Final = f"{contract.GROUP}/operator"


def transition(
    body: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], instance: str, now: str
) -> dict[str, Any] | None:
    """The Event for a turn of Ready, or None where nothing turned."""
    old, new = condition(before, READY), condition(after, READY)
    if (old.get("status"), old.get("reason")) == (new["status"], new["reason"]):
        return None
    healthy = new["status"] == "True" or new["reason"] in {PROGRESSING, "ScaledToZero", PAUSED, *UNDER_WAY}
    return _event(body, new, instance, now, healthy=healthy)


def opening(
    body: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], instance: str, now: str
) -> dict[str, Any] | None:
    """The warning that everybody may use a model which outsiders reach; once, when it has become so."""
    old, new = condition(before, ACCESS), condition(after, ACCESS)
    if new.get("reason") != OPEN or old.get("reason") == OPEN:
        return None
    return _event(body, new, instance, now, healthy=False)


def _event(
    body: Mapping[str, Any], said: Mapping[str, Any], instance: str, now: str, *, healthy: bool
) -> dict[str, Any]:
    metadata = body["metadata"]
    return {
        "apiVersion": names.EVENT.api_version,
        "kind": names.EVENT.kind,
        "metadata": {"generateName": f"{metadata['name']}-", "namespace": metadata["namespace"]},
        "eventTime": now,
        "reportingController": CONTROLLER,
        "reportingInstance": instance[:128],
        "action": "Reconcile",
        "reason": said["reason"],
        "note": said["message"].encode()[:NOTE_MAX].decode(errors="ignore"),
        "type": "Normal" if healthy else "Warning",
        "regarding": {
            "apiVersion": contract.API_VERSION,
            "kind": contract.KIND,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
    }
