"""The Deployments and Services of two versions."""

import copy
import json
from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.render import Children, Rollout, render
from paddlemodel_operator.render.templates.held import revision_of
from paddlemodel_operator.rollout.situation import Plan

from tests.operator.support.builders import SETTINGS, URI, model
from tests.operator.support.expected import CLIENTS_PORT

Object = dict[str, Any]
STABLE = names.ChildKey(names.DEPLOYMENT, "resnet50")
CANARY = names.ChildKey(names.DEPLOYMENT, "resnet50-canary")
SERVICE = names.ChildKey(names.SERVICE, "resnet50")
OTHER: Object = {"model": {"uri": "https://models.example.com/other.tar"}}
TRIED: Object = {"strategy": "Canary"}
MIRRORED: Object = {**TRIED, "mirror": {"percent": 7}}


def children(plan: Plan = Plan(), live: Children | None = None, **fields: Any) -> Children:  # noqa: B008
    """With the Deployments as they are; without managedFields all of them counts as applied."""
    found = live or {}
    rollout = Rollout(plan=plan, stable=found.get(STABLE), canary=found.get(CANARY))
    settings = SETTINGS.model_copy(update={"gateway_api": True})
    return render(model(**{"rollout": TRIED, **fields}), settings, rollout=rollout)


def template(found: Object) -> Object:
    result: Object = found["spec"]["template"]
    return result


def mirrored(found: Object) -> Any:
    (server,) = template(found)["spec"]["containers"]
    values = [one["value"] for one in server["env"] if one["name"] == "PADDLEMODEL_MIRROR"]
    return json.loads(values[0]) if values else None


def label(found: Object) -> str:
    return str(template(found)["metadata"]["labels"][contract.REVISION_LABEL])


def test_without_a_canary_there_is_only_the_way_to_it() -> None:
    found = children()
    assert CANARY not in found
    service = found[names.ChildKey(names.SERVICE, "resnet50-canary")]
    assert service["spec"] == {
        "type": "ClusterIP",
        "selector": {**found[SERVICE]["spec"]["selector"], "paddlemodel.dev/track": "canary"},
        "ports": [CLIENTS_PORT],
    }
    assert names.ChildKey(names.SERVICE, "resnet50-canary") not in children(rollout={})


def test_two_versions_at_once() -> None:
    before = children()
    found = children(Plan(promote=False, canary=2, weight=10), before, replicas=5, **OTHER)
    assert template(found[STABLE]) == template(before[STABLE])
    assert found[STABLE]["spec"]["replicas"] == 5
    canary = found[CANARY]
    assert canary["spec"]["replicas"] == 2
    assert canary["spec"]["selector"]["matchLabels"]["paddlemodel.dev/track"] == "canary"
    assert "other.tar" in json.dumps(canary)
    assert revision_of(found[STABLE]) == revision_of(before[STABLE]) != revision_of(found[CANARY])


@pytest.mark.parametrize(("weight", "track"), [(0, "stable"), (1, None)], ids=["no requests", "requests"])
def test_the_canary_is_behind_the_service_while_it_gets_requests(weight: int, track: str | None) -> None:
    found = children(Plan(canary=1, weight=weight))
    assert found[SERVICE]["spec"]["selector"].get("paddlemodel.dev/track") == track


WAYS: Object = {
    "gateway": {"parentRefs": [{"name": "public"}]},
    "ingress": {
        "host": "a.example.com",
        "tlsSecretName": "tls",
        "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "1g", "cert-manager.io/issuer": "a"},
    },
}
ROUTE = names.ChildKey(names.HTTP_ROUTE, "resnet50")
INGRESS = names.ChildKey(names.INGRESS, "resnet50")
SECOND = names.ChildKey(names.INGRESS, "resnet50-canary")


def backends(found: Children) -> list[tuple[str, int]]:
    (rule,) = found[ROUTE]["spec"]["rules"]
    return [(one["name"], one["weight"]) for one in rule["backendRefs"]]


def test_a_gateway_divides_by_the_weights_of_the_route() -> None:
    found = children(Plan(canary=1, weight=5, divider="Gateway"), **WAYS)
    assert backends(found) == [("resnet50", 95), ("resnet50-canary", 5)]
    assert found[SERVICE]["spec"]["selector"]["paddlemodel.dev/track"] == "stable"
    assert SECOND not in found
    assert found[INGRESS] == children(**WAYS)[INGRESS]


def test_an_ingress_divides_by_a_second_one() -> None:
    found = children(Plan(canary=1, weight=5, divider="IngressNginx"), **WAYS)
    first, second = found[INGRESS], found[SECOND]
    assert second["spec"] == json.loads(
        json.dumps(first["spec"]).replace('"name": "resnet50"', '"name": "resnet50-canary"')
    )
    nginx = "nginx.ingress.kubernetes.io"
    alone = {f"{nginx}/canary": "true", f"{nginx}/canary-weight": "5", f"{nginx}/canary-weight-total": "100"}
    shared = {key: value for key, value in first["metadata"]["annotations"].items() if "cert" not in key}
    assert second["metadata"]["annotations"] == shared | alone
    assert shared[f"{nginx}/proxy-body-size"] == "1g"
    assert found[SERVICE]["spec"]["selector"]["paddlemodel.dev/track"] == "stable"
    assert backends(found) == [("resnet50", 1)]


def test_a_second_ingress_has_the_first_one_s_class_however_it_is_said_but_not_its_whole() -> None:
    said = {"kubernetes.io/ingress.class": "nginx"}
    total = {"nginx.ingress.kubernetes.io/canary-weight-total": "1000"}
    ways: Object = {"ingress": {"host": "a.example.com", "annotations": said | total}}
    found = children(Plan(canary=1, weight=5, divider="IngressNginx"), **ways)
    assert found[SECOND]["metadata"]["annotations"].items() >= (said | dict.fromkeys(total, "100")).items()


@pytest.mark.parametrize("plan", [Plan(), Plan(canary=1), Plan(canary=1, weight=50)])
def test_by_pods_every_way_leads_to_the_one_service(plan: Plan) -> None:
    found = children(plan, **WAYS)
    assert backends(found) == [("resnet50", 1)]
    assert SECOND not in found


def test_only_the_stable_pods_mirror() -> None:
    found = children(Plan(promote=False, canary=1), children(rollout=MIRRORED), rollout=MIRRORED, **OTHER)
    stable, canary = mirrored(found[STABLE]), mirrored(found[CANARY])
    assert stable == {"url": "http://resnet50-canary.ml.svc:80", "percent": 7, **canary}
    assert set(canary) == {"token"}


def test_a_mirror_reaches_the_stable_pods_at_once_and_changes_nothing_else_of_them() -> None:
    before = children()
    found = children(Plan(promote=False, canary=1), before, rollout=MIRRORED, **OTHER)
    assert mirrored(found[STABLE]) is not None
    assert label(found[STABLE]) != label(before[STABLE])
    again = children(Plan(promote=False, canary=1), found, **OTHER)
    assert mirrored(again[STABLE]) is None
    assert label(again[STABLE]) == label(before[STABLE])
    assert template(again[STABLE]) == template(before[STABLE])
    settled = children(live=before, rollout=MIRRORED)
    assert settled[STABLE] == found[STABLE]


def rewritten(live: Children) -> Children:
    """As an older operator has written it: under another name, and with a field otherwise."""
    result = copy.deepcopy(live)
    result[STABLE]["metadata"]["annotations"][contract.TEMPLATE_ANNOTATION] = "0123456789"
    template(result[STABLE])["spec"]["terminationGracePeriodSeconds"] = 77
    return result


def test_another_way_to_write_a_template_waits_for_the_next_version() -> None:
    live = rewritten(children())
    found = children(live=live)
    assert template(found[STABLE])["spec"]["terminationGracePeriodSeconds"] == 77
    promoted = children(live=live, **OTHER)
    assert template(promoted[STABLE])["spec"]["terminationGracePeriodSeconds"] != 77
    rolling = children(live=live, rollout={})
    assert template(rolling[STABLE])["spec"]["terminationGracePeriodSeconds"] != 77


def test_what_somebody_has_edited_is_written_again() -> None:
    live = copy.deepcopy(children())
    template(live[STABLE])["spec"]["terminationGracePeriodSeconds"] = 77
    assert children(live=live) == children()


def test_a_canary_that_leaves_stays_as_it_is() -> None:
    live = children(Plan(promote=False, canary=1), children(), **OTHER)
    found = children(Plan(canary=1, leaves=True), live, model={"uri": URI})
    assert template(found[CANARY]) == template(live[CANARY])


@pytest.mark.parametrize(("surge", "away"), [(0, 1), (1, 0)], ids=["no pod to spare", "one to spare"])
def test_how_pods_are_replaced(surge: int, away: int) -> None:
    found = children(rollout={"surge": surge})[STABLE]
    assert found["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": away, "maxSurge": surge}


def test_a_policy_lets_the_mirror_in() -> None:
    access: Object = {"network": {"from": [{"namespaceSelector": {}}]}}
    policy = names.ChildKey(names.NETWORK_POLICY, "resnet50")
    own = {"podSelector": {"matchLabels": names.pod_selector("resnet50")}}
    assert own in children(access=access, rollout=MIRRORED)[policy]["spec"]["ingress"][0]["from"]
    assert own not in children(access=access)[policy]["spec"]["ingress"][0]["from"]
