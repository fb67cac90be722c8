"""The condition RouteAccepted, from what controllers write into an HTTPRoute."""

from dataclasses import replace
from typing import Any

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.observe.route import read_route
from paddlemodel_operator.status.judge import judge
from paddlemodel_operator.status.traffic.route import route

from tests.operator.support.builders import NOW, model, observed, ready_pod

Object = dict[str, Any]

GATEWAY: Object = {
    "parentRefs": [{"name": "public", "namespace": "infra"}],
    "hostnames": ["a.example.com", "b.example.com"],
    "path": "/m/",
}
PUBLIC = {"name": "public", "namespace": "infra"}


def said(kind: str, status: str, reason: str = "", message: str = "", generation: int = 3) -> Object:
    told = {"reason": reason, "message": message, "observedGeneration": generation}
    return {"type": kind, "status": status, **told}


ACCEPTED = said("Accepted", "True", "Accepted")
RESOLVED = said("ResolvedRefs", "True", "ResolvedRefs")


def at(*conditions: Object, parent: Object = PUBLIC) -> Object:
    return {"parentRef": parent, "controllerName": "example.com/gateways", "conditions": list(conditions)}


def live(*parents: Object) -> Object:
    metadata = {"name": "resnet50", "namespace": "ml", "generation": 3}
    return {"metadata": metadata, "status": {"parents": list(parents)}}


def judged(found: Object | None, gateway: Object = GATEWAY) -> tuple[str, str, str]:
    seen = replace(observed(ready_pod()), route=read_route(found))
    condition = route(model(gateway=gateway), seen)
    assert condition is not None
    return condition.status, condition.reason, condition.message


REFUSED = said("Accepted", "False", "NoMatchingListenerHostname", "No listener has that name.")
SITUATIONS: dict[str, tuple[Object | None, tuple[str, str, str]]] = {
    "no route yet": (None, ("Unknown", "Pending", "no HTTPRoute yet")),
    "nobody has said anything": (
        live(),
        ("Unknown", "Pending", "No controller has said anything about the HTTPRoute at Gateway infra/public"),
    ),
    "taken": (
        live(at(ACCEPTED, RESOLVED)),
        (
            "True",
            "Accepted",
            "The model is reached by Gateway infra/public at a.example.com/m, b.example.com/m.",
        ),
    ),
    "refused, in the controller's words": (
        live(at(REFUSED, RESOLVED)),
        (
            "False",
            "NoMatchingListenerHostname",
            "does not take the HTTPRoute (NoMatchingListenerHostname): No listener has that name. Correct",
        ),
    ),
    "no Service": (
        live(at(ACCEPTED, said("ResolvedRefs", "False", "BackendNotFound", "service not found"))),
        ("False", "BackendNotFound", "does not find the Service behind the HTTPRoute (BackendNotFound)"),
    ),
    "refused without a reason": (
        live(at(said("Accepted", "False"))),
        ("False", "NotAccepted", "does not take the HTTPRoute (NotAccepted). Correct spec.gateway"),
    ),
    "said of an earlier route": (
        live(at(said("Accepted", "False", "Old", "old", generation=2))),
        ("Unknown", "Pending", "No controller"),
    ),
    "said of another listener": (
        live(at(ACCEPTED, parent={**PUBLIC, "sectionName": "http"})),
        ("Unknown", "Pending", "No controller"),
    ),
    "one of two controllers refuses": (
        live(at(ACCEPTED, RESOLVED), at(REFUSED)),
        ("False", "NoMatchingListenerHostname", "No listener"),
    ),
}


@pytest.mark.parametrize(("found", "wanted"), SITUATIONS.values(), ids=SITUATIONS)
def test_what_the_condition_says(found: Object | None, wanted: tuple[str, str, str]) -> None:
    status, reason, part = wanted
    condition = judged(found)
    assert condition[:2] == (status, reason)
    assert part in condition[2]


def test_of_several_gateways_the_one_that_refuses_is_named() -> None:
    own = {"name": "own", "sectionName": "https"}
    gateway = {"parentRefs": [PUBLIC, own]}
    parents = at(ACCEPTED, RESOLVED), at(REFUSED, parent=own)
    assert "Gateway ml/own, listener https does not take" in judged(live(*parents), gateway)[2]
    silent = judged(live(parents[1]), gateway)
    assert silent[0] == "False"  # also where the other one says nothing yet
    both = at(ACCEPTED, parent=own), at(ACCEPTED)
    places = "Gateway infra/public and Gateway ml/own, listener https"
    assert (
        judged(live(*both), gateway)[2] == f"The model is reached by {places} at every host of its listeners."
    )


def test_a_cluster_without_the_gateway_api_is_told_and_the_model_serves() -> None:
    seen = replace(observed(ready_pod()), missing=(names.HTTP_ROUTE,))
    status = judge(model(gateway=GATEWAY), seen, before={}, now=NOW)
    conditions = {one["type"]: one for one in status["conditions"]}
    assert conditions["Ready"]["status"] == "True"
    missing = conditions["RouteAccepted"]
    assert (missing["status"], missing["reason"]) == ("False", "GatewayAPIMissing")
    assert "install the definitions of the Gateway API" in missing["message"]


def test_a_model_without_a_gateway_has_no_such_condition() -> None:
    assert route(model(), observed(ready_pod())) is None
