"""A paused model whose spec has changed: its status tells of what runs, not of what waits."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.cache import Cache
from paddlemodel_operator.probing.model_records import ModelRecords
from paddlemodel_operator.probing.pod_prober import PodProber
from paddlemodel_operator.probing.rollout_meter import RolloutMeter
from paddlemodel_operator.reconcile.context import Context
from paddlemodel_operator.reconcile.reconcile import reconcile
from paddlemodel_operator.status.judge import condition, judge, judge_invalid

from tests.operator.reconcile.test_garbage import KEY, Accepting
from tests.operator.support.builders import DIGEST, NOW, SETTINGS, URI, body, model, observed, ready_pod

Object = dict[str, Any]


def serving() -> Object:
    """The status of the spec of generation 6, which a pod serves."""
    return judge(replace(model(), generation=6), observed(ready_pod()), before={}, now=NOW)


def after_pause(status: Mapping[str, Any], **fields: Any) -> Object:
    """The status of a paused model with the spec of generation 7, by the status before."""
    manifest = body(**fields) | {"status": status}
    manifest["metadata"]["annotations"] = {"paddlemodel.dev/paused": "true"}

    async def play() -> Any:
        cache, records, api = Cache(), ModelRecords(), Accepting(status)
        cache.put(names.MODEL, manifest)
        prober = PodProber(cache, records, lambda _: None, asyncio.get_running_loop().time)
        context = Context(
            api=cast("Api", api),
            cache=cache,
            settings=SETTINGS,
            instance="here",
            prober=prober,
            meter=RolloutMeter(cache, lambda _: None, asyncio.get_running_loop().time),
            records=records,
            registration=lambda: None,
        )
        await reconcile(context, KEY)
        return api.status

    found: Object = asyncio.run(play())
    return found


CHANGES: dict[str, Object] = {
    "keys": {"access": {"apiKeys": {"secretName": "clients"}}},
    "another model": {"model": {"uri": "https://models.example.com/other.tar"}},
    "a recording": {"verification": {"recording": {"fromModel": "verify.jsonl"}}},
    "an autoscaler": {"autoscaling": {"maxReplicas": 3}},
    "another device": {"device": "GPU"},
    "new content": {"model": {"uri": URI, "updatePolicy": "Notify"}},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_spec_that_waits_says_nothing_of_the_pods(change: Object) -> None:
    before = serving()
    after = after_pause(before, **change)
    assert (condition(after, "Ready")["reason"], after["observedGeneration"]) == ("Paused", 6)
    assert after["url"] == before["url"]
    assert (after["model"]["uri"], after["model"]["digest"]) == (URI, DIGEST)
    assert after["columns"]["access"] == "Open"
    assert after["columns"]["digest"] == before["columns"]["digest"]
    assert not {"furtherModels", "autoscaling", "gpu"} & set(after)
    kinds = {"AccessConfigured", "ModelVerified", "AutoscalingActive"}
    assert not kinds & {one["type"] for one in after["conditions"]}
    for kind in ("ModelFetched", "ModelUpdateAvailable"):
        assert condition(after, kind) == condition(before, kind)


def test_what_was_refused_before_the_pause_was_not_applied() -> None:
    """One apply has brought a new spec and a word that is neither true nor false; then that was put right."""
    refused = judge_invalid("paused: yes", 7, serving(), NOW)
    assert refused["observedGeneration"] == 7
    after = after_pause(refused, access={"apiKeys": {"secretName": "clients"}})
    assert (condition(after, "Ready")["reason"], after["observedGeneration"]) == ("Paused", 6)
    assert after["columns"]["access"] == "Open"
    assert after_pause(after, access={"apiKeys": {"secretName": "clients"}}) == after


def test_a_spec_that_was_applied_does_not_wait_after_a_wrong_word() -> None:
    applied = judge(model(), observed(ready_pod()), before={}, now=NOW)
    after = after_pause(judge_invalid("paused: yes", 7, applied, NOW))
    assert condition(after, "Ready")["reason"] != "Paused"
    assert after["observedGeneration"] == 7
