"""Kubernetes Events about a model: one when its Ready condition turns, after the status was written."""

from collections.abc import Mapping
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.status.judge import READY, condition
from paddlemodel_operator.status.readiness_checks import PROGRESSING

NOTE_MAX: Final = 1024
CONTROLLER: Final = f"{contract.GROUP}/operator"


def transition(
    body: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], instance: str, now: str
) -> dict[str, Any] | None:
    """The Event for a turn of Ready, or None where nothing turned."""
    old, new = condition(before, READY), condition(after, READY)
    if (old.get("status"), old.get("reason")) == (new["status"], new["reason"]):
        return None
    healthy = new["status"] == "True" or new["reason"] in {PROGRESSING, "ScaledToZero"}
    metadata = body["metadata"]
    return {
        "apiVersion": names.EVENT.api_version,
        "kind": names.EVENT.kind,
        "metadata": {"generateName": f"{metadata['name']}-", "namespace": metadata["namespace"]},
        "eventTime": now,
        "reportingController": CONTROLLER,
        "reportingInstance": instance[:128],
        "action": "Reconcile",
        "reason": new["reason"],
        "note": new["message"][:NOTE_MAX],
        "type": "Normal" if healthy else "Warning",
        "regarding": {
            "apiVersion": contract.API_VERSION,
            "kind": contract.KIND,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
    }
