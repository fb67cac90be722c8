"""The cache between two truths: what a watch reports one by one, and what a complete list says."""

from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.cache import Cache, Unreported, model_of, owned_by

Object = dict[str, Any]
KEY = ("ml", "a")


def thing(version: int, name: str = "a", **metadata: Any) -> Object:
    return {"metadata": {"namespace": "ml", "name": name, "resourceVersion": str(version), **metadata}}


def pod(version: int, name: str, model: str = "a") -> Object:
    return thing(version, name, labels={contract.MODEL_LABEL: model})


def test_an_older_version_never_replaces_a_newer_one() -> None:
    """The answer to a write may come before the watch reports the state before it."""
    cache = Cache()
    cache.put(names.SERVICE, thing(10))
    cache.put(names.SERVICE, thing(9))
    assert cache.get(names.SERVICE, KEY) == thing(10)


def test_versions_are_numbers() -> None:
    cache = Cache()
    cache.put(names.SERVICE, thing(9))
    cache.put(names.SERVICE, thing(10))
    assert cache.get(names.SERVICE, KEY) == thing(10)


@pytest.mark.parametrize("number", [2**70, -(2**63) - 1, float("inf"), 1.5])
def test_no_number_of_a_status_ends_the_operator(number: float) -> None:
    """No API server sends them all; a test of ours found two together that a cache could not read again."""
    cache, body = Cache(), {**thing(1), "status": {"large": 2**70, "number": number}}
    cache.put(names.MODEL, body)
    found = cache.get(names.MODEL, KEY)
    assert found is not None
    assert found["status"] == pytest.approx(body["status"])


def test_a_late_deletion_does_not_remove_a_newer_object() -> None:
    cache = Cache()
    cache.put(names.SERVICE, thing(10))
    cache.remove(names.SERVICE, thing(5))
    assert cache.get(names.SERVICE, KEY) == thing(10)


def test_what_was_deleted_during_a_list_stays_deleted() -> None:
    cache = Cache()
    cache.put(names.SERVICE, thing(5))
    cache.remove(names.SERVICE, thing(8))
    assert cache.replace(names.SERVICE, [thing(5)], listed_at=7) == []
    assert cache.get(names.SERVICE, KEY) is None


def test_what_was_created_during_a_list_stays() -> None:
    cache = Cache()
    cache.put(names.SERVICE, thing(9))
    assert cache.replace(names.SERVICE, [], listed_at=7) == []
    assert cache.get(names.SERVICE, KEY) == thing(9)


def test_a_list_returns_what_the_watch_has_not_reported() -> None:
    cache = Cache()
    for body in (thing(1, "same"), thing(2, "vanished"), thing(3, "changed")):
        cache.put(names.SERVICE, body)
    changed, new = thing(8, "changed"), thing(9, "new")
    unreported = cache.replace(names.SERVICE, [thing(1, "same"), changed, new], listed_at=10)
    assert unreported == [
        Unreported(("ml", "vanished"), ("ml", "vanished"), None),
        Unreported(("ml", "changed"), ("ml", "changed"), 8),
        Unreported(("ml", "new"), ("ml", "new"), 9),
    ]
    assert cache.get(names.SERVICE, ("ml", "vanished")) is None


def test_a_newer_version_of_what_is_the_same_for_us_has_not_changed() -> None:
    """Most of what controllers write says nothing that anybody judges; to write it, one has to know it."""
    cache, budget = Cache(), names.DISRUPTION_BUDGET
    assert cache.put(budget, child(1, "a") | {"status": {"expectedPods": 1}})
    before = cache.versions(KEY)
    assert cache.put(budget, child(2, "a") | {"status": {"expectedPods": 2}})
    assert cache.versions(KEY) == before
    found = cache.get(budget, KEY)
    assert found is not None
    assert found["metadata"]["resourceVersion"] == "2"
    cache.put(budget, child(3, "a") | {"spec": {"maxUnavailable": 1}})
    changed = cache.versions(KEY)
    assert changed != before
    cache.put(budget, child(4, "a"))
    assert cache.versions(KEY) not in (before, changed)


def test_versions_tell_whether_anything_of_a_model_has_changed() -> None:
    cache = Cache()
    cache.put(names.SERVICE, child(1, "a"))
    cache.put(names.POD, pod(2, "a-1"))
    before = cache.versions(KEY)
    cache.put(names.SERVICE, child(3, "b", "b"))
    assert cache.versions(KEY) == before
    cache.put(names.POD, pod(4, "a-1") | {"status": {"phase": "Running"}})
    assert cache.versions(KEY) != before
    cache.remove(names.POD, pod(5, "a-1"))
    assert cache.versions(KEY) == ((KEY, 1),)


def test_pods_are_found_by_their_model() -> None:
    cache = Cache()
    for body in (pod(1, "a-2"), pod(2, "a-1"), pod(3, "b-1", "b")):
        cache.put(names.POD, body)
    assert [one["metadata"]["name"] for one in cache.pods(KEY)] == ["a-1", "a-2"]
    cache.remove(names.POD, pod(4, "a-1"))
    cache.replace(names.POD, [pod(3, "b-1", "b")], listed_at=9)
    assert cache.pods(KEY) == []


def child(version: int, name: str, model: str = "a") -> Object:
    return thing(
        version,
        name,
        ownerReferences=[{"kind": "PaddleModel", "name": model, "uid": "1", "controller": True}],
    )


def test_a_model_may_have_several_children_of_a_kind() -> None:
    cache = Cache()
    for body in (child(1, "a"), child(2, "a-canary"), child(3, "b", "b")):
        cache.put(names.DEPLOYMENT, body)
    cache.put(names.SERVICE, child(4, "a"))
    assert cache.children(KEY) == {
        names.ChildKey(names.SERVICE, "a"): child(4, "a"),
        names.ChildKey(names.DEPLOYMENT, "a"): child(1, "a"),
        names.ChildKey(names.DEPLOYMENT, "a-canary"): child(2, "a-canary"),
    }
    cache.remove(names.DEPLOYMENT, child(5, "a-canary"))
    assert names.ChildKey(names.DEPLOYMENT, "a-canary") not in cache.children(KEY)


def test_a_child_that_changes_its_owner_changes_its_model() -> None:
    cache = Cache()
    cache.put(names.SERVICE, child(1, "a"))
    cache.put(names.SERVICE, child(2, "a", "b"))
    assert cache.children(KEY) == {}
    assert list(cache.children(("ml", "b"))) == [names.ChildKey(names.SERVICE, "a")]


def test_to_which_model_an_object_belongs() -> None:
    assert model_of(names.DEPLOYMENT, child(1, "a-canary")) == KEY
    assert model_of(names.SERVICE, thing(1, "a-canary", labels={contract.MODEL_LABEL: "a"})) == KEY
    keda = [{"kind": "ScaledObject", "name": "a", "controller": True}]
    theirs = thing(1, "keda-hpa-a", labels={contract.MODEL_LABEL: "a"}, ownerReferences=keda)
    assert model_of(names.AUTOSCALER, theirs) == KEY
    assert model_of(names.MODEL, thing(1)) == KEY
    assert model_of(names.DEPLOYMENT, thing(1)) == KEY
    assert model_of(names.POD, pod(1, "a-1")) == KEY
    assert model_of(names.POD, thing(1)) is None


def test_only_a_controlling_owner_owns() -> None:
    assert owned_by(thing(1, ownerReferences=[{"uid": "1", "controller": True}]), "1")
    assert not owned_by(thing(1, ownerReferences=[{"uid": "1"}]), "1")
    assert not owned_by(thing(1, ownerReferences=[{"uid": "2", "controller": True}]), "1")
    assert not owned_by(thing(1), "1")


def test_a_list_of_one_namespace_says_nothing_of_the_others() -> None:
    cache, other = Cache(), {"metadata": {"namespace": "other", "name": "a", "resourceVersion": "1"}}
    gone = {"metadata": {"namespace": "other", "name": "b", "resourceVersion": "4"}}
    cache.put(names.SERVICE, thing(1))
    cache.put(names.SERVICE, other)
    cache.remove(names.SERVICE, gone)
    assert cache.keep(names.SERVICE, set(), 9, "ml") == [Unreported(KEY, KEY, None)]
    assert cache.keys(names.SERVICE) == [("other", "a")]
    cache.put(names.SERVICE, {"metadata": {**gone["metadata"], "resourceVersion": "3"}})
    assert cache.keys(names.SERVICE) == [("other", "a")]
