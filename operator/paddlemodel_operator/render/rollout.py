"""The Deployments of both versions, by what the plan of the rollout says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render import deployment
from paddlemodel_operator.render.metadata import Object
from paddlemodel_operator.render.templates import mirror
from paddlemodel_operator.render.templates.held import held, is_rewritten
from paddlemodel_operator.rollout.situation import Plan
from paddlemodel_operator.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """What is to be, and the Deployments as they are: whose pods stay, keeps its template."""

    plan: Plan = field(default_factory=Plan)
    stable: Mapping[str, Any] | None = None
    canary: Mapping[str, Any] | None = None
    former: Mapping[str, Any] | None = None
    """What a Deployment of the version before would be, where that one gets its place back."""


AT_ONCE: Final = Rollout()
"""The newest version gets everything."""


def stable(model: PaddleModel, settings: Settings, contents: Mapping[str, str], rollout: Rollout) -> Object:
    """The Deployment with the model's name."""
    rendered, live = deployment.build(model, settings, contents), rollout.stable
    if live is None:
        return rendered
    tries = model.spec.rollout.strategy == "Canary"
    if rollout.plan.promote and not (tries and is_rewritten(rendered, live)):
        return rendered
    return held(rendered, rollout.former or live, mirror.text(model))


def canary(
    model: PaddleModel, settings: Settings, contents: Mapping[str, str], rollout: Rollout
) -> Object | None:
    """The Deployment of the version that is tried out, or None."""
    pods, live = rollout.plan.canary, rollout.canary
    if pods is None:
        return None
    rendered = deployment.canary(model, settings, contents, pods)
    if live is not None and (rollout.plan.leaves or is_rewritten(rendered, live)):
        return held(rendered, live, mirror.text(model, contract.TRACK_CANARY))
    return rendered
