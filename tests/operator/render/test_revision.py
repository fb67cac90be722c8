"""When are pods replaced, and is what is rendered really separate objects?"""

from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.render import render

from tests.operator.support.builders import DIGEST, SETTINGS, URI, model, rendered

REPLACEMENT = {
    "another model": {"model": {"uri": "https://models.example.com/other.tar"}},
    "another pin": {"model": {"uri": URI, "digest": DIGEST}},
    "another limit": {"server": {"queueSize": 5}},
    "another label": {"pod": {"labels": {"team": "x"}}},
}
NO_REPLACEMENT = {
    "more replicas": {"replicas": 5},
    "autoscaling": {"autoscaling": {"maxReplicas": 3}},
    "another port of the Service": {"service": {"port": 8000}},
    "an Ingress": {"ingress": {"host": "a.example.com"}},
}


@pytest.mark.parametrize("change", REPLACEMENT.values(), ids=REPLACEMENT)
def test_pods_are_replaced_for(change: Any) -> None:
    before, after = rendered(names.DEPLOYMENT), rendered(names.DEPLOYMENT, **change)
    label = "paddlemodel.dev/revision"
    old, new = (one["spec"]["template"]["metadata"]["labels"][label] for one in (before, after))
    assert old != new


@pytest.mark.parametrize("change", NO_REPLACEMENT.values(), ids=NO_REPLACEMENT)
def test_pods_stay_for(change: Any) -> None:
    before, after = rendered(names.DEPLOYMENT), rendered(names.DEPLOYMENT, **change)
    assert before["spec"]["template"] == after["spec"]["template"]


def test_objects_share_nothing() -> None:
    """A change to one child must not reach into another one."""
    children = render(model(ingress={"host": "a.example.com"}, pod={"labels": {"a": "b"}}), SETTINGS)
    service, deployment = (
        children[names.ChildKey(kind, "resnet50")] for kind in (names.SERVICE, names.DEPLOYMENT)
    )
    service["metadata"]["labels"]["x"] = "y"
    service["spec"]["selector"]["x"] = "y"
    assert "x" not in deployment["metadata"]["labels"]
    assert "x" not in deployment["spec"]["selector"]["matchLabels"]
    assert "x" not in deployment["spec"]["template"]["metadata"]["labels"]
