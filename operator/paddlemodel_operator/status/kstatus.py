"""The conditions Reconciling and Stalled, by which Helm, Flux and others tell waiting from failing; pure.

They repeat Ready, each only while it is true, as the library kstatus reads them.
Source: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from typing import Final

from paddlemodel_operator.observe.conditions import Condition
from paddlemodel_operator.status.pause import PAUSED
from paddlemodel_operator.status.readiness_checks import PROGRESSING

RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"
_WANTED: Final = frozenset({"ScaledToZero", PAUSED})
"""Reasons that a person has wanted: nothing is under way, and nothing is wrong."""


def standard(ready: Condition) -> dict[str, Condition]:
    """One of the two, or none: for a model that is Ready, or that a person has stopped."""
    if ready.status == "True" or ready.reason in _WANTED:
        return {}
    kind = RECONCILING if ready.reason == PROGRESSING else STALLED
    return {kind: Condition("True", ready.reason, ready.message)}
