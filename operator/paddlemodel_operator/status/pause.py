"""What a paused model says of itself: that it is paused, what waits, and how to go on; pure.

The operator changes none of its objects; pods, Service and autoscaler go on as they are.
"""

from typing import Final

from paddlemodel_api import contract

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.observe.children import Observed
from paddlemodel_operator.observe.conditions import Condition
from paddlemodel_operator.status.reports import Fault

PAUSED: Final = "Paused"
COLUMN: Final = ", paused"
"""Behind the numbers of the column Replicas of kubectl get."""


def paused(model: PaddleModel, observed: Observed) -> Condition | None:
    """The condition Paused; None for a model that is not."""
    if not model.paused:
        return None
    rest = f" Without it these would change now: {', '.join(observed.waiting)}." if observed.waiting else ""
    return Condition(
        "True", "Annotated", f"The operator changes none of the model's objects. {_cure(model)}{rest}"
    )


def asides(model: PaddleModel, observed: Observed) -> str:
    """What stands behind the numbers of the column Replicas."""
    canary = f", canary {observed.plan.weight} %" if observed.plan.canary else ""
    return f"{canary}{COLUMN if model.paused else ''}"


def spec_waits(model: PaddleModel) -> Fault:
    """Why a model whose spec has changed meanwhile is not what its spec says."""
    return Fault(
        PAUSED, f"The spec of generation {model.generation} waits while the model is paused. {_cure(model)}"
    )


def _cure(model: PaddleModel) -> str:
    return (
        f"To resume: kubectl annotate pdm {model.name} {contract.PAUSED_ANNOTATION}- "
        f"--namespace {model.namespace}."
    )
