"""How kstatus judges an object of a kind that it does not know, as its source and README say it.

Source: https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus (Compute, checkGenericProperties,
checkReadyCondition). Helm's --wait and Flux' health checks use that library.
"""

from collections.abc import Mapping
from typing import Any


def compute(body: Mapping[str, Any]) -> str:
    """Terminating, InProgress, Failed or Current."""
    metadata, status = body["metadata"], body.get("status") or {}
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    seen = status.get("observedGeneration")
    if "generation" in metadata and seen is not None and seen != metadata["generation"]:
        return "InProgress"
    conditions = status.get("conditions", ())
    for one in conditions:  # The first that is true decides.
        if one["status"] == "True" and one["type"] in {"Reconciling", "Stalled"}:
            return {"Reconciling": "InProgress", "Stalled": "Failed"}[one["type"]]
    ready = next((one["status"] for one in conditions if one["type"] == "Ready"), "True")
    return "Current" if ready == "True" else "InProgress"
