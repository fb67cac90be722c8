"""The PodDisruptionBudget of a model: a drain takes one pod at a time and waits for its successor."""

from paddlemodel_operator.base import names
from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.metadata import Object, head


def build(model: PaddleModel) -> Object | None:
    """None where there is never more than one pod: a budget could only forbid the drain of its node.

    It says how many may be away and not how many must stay, so it never blocks a drain for good; and a pod
    that is not ready may always go, since it serves no request. It counts the pods of a canary as well: of
    two budgets for one pod none could be kept.
    """
    if most_replicas(model) + (model.spec.rollout.strategy == "Canary") < 2:
        return None
    return {
        **head(model, names.DISRUPTION_BUDGET),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": names.service_selector(model.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def most_replicas(model: PaddleModel) -> int:
    """As many pods as the spec allows."""
    scaling = model.spec.autoscaling
    return scaling.max_replicas if scaling else model.fixed_replicas or 0
