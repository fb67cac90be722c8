"""A second child of a kind, as a canary would be one: nothing renders it yet, and the machinery copes."""

from copy import deepcopy

from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.render import Children

SUFFIX = "-canary"


def with_a_second(children: Children, *kinds: names.Kind) -> Children:
    """The children, and after them a copy of the first one of each kind under another name and track."""
    result = dict(children)
    for kind in kinds:
        key, body = next((key, body) for key, body in children.items() if key.kind == kind)
        second = deepcopy(body)
        second["metadata"]["name"] = key.name + SUFFIX
        if kind == names.DEPLOYMENT:
            for labels in (
                second["spec"]["selector"]["matchLabels"],
                second["spec"]["template"]["metadata"]["labels"],
            ):
                labels[contract.TRACK_LABEL] = "canary"
        result[names.ChildKey(kind, key.name + SUFFIX)] = second
    return result
