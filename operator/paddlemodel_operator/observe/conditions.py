"""Conditions as Kubernetes writes them, read once into a record; pure.

The Deployment, its pods, the autoscalers and the PaddleModel itself all have them.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

TEXT_MAX: Final = 600
"""Messages come from other programs: they are shortened before they enter a status."""


class Condition(NamedTuple):
    """What one condition says, without its type and its times; empty texts where there is none."""

    status: str = ""
    """True, False or Unknown."""
    reason: str = ""
    message: str = ""


Conditions = Mapping[str, Condition]
"""By type, such as Ready."""


def read_conditions(status: Mapping[str, Any]) -> dict[str, Condition]:
    """The conditions in the status of any object."""
    return {
        one["type"]: Condition(one["status"], one.get("reason", ""), one.get("message", "")[:TEXT_MAX])
        for one in status.get("conditions") or ()
    }
