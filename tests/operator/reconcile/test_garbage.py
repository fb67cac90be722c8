"""Whatever somebody has written into spec or status: a reconcile ends, and says what it has found."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from paddlemodel_api.rollout.progress import RolloutStatus
from paddlemodel_api.status import Condition, Status
from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import Retry
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.cache import Cache, Key
from paddlemodel_operator.cluster.scrape import Scraper
from paddlemodel_operator.probing.model_records import ModelRecords
from paddlemodel_operator.probing.pod_prober import PodProber
from paddlemodel_operator.probing.rollout_meter import RolloutMeter, Target
from paddlemodel_operator.reconcile.context import Context
from paddlemodel_operator.reconcile.reconcile import reconcile
from paddlemodel_operator.render import deployment
from paddlemodel_operator.status.known import known, merge_patch

from tests.operator.base.test_model import json_values
from tests.operator.support.builders import SETTINGS, body, model
from tests.operator.support.builders import spec as a_spec

Object = dict[str, Any]
KEY = ("ml", "resnet50")


class Accepting:
    """An API server that accepts everything, and keeps the last status."""

    def __init__(self, status: Any) -> None:
        self.status = status

    async def create(self, _: names.Kind, desired: Mapping[str, Any]) -> Object:
        return {**desired, "metadata": {"uid": "1", **desired["metadata"], "resourceVersion": "1"}}

    async def apply(self, kind: names.Kind, desired: Mapping[str, Any]) -> Object:
        return await self.create(kind, desired)

    async def delete(self, *_: object) -> None:
        return None

    async def get(self, kind: names.Kind, *_: object) -> Object | None:
        return {**body(), "status": self.status} if kind is names.MODEL else None

    async def patch_status(self, *words: Any) -> Object:
        self.status = merged(self.status if isinstance(self.status, dict) else {}, words[2])
        written = {**body(), "status": self.status}
        written["metadata"]["resourceVersion"] = "2"
        return written

    async def create_event(self, _: Mapping[str, Any]) -> None:
        return None


def merged(before: Object, patch: Mapping[str, Any]) -> Object:
    """As RFC 7396 says."""
    found = {key: value for key, value in before.items() if key not in patch}
    for key, value in patch.items():
        old = before.get(key)
        if isinstance(value, Mapping):
            found[key] = merged(old if isinstance(old, dict) else {}, value)
        elif value is not None:
            found[key] = value
    return found


def half_right(fields: list[str]) -> st.SearchStrategy[Object]:
    return st.dictionaries(st.sampled_from(fields), json_values, max_size=5)


aliases = [str(field.alias) for field in Status.model_fields.values()]
conditions = st.lists(half_right([str(field.alias) for field in Condition.model_fields.values()]), max_size=4)
rollouts = half_right([str(field.alias) for field in RolloutStatus.model_fields.values()])
garbage = st.one_of(
    json_values,
    half_right(aliases),
    st.builds(lambda rest, found: {**rest, "conditions": found}, half_right(aliases), conditions),
    st.builds(lambda rest, found: {**rest, "rollout": found}, half_right(aliases), rollouts),
)
TRIED = {"rollout": {"strategy": "Canary"}}
specs = st.none() | st.just(a_spec(**TRIED)) | json_values


def versions() -> list[Object]:
    """The Deployment of the version before, and the one of a canary, as the API server has them."""
    before = model(model={"uri": "https://models.example.com/before.tar"}, **TRIED)
    made = deployment.build(before, SETTINGS), deployment.canary(model(**TRIED), SETTINGS, {}, 1)
    return [
        {
            **one,
            "metadata": {**one["metadata"], "uid": "2", "resourceVersion": "1"},
            "status": {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1},
        }
        for one in made
    ]


def in_context(api: Accepting, cache: Cache, wake: Callable[[Key], None] = lambda _: None) -> Context:
    clock, records = asyncio.get_running_loop().time, ModelRecords()
    return Context(
        api=cast("Api", api),
        cache=cache,
        settings=SETTINGS,
        instance="here",
        prober=PodProber(cache, records, wake, clock),
        meter=RolloutMeter(cache, wake, clock),
        records=records,
        registration=lambda: None,
    )


@given(
    status=garbage,
    paused=st.sampled_from(["true", "false", "?"]),
    spec=specs,
    deployments=st.integers(min_value=0, max_value=2),
)
@settings(max_examples=200)
def test_no_status_and_no_spec_stops_a_reconcile(
    status: Any, paused: str, spec: Any, deployments: int
) -> None:
    """And afterwards the status is one that the definition knows."""
    manifest = body()
    manifest["metadata"]["annotations"] = {"paddlemodel.dev/paused": paused}
    manifest |= {"status": status} if spec is None else {"status": status, "spec": spec}

    async def play() -> Any:
        cache, api = Cache(), Accepting(status)
        cache.put(names.MODEL, manifest)
        for live in versions()[:deployments]:
            cache.put(names.DEPLOYMENT, live)
        context = in_context(api, cache)
        for _ in range(2):
            with suppress(Retry):  # The first status waits, a canary is under way, an undesired child goes.
                await reconcile(context, KEY)
        return api.status

    left = asyncio.run(play())
    assert Status.model_validate(left).conditions
    assert known(left) == left


async def test_a_canary_whose_spec_has_become_invalid_is_not_measured_any_more() -> None:
    cache, woken = Cache(), list[Key]()
    cache.put(names.MODEL, {**body(), "spec": {"device": "TPU"}})
    context = in_context(Accepting({}), cache, woken.append)
    context.meter.counted(KEY, Target(epoch="first", template="new"))
    await reconcile(context, KEY)
    async with Scraper() as scraper:
        await context.meter.read(KEY, scraper)
    assert woken == []


def test_what_another_version_has_written_is_replaced_and_the_rest_kept() -> None:
    """After a downgrade, say: a field and a condition that this version does not know."""
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Serving",
        "message": "",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    found = known(
        {"url": "http://a", "tier": {"step": 1}, "gpu": "2", "conditions": [ready, {**ready, "x": 1}]}
    )
    assert found == {"url": "http://a", "conditions": [ready]}
    assert merge_patch({"tier": {"step": 1}, "gpu": "2"}, {"url": "b"}) == {
        "tier": None,
        "gpu": None,
        "url": "b",
    }
