"""What there is becomes a plan, whatever clocks and people have done to it."""

import copy
import datetime as dt
from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.reconcile.rollout import planned
from paddlemodel_operator.reconcile.tracks import Tracks
from paddlemodel_operator.render import Rollout, deployment, render, service
from paddlemodel_operator.rollout.revision import wanted_revision

from tests.operator.support.builders import SETTINGS, model

Object = dict[str, Any]
NOW = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
AT = "2026-05-01T12:00:00Z"
NEW = model(model={"uri": "https://models.example.com/new.tar"}, rollout={"strategy": "Canary"})
REVISION = wanted_revision(NEW, SETTINGS, {})


def served() -> Object:
    """The Deployment of the version before, as the API server has it."""
    made = deployment.build(model(rollout={"strategy": "Canary"}), SETTINGS)
    return {**made, "status": {"readyReplicas": 1, "replicas": 1, "updatedReplicas": 1}}


def made_of(live: Object, canary: Object | None = None, **status: Any) -> Rollout:
    return planned((NEW, SETTINGS, {}), Tracks(stable=live, canary=canary), {"rollout": status}, NOW)


def stable_of(rollout: Rollout) -> Object:
    return render(NEW, SETTINGS, rollout=rollout)[names.ChildKey(names.DEPLOYMENT, "resnet50")]


@pytest.mark.parametrize("since", ["2099-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "soon", "20260101"])
def test_what_began_in_the_future_or_at_no_time_begins_now(since: str) -> None:
    """A clock that was wrong and was set right would else hold it for years."""
    canary = deployment.canary(NEW, SETTINGS, {}, 1)
    told = {"phase": "Stepping", "step": 1, "weight": 10, "canaryRevision": REVISION}
    found = made_of(served(), canary, since=since, **told).plan.status
    assert found is not None
    assert found.since == AT


def test_a_route_leads_to_a_canary_only_where_the_service_in_front_of_it_is_the_model_s() -> None:
    spec: Object = {"model": {"uri": "https://models.example.com/new.tar"}, "rollout": {"strategy": "Canary"}}
    wanted = model(**spec, gateway={"parentRefs": [{"name": "public"}]})
    canary = deployment.canary(wanted, SETTINGS, {}, 1)
    canary["status"] = {"readyReplicas": 1, "replicas": 1, "updatedReplicas": 1}
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    labels = canary["spec"]["template"]["metadata"]["labels"]
    pod = {"metadata": {"name": "a", "labels": labels}, "status": ready}
    told = {"phase": "Stepping", "step": 1, "weight": 10, "since": AT}
    told["canaryRevision"] = wanted_revision(wanted, SETTINGS, {})
    for own, weight in ((service.canary(wanted), 10), (None, 0)):
        live = Tracks(stable=served(), canary=canary, service=own, pods=[pod])
        assert planned((wanted, SETTINGS, {}), live, {"rollout": told}, NOW).plan.weight == weight


@pytest.mark.parametrize("word", ["x" * 100, "", "latest", "ABCDEF0123"])
@pytest.mark.parametrize("name", [contract.REVISION_ANNOTATION, contract.TEMPLATE_ANNOTATION])
def test_an_annotation_that_somebody_has_written_is_no_revision(name: str, word: str) -> None:
    live = served()
    live["metadata"]["annotations"][name] = word
    rollout = made_of(live)
    assert rollout.plan.canary == 1
    found = stable_of(rollout)
    assert found["spec"]["template"] == live["spec"]["template"]


def test_a_template_of_which_somebody_has_taken_the_containers_is_kept_as_it_is() -> None:
    live = copy.deepcopy(served())
    owned: Object = {"f:metadata": {"f:labels": {}}, "f:spec": {"f:terminationGracePeriodSeconds": {}}}
    entry = {"manager": names.FIELD_MANAGER, "operation": "Apply"}
    live["metadata"]["managedFields"] = [{**entry, "fieldsV1": {"f:spec": {"f:template": owned}}}]
    assert stable_of(made_of(live))["spec"]["template"] == live["spec"]["template"]
