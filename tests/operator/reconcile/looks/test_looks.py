"""What a model costs: which events lead to a look, and what a look does again. Counted, never timed."""

import asyncio
import copy
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import Retry
from paddlemodel_operator.cluster.cache import Cache
from paddlemodel_operator.reconcile import recent
from paddlemodel_operator.reconcile.context import Context
from paddlemodel_operator.reconcile.reconcile import reconcile

from tests.operator.cluster.test_trim import owned
from tests.operator.reconcile.test_garbage import KEY, in_context, merged
from tests.operator.support.builders import body

Object = dict[str, Any]
FIELDS: Object = {"replicas": None, "autoscaling": {"maxReplicas": 3}}


class Server:
    """Writes down who has applied what, as the API server does, and counts what it is asked for."""

    def __init__(self) -> None:
        self.model: Object | None = body(**FIELDS)
        self.children: dict[tuple[names.Kind, str], Object] = {}
        self.asked: list[str] = []
        self._versions = itertools.count(10)

    async def create(self, kind: names.Kind, desired: Mapping[str, Any]) -> Object:
        self.asked.append(f"create {kind.kind}")
        return self._take(kind, desired)

    async def apply(self, kind: names.Kind, desired: Mapping[str, Any]) -> Object:
        self.asked.append(f"apply {kind.kind}")
        return self._take(kind, desired)

    async def get(self, kind: names.Kind, _namespace: str, _name: str) -> Object | None:
        self.asked.append(f"get {kind.kind}")
        return self.model

    async def patch_status(self, *words: Any) -> Object:
        assert self.model is not None
        self.asked.append("status")
        status = merged(self.model.get("status", {}), words[2])
        self.model = self.stamped({**self.model, "status": status})
        return self.model

    async def create_event(self, event: Mapping[str, Any]) -> None:
        self.asked.append(f"event {event['reason']}")

    def stamped(self, one: Mapping[str, Any]) -> Object:
        """A copy of a newer version."""
        found = copy.deepcopy(dict(one))
        found["metadata"]["resourceVersion"] = str(next(self._versions))
        return found

    def _take(self, kind: names.Kind, desired: Mapping[str, Any]) -> Object:
        found = self.stamped(desired)
        fields = owned({key: desired[key] for key in ("metadata", "spec")})
        for key in ("name", "namespace", "uid"):
            fields["f:metadata"].pop(f"f:{key}", None)
        entry = {"manager": names.FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields}
        found["metadata"] |= {"uid": f"uid of {kind.kind}", "managedFields": [entry], "generation": 1}
        self.children[kind, found["metadata"]["name"]] = found
        return found


class Fleet:
    """One model, a server, and what the operator knows of both."""

    def __init__(self, server: Server, context: Context) -> None:
        self.server = server
        self.context = context
        context.cache.put(names.MODEL, body(**FIELDS))

    async def look(self) -> None:
        """Until nothing is left to do."""
        while True:
            try:
                await reconcile(self.context, KEY)
            except Retry:
                continue
            return

    async def settle(self) -> None:
        """After this, it takes an event to have another look."""
        while self.context.settled.get(KEY) != self.context.sight(KEY):
            await self.look()
        self.server.asked.clear()

    def child(self, kind: names.Kind) -> Object:
        return self.server.children[kind, KEY[1]]

    def report(self, kind: names.Kind, changes: Mapping[str, Any]) -> None:
        """A newer version of a child, as a watch brings it."""
        self.context.cache.put(kind, self.server.stamped({**self.child(kind), **changes}))


@pytest.fixture
async def fleet() -> Fleet:
    server = Server()
    return Fleet(server, in_context(server, Cache()))  # type: ignore[arg-type]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done of the costly parts of a look."""
    done: list[str] = []

    def count(name: str) -> None:
        found: Callable[..., Any] = getattr(recent, name)

        def instead(*words: Any) -> Any:
            done.append(name)
            return found(*words)

        monkeypatch.setattr(recent, name, instead)

    for name in ("from_body", "render", "is_applied"):
        count(name)
    return done


def condition(message: str, at: str) -> Object:
    return {
        "type": "Progressing",
        "status": "True",
        "reason": "ReplicaSetUpdated",
        "message": message,
        "lastUpdateTime": at,
        "lastTransitionTime": at,
    }


async def test_the_first_status_waits_for_what_is_said_of_the_children(fleet: Fleet) -> None:
    """Else it is replaced within a second: a write, and its echo, for nothing."""
    with pytest.raises(Retry):
        await reconcile(fleet.context, KEY)
    assert set(fleet.server.asked) == {
        f"create {kind}"
        for kind in ("Service", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget")
    }
    fleet.server.asked.clear()
    fleet.report(names.DEPLOYMENT, {"status": {"observedGeneration": 1, "replicas": 1}})
    await reconcile(fleet.context, KEY)
    assert fleet.server.asked == ["status", "event Progressing"]


async def test_a_new_model_that_is_gone_before_its_first_status_is_not_made_anew(fleet: Fleet) -> None:
    with pytest.raises(Retry):
        await reconcile(fleet.context, KEY)
    fleet.server.asked.clear()
    fleet.server.model = None
    fleet.context.cache.remove(names.SERVICE, fleet.child(names.SERVICE))
    await reconcile(fleet.context, KEY)
    assert fleet.server.asked == ["get PaddleModel"]
    assert fleet.context.begun == set()


REPORTS: list[tuple[str, names.Kind, Object, bool]] = [
    ("pods of a budget", names.DISRUPTION_BUDGET, {"disruptionsAllowed": 1, "expectedPods": 3}, False),
    ("nothing", names.DEPLOYMENT, {}, False),
    ("the time of a condition", names.DEPLOYMENT, {"conditions": [condition("on", "12:00")]}, False),
    ("what nobody reads", names.DEPLOYMENT, {"unavailableReplicas": 1, "terminatingReplicas": 0}, False),
    ("a count", names.DEPLOYMENT, {"readyReplicas": 1}, True),
    ("a condition", names.DEPLOYMENT, {"conditions": [condition("stuck", "12:00")]}, True),
    ("a reading", names.AUTOSCALER, {"currentMetrics": [{"type": "Pods"}]}, True),
]


@pytest.mark.parametrize(
    ("kind", "status", "looks"), [one[1:] for one in REPORTS], ids=[one[0] for one in REPORTS]
)
async def test_only_what_is_judged_leads_to_a_look(
    fleet: Fleet, kind: names.Kind, status: Object, *, looks: bool
) -> None:
    await fleet.settle()
    known = {"conditions": [condition("on", "11:00")]} if kind == names.DEPLOYMENT else {}
    fleet.report(kind, {"status": known})
    await fleet.settle()
    fleet.report(kind, {"status": known | status})
    assert (fleet.context.settled[KEY] != fleet.context.sight(KEY)) is looks


async def test_a_report_of_a_controller_repeats_nothing_that_is_known(
    fleet: Fleet, counted: list[str]
) -> None:
    await fleet.settle()
    assert counted.count("from_body") == counted.count("render") == 1
    assert counted.count("is_applied") == len(fleet.server.children)
    counted.clear()
    for ready in range(3):
        fleet.report(names.DEPLOYMENT, {"status": {"observedGeneration": 1, "readyReplicas": ready}})
        await fleet.settle()
    assert counted == []


async def test_after_a_restart_one_look_is_enough(fleet: Fleet, counted: list[str]) -> None:
    """Also where it brings the first samples of the pods with it, by which it judges."""
    await fleet.settle()
    counted.clear()
    context = in_context(fleet.server, fleet.context.cache)  # type: ignore[arg-type]
    await reconcile(context, KEY)
    assert context.settled[KEY] == context.sight(KEY)
    assert (context.settled[KEY].samples is None, counted.count("from_body")) == (False, 1)
    assert fleet.server.asked == []


async def test_another_spec_is_read_and_rendered(fleet: Fleet, counted: list[str]) -> None:
    await fleet.settle()
    counted.clear()
    assert fleet.server.model is not None
    spec = fleet.server.model["spec"] | {"server": {"queueSize": 7}}
    fleet.server.model = fleet.server.stamped({**fleet.server.model, "spec": spec})
    fleet.context.cache.put(names.MODEL, fleet.server.model)
    await fleet.look()
    assert "apply Deployment" in fleet.server.asked
    assert counted.count("from_body") == counted.count("render") == 1


async def test_a_pause_is_read_though_the_spec_is_the_same(fleet: Fleet, counted: list[str]) -> None:
    await fleet.settle()
    counted.clear()
    assert fleet.server.model is not None
    metadata = fleet.server.model["metadata"] | {"annotations": {contract.PAUSED_ANNOTATION: "true"}}
    fleet.context.cache.put(names.MODEL, fleet.server.stamped({**fleet.server.model, "metadata": metadata}))
    await fleet.look()
    assert "from_body" in counted
    assert fleet.server.asked[0] == "status"


@pytest.mark.parametrize("part", ["spec", "labels", "managedFields"])
async def test_a_child_that_was_right_and_is_edited_is_put_right(fleet: Fleet, part: str) -> None:
    await fleet.settle()
    live = copy.deepcopy(fleet.child(names.DEPLOYMENT))
    if part == "spec":
        live["spec"]["template"]["spec"]["containers"][0]["image"] = "another"
    else:
        live["metadata"][part] = {} if part == "labels" else []
    fleet.report(names.DEPLOYMENT, live)
    await fleet.look()
    assert fleet.server.asked == ["apply Deployment"]


async def test_no_more_models_are_remembered_than_a_few(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "KEPT", 2)
    for name in "abcd":
        fleet.context.recent.parse(body(name))
    assert len(fleet.context.recent._known) == 2


async def test_what_is_remembered_is_forgotten_with_the_model(fleet: Fleet) -> None:
    await fleet.settle()
    fleet.context.cache.remove(names.MODEL, fleet.server.model or {})
    await asyncio.wait_for(fleet.look(), 60)
    assert not fleet.context.recent._known
