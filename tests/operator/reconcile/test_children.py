"""Children by kind and name: objects in, objects out; the API is a table that behaves as the server does."""

import itertools
from collections.abc import Mapping
from typing import Any, cast

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError, NameConflict, Retry
from paddlemodel_operator.base.names import ChildKey
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.cache import Cache
from paddlemodel_operator.probing.model_records import ModelRecords
from paddlemodel_operator.probing.pod_prober import PodProber
from paddlemodel_operator.probing.rollout_meter import RolloutMeter
from paddlemodel_operator.reconcile.children import Outcome, Trouble, apply_children
from paddlemodel_operator.reconcile.context import Context
from paddlemodel_operator.render import Children, render
from paddlemodel_operator.render.metadata import owner_reference

from tests.operator.support.builders import SETTINGS, model
from tests.operator.support.toys import with_a_second

Object = dict[str, Any]
Place = tuple[names.Kind, str, str]

MODEL = model()
MAIN = ChildKey(names.DEPLOYMENT, "resnet50")
SERVICE = ChildKey(names.SERVICE, "resnet50")
CANARY = ChildKey(names.DEPLOYMENT, "resnet50-canary")
SECOND_SERVICE = ChildKey(names.SERVICE, "resnet50-canary")


class Table:
    """The objects of an API server, and what was done to them."""

    def __init__(self) -> None:
        self.objects: dict[Place, Object] = {}
        self.refused: dict[ChildKey, ApiError] = {}
        self.done: list[str] = []
        self.asked: list[str] = []
        self._numbers = itertools.count(1)

    async def apply(self, kind: names.Kind, desired: Mapping[str, Any]) -> Object:
        metadata = desired["metadata"]
        if error := self.refused.get(ChildKey(kind, metadata["name"])):
            raise error
        self.done.append(f"apply {kind.kind} {metadata['name']}")
        number = str(next(self._numbers))
        found = {**desired, "metadata": {"uid": number, **metadata, "resourceVersion": number}}
        self.objects[kind, metadata["namespace"], metadata["name"]] = found
        return found

    async def create(self, kind: names.Kind, desired: Mapping[str, Any]) -> Object | None:
        metadata = desired["metadata"]
        if (kind, metadata["namespace"], metadata["name"]) in self.objects:
            self.asked.append(f"create {kind.kind} {metadata['name']}")
            return None
        return await self.apply(kind, desired)

    async def get(self, kind: names.Kind, namespace: str, name: str) -> Object | None:
        self.asked.append(f"get {kind.kind} {name}")
        return self.objects.get((kind, namespace, name))

    async def delete(self, kind: names.Kind, live: Mapping[str, Any]) -> None:
        metadata = live["metadata"]
        if error := self.refused.get(ChildKey(kind, metadata["name"])):
            raise error
        self.done.append(f"delete {kind.kind} {metadata['name']}")
        del self.objects[kind, metadata["namespace"], metadata["name"]]

    async def serves(self, _: names.Kind) -> bool:
        return False

    @property
    def keys(self) -> set[ChildKey]:
        return {ChildKey(kind, name) for kind, _, name in self.objects}


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def context(table: Table) -> Context:
    cache, records = Cache(), ModelRecords()
    return Context(
        api=cast("Api", table),
        cache=cache,
        settings=SETTINGS,
        instance="here",
        prober=cast("PodProber", None),
        meter=cast("RolloutMeter", None),
        records=records,
        registration=lambda: None,
    )


def desired(*second: names.Kind) -> Children:
    """What is rendered, and a second child of these kinds."""
    return with_a_second(render(MODEL, SETTINGS), *second)


async def test_several_children_of_a_kind_are_applied_each_under_its_name(
    context: Context, table: Table
) -> None:
    outcome = await apply_children(context, MODEL, desired(names.DEPLOYMENT, names.SERVICE))
    assert outcome == Outcome()
    assert table.keys == {MAIN, SERVICE, CANARY, SECOND_SERVICE}
    assert set(context.cache.children(("ml", "resnet50"))) == table.keys


async def test_a_child_that_is_no_longer_desired_goes_and_its_sibling_stays(
    context: Context, table: Table
) -> None:
    await apply_children(context, MODEL, desired(names.DEPLOYMENT, names.SERVICE))
    table.done.clear()
    await apply_children(context, MODEL, desired(names.SERVICE))
    assert table.keys == {MAIN, SERVICE, SECOND_SERVICE}
    assert table.done[0] == "delete Deployment resnet50-canary"
    assert set(context.cache.children(("ml", "resnet50"))) == table.keys


async def test_a_child_of_a_name_that_no_version_of_ours_knows_goes_as_well(
    context: Context, table: Table
) -> None:
    """One that a newer operator has made, before it was rolled back: only the owner counts."""
    metadata = {"namespace": "ml", "name": "resnet50-later", "ownerReferences": [owner_reference(MODEL)]}
    context.cache.put(names.INGRESS, await table.apply(names.INGRESS, {"metadata": metadata}))
    await apply_children(context, MODEL, desired())
    assert table.keys == {MAIN, SERVICE}


async def test_what_is_labelled_as_the_model_s_but_not_owned_by_it_stays(
    context: Context, table: Table
) -> None:
    metadata = {"namespace": "ml", "name": "theirs", "labels": names.child_labels("resnet50")}
    context.cache.put(names.SERVICE, await table.apply(names.SERVICE, {"metadata": metadata}))
    await apply_children(context, MODEL, desired())
    assert table.keys == {MAIN, SERVICE, ChildKey(names.SERVICE, "theirs")}


async def test_a_refused_child_is_named_and_stops_no_other(context: Context, table: Table) -> None:
    error = ApiError(422, "Invalid", "spec: no")
    table.refused[CANARY] = error
    outcome = await apply_children(context, MODEL, desired(names.DEPLOYMENT))
    assert outcome == Outcome(trouble=Trouble(CANARY, error))
    assert table.keys == {MAIN, SERVICE}


@pytest.mark.parametrize("code", [422, 403, 500])
async def test_a_policy_that_cannot_be_made_leaves_all_else_undone(
    context: Context, table: Table, code: int
) -> None:
    """No pod shall be open that its spec closes; what runs goes on as it is."""
    error, policy = ApiError(code, "Invalid", "spec: no"), ChildKey(names.NETWORK_POLICY, "resnet50")
    changed = model(access={"network": {"from": [{"podSelector": {}}]}})
    await apply_children(context, MODEL, render(MODEL, SETTINGS))
    table.refused[policy] = error
    table.done.clear()
    outcome = await apply_children(context, changed, render(changed, SETTINGS))
    assert (outcome, table.done) == (Outcome(trouble=Trouble(policy, error)), [])
    del table.refused[policy]
    await apply_children(context, changed, render(changed, SETTINGS))
    assert table.done[0] == "apply NetworkPolicy resnet50"
    await apply_children(context, MODEL, render(MODEL, SETTINGS))
    assert policy not in table.keys


async def test_what_closed_the_pods_goes_last_and_stays_where_anything_failed(
    context: Context, table: Table
) -> None:
    """Keys instead of a policy: the old pods know no keys, so the policy is there until the Deployment is."""
    closed = model(access={"network": {"from": [{"podSelector": {}}]}})
    changed = model(access={"apiKeys": {"secretName": "clients"}})
    policy = ChildKey(names.NETWORK_POLICY, "resnet50")
    await apply_children(context, closed, render(closed, SETTINGS))
    error = table.refused[MAIN] = ApiError(403, "Forbidden", "a webhook says no")
    outcome = await apply_children(context, changed, render(changed, SETTINGS))
    assert outcome == Outcome(trouble=Trouble(MAIN, error))
    assert policy in table.keys
    table.refused.clear()
    table.done.clear()
    assert await apply_children(context, changed, render(changed, SETTINGS)) == Outcome()
    assert table.done[-2:] == ["apply Deployment resnet50", "delete NetworkPolicy resnet50"]


async def test_a_service_goes_after_what_leads_to_it(context: Context, table: Table) -> None:
    """A route to a Service that is not there is answered 500, or dropped as a whole."""
    trying = model(rollout={"strategy": "Canary"}, ingress={"host": "a.example.com"})
    await apply_children(context, trying, render(trying, SETTINGS))
    table.done.clear()
    plain = model(ingress={"host": "b.example.com"})
    await apply_children(context, plain, render(plain, SETTINGS))
    assert table.done.index("apply Ingress resnet50") < table.done.index("delete Service resnet50-canary")


async def test_a_policy_that_nobody_wants_and_that_cannot_be_deleted_stops_nothing(
    context: Context, table: Table
) -> None:
    closed = model(access={"network": {"from": [{"podSelector": {}}]}})
    policy = ChildKey(names.NETWORK_POLICY, "resnet50")
    await apply_children(context, closed, render(closed, SETTINGS))
    error = table.refused[policy] = ApiError(403, "Forbidden", "no right to delete")
    table.done.clear()
    changed = model(replicas=2)
    outcome = await apply_children(context, changed, render(changed, SETTINGS))
    assert outcome == Outcome(trouble=Trouble(policy, error))
    assert {"apply Service resnet50", "apply Deployment resnet50"} < set(table.done)


async def test_the_second_child_s_name_may_be_somebody_else_s(context: Context, table: Table) -> None:
    foreign = {"metadata": {"namespace": "ml", "name": "resnet50-canary"}}
    await table.apply(names.DEPLOYMENT, foreign)
    outcome = await apply_children(context, MODEL, desired(names.DEPLOYMENT))
    assert outcome.trouble is not None
    assert outcome.trouble.child == CANARY
    assert str(outcome.trouble.error) == "Deployment resnet50-canary exists and belongs to somebody else"
    assert isinstance(outcome.trouble.error, NameConflict)


async def test_what_is_new_costs_one_request_for_each_child(context: Context, table: Table) -> None:
    """There is nothing to look at before: a stranger of that name is not in the cache, and rare."""
    await apply_children(context, MODEL, desired())
    assert table.asked == []
    assert table.done == ["apply Service resnet50", "apply Deployment resnet50"]


async def test_a_stranger_is_looked_at_until_it_is_gone(context: Context, table: Table) -> None:
    """Creation is not even tried meanwhile."""
    await table.apply(names.SERVICE, {"metadata": {"namespace": "ml", "name": "resnet50"}})
    for _ in range(2):
        outcome = await apply_children(context, MODEL, desired())
        assert outcome.trouble is not None
        assert isinstance(outcome.trouble.error, NameConflict)
    assert table.asked == ["create Service resnet50", *["get Service resnet50"] * 2]
    del table.objects[names.SERVICE, "ml", "resnet50"]
    outcome = await apply_children(context, MODEL, desired())
    assert outcome.trouble is not None
    assert isinstance(outcome.trouble.error, Retry)
    assert await apply_children(context, MODEL, desired()) == Outcome()


async def test_replicas_wait_for_the_autoscaler_that_keda_made(context: Context, table: Table) -> None:
    """It goes after its ScaledObject, and writes replicas until then."""
    keda = [{"kind": "ScaledObject", "name": "resnet50", "controller": True, "uid": "so"}]
    metadata = {
        "namespace": "ml",
        "name": names.keda_autoscaler("resnet50"),
        "labels": names.child_labels("resnet50"),
        "ownerReferences": keda,
    }
    theirs = await table.apply(names.AUTOSCALER, {"metadata": metadata})
    context.cache.put(names.AUTOSCALER, theirs)
    table.done.clear()
    outcome = await apply_children(context, MODEL, desired())
    assert outcome.trouble is not None
    assert isinstance(outcome.trouble.error, Retry)
    assert table.done == []
    await table.delete(names.AUTOSCALER, theirs)
    assert await apply_children(context, MODEL, desired()) == Outcome()
    assert MAIN in table.keys


async def test_an_attempt_ends_where_the_server_asks_for_fewer_requests(
    context: Context, table: Table
) -> None:
    """Each further one would be refused as well, and is part of what the server suffers from."""
    error = ApiError(429, "TooManyRequests", "later", retry_after=3.0)
    table.refused[SERVICE] = error
    outcome = await apply_children(context, MODEL, desired())
    assert outcome == Outcome(trouble=Trouble(SERVICE, error))
    assert table.done == []


async def test_nothing_is_created_in_a_namespace_that_is_being_deleted(
    context: Context, table: Table
) -> None:
    """Once the server has said so, it is not asked again, for whatever model of that namespace."""
    error = ApiError(403, "Forbidden", "is being terminated", cause="NamespaceTerminating")
    table.refused[SERVICE] = error
    assert (await apply_children(context, MODEL, desired())).trouble == Trouble(SERVICE, error)
    table.refused.clear()
    assert (await apply_children(context, MODEL, desired())).trouble == Trouble(SERVICE, error)
    assert table.done == []
    assert table.asked == []
