"""What the controller makes of complete lists; the API is a table, no request leaves the process."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.cluster.answers import Listing, Scope
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.election import Election
from paddlemodel_operator.controller import SETTLE_SECONDS, Controller, pauses
from paddlemodel_operator.reconcile.context import Context

from tests.operator.support.builders import SETTINGS, body


@dataclass
class Lists:
    """An API server that lists what there is, and fails at everything else."""

    objects: dict[names.Kind, list[dict[str, Any]]] = field(default_factory=dict)
    version: int = 10

    async def list_all(self, kind: names.Kind, _selector: str = "") -> Listing:
        self.version += 1
        return Listing(items=list(self.objects.get(kind, [])), resource_version=self.version)

    async def pages(self, scope: Scope) -> AsyncIterator[Listing]:
        """One object each."""
        whole = await self.list_all(scope.kind)
        for item in whole.items:
            yield Listing(items=[item], resource_version=whole.resource_version)
        yield Listing(items=[], resource_version=whole.resource_version)

    async def watch(self, *_: object) -> None:
        await asyncio.Event().wait()

    async def serves(self, _: names.Kind) -> bool:
        return True

    async def get(self, _kind: names.Kind, _namespace: str, _name: str) -> Mapping[str, Any] | None:
        raise ApiError(0, "Unreachable", "the test's server does nothing but list")

    async def patch_status(self, *_: object) -> Mapping[str, Any] | None:
        raise ApiError(0, "Unreachable", "the test's server does nothing but list")

    async def __aexit__(self, *_: object) -> None:
        return None


@dataclass
class Asked(Lists):
    """One that also knows the model as it is now, or that there is none; nothing else is expected."""

    there: dict[str, Any] | None = None
    asked: list[str] = field(default_factory=list)

    async def get(self, kind: names.Kind, _namespace: str, name: str) -> Mapping[str, Any] | None:
        self.asked.append(f"get {kind.plural} {name}")
        return self.there

    async def create(self, kind: names.Kind, _: Mapping[str, Any]) -> None:
        self.asked.append(f"create {kind.plural}")


@pytest.fixture
def lists() -> Lists:
    return Lists({names.MODEL: [body()]})


@pytest.fixture
async def controller(lists: Lists) -> AsyncIterator[Controller]:
    """At work, from its first complete list on."""
    result = Controller(cast("Api", lists), SETTINGS, "here")
    await result.start()
    yield result
    await result.stop()


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not check():  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.01)


async def test_a_model_that_vanished_unseen_is_reconciled_once_more_and_forgotten(
    controller: Controller, lists: Lists
) -> None:
    """Deleted between our list and the watch's: no event tells, and its retries would go on for long."""
    await until(lambda: b'paddlemodel_reconcile_errors_total{model="resnet50"' in controller.metrics()[0])
    assert controller.health()[1]["queued"] == 1
    lists.objects.clear()
    assert await controller.resync()
    await until(lambda: controller.health()[1]["queued"] == 0)
    assert b"resnet50" not in controller.metrics()[0]


async def test_a_watch_that_reports_a_deletion_ends_the_retries_as_well(
    controller: Controller, lists: Lists
) -> None:
    await until(lambda: b'paddlemodel_reconcile_errors_total{model="resnet50"' in controller.metrics()[0])
    lists.objects.clear()
    controller.on_event("DELETED", body())
    await until(lambda: controller.health()[1]["queued"] == 0)
    assert b"resnet50" not in controller.metrics()[0]


@pytest.mark.parametrize("live", [None, {"uid": "another"}, {"deletionTimestamp": "2026-11-30T00:00:00Z"}])
async def test_what_the_garbage_collector_took_is_not_made_anew_for_a_model_that_is_gone(
    live: dict[str, Any] | None,
) -> None:
    """Its own end is in another watch than its children's, and may come later; so the server is asked."""
    known = {**body(), "status": {"observedGeneration": 1}}
    there = live and {**known, "metadata": {**known["metadata"], **live, "resourceVersion": "99"}}
    lists = Asked({names.MODEL: [known]}, there=there)
    controller = Controller(cast("Api", lists), SETTINGS, "here")
    await controller.start()
    await until(lambda: bool(lists.asked) and controller.health()[1]["queued"] == 0)
    await controller.stop()
    assert lists.asked == ["get paddlemodels resnet50"]


async def test_a_server_that_wants_to_be_left_alone_is_left_alone_by_all_models(
    controller: Controller,
) -> None:
    """It says for how long, so that nobody has to guess ever longer pauses; other models wait as well."""
    await until(lambda: controller.health()[1]["queued"] == 1)
    refused = ApiError(429, "TooManyRequests", "", retry_after=100.0)
    assert [controller._fail(("ml", "resnet50"), refused) for _ in range(9)] == [100.0] * 9
    controller._queue.add(("ml", "other"))
    assert controller._queue.take() is None


async def test_reports_of_children_are_gathered_and_a_model_is_due_at_once() -> None:
    """A new Deployment is reported of five times within a moment: that is one look, not five."""
    controller = Controller(cast("Api", Lists()), SETTINGS, "here")
    await controller.start()
    await until(lambda: bool(controller.health()[1]["synced"]) and bool(controller.health()[1]["leading"]))
    service = next(one for one in controller._watches if one.scope.kind == names.SERVICE)
    child = body() | {"kind": "Service"}
    for version in range(5, 10):
        child["metadata"] |= {"resourceVersion": str(version), "labels": {contract.MODEL_LABEL: "resnet50"}}
        service._on_event("MODIFIED", child)
    assert controller.health()[1]["queued"] == 1
    assert controller._queue.take() is None
    controller.on_event("ADDED", body())
    assert controller._queue.take() == ("ml", "resnet50")
    controller._queue.done(("ml", "resnet50"))
    controller.on_event("MODIFIED", body())  # The echo of what is known.
    assert controller._queue.take() is None
    await controller.stop()


async def test_each_model_is_looked_at_once_after_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who serves the metrics is part of what is judged: without it every model would be due again."""
    looks: list[tuple[object, bool]] = []

    async def look(context: Context, key: object) -> None:
        looks.append((key, context.registration() is not None))

    monkeypatch.setattr("paddlemodel_operator.controller.reconcile", look)
    controller = Controller(cast("Api", Lists({names.MODEL: [body("a"), body("b")]})), SETTINGS, "here")
    await controller.start()
    await until(lambda: len(looks) == 2 and controller.health()[1]["queued"] == 0)
    await controller.stop()
    assert sorted(looks) == [(("ml", "a"), True), (("ml", "b"), True)]


def test_the_second_list_follows_soon_after_the_first() -> None:
    first, *later = itertools.islice(pauses(600), 5)
    assert first == SETTLE_SECONDS
    assert all(540 <= seconds <= 660 for seconds in later)
    assert next(pauses(3)) == 3


class Term:
    """An election that a test decides."""

    def __init__(self) -> None:
        self.elected = asyncio.Event()
        self.lost = asyncio.Event()

    async def run(self, lead: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await self.elected.wait()
        task = asyncio.create_task(lead())
        await self.lost.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_who_stands_by_knows_all_and_does_nothing_until_it_leads() -> None:
    """So nothing is due meanwhile, or it would complain; what it counted, the next leader tells."""
    lists, term = Asked({names.MODEL: [body()]}), Term()
    controller = Controller(cast("Api", lists), SETTINGS, "here", cast("Election", term))
    await controller.start()
    await until(lambda: bool(controller.health()[1]["synced"]))
    controller.on_event("MODIFIED", {**body(), "metadata": {**body()["metadata"], "resourceVersion": "5"}})
    assert await controller.resync()
    complaints, state = controller.health()
    assert (complaints, state["queued"], state["leading"], lists.asked) == ([], 0, False, [])
    term.elected.set()
    await until(lambda: "create services" in lists.asked)
    await until(lambda: b'paddlemodel_reconcile_errors_total{model="resnet50"' in controller.metrics()[0])
    assert controller.health()[1]["leading"]
    term.lost.set()
    await until(lambda: not controller.health()[1]["leading"])
    assert controller.health()[1]["queued"] == 0
    assert b"resnet50" not in controller.metrics()[0]
    await controller.stop()


async def test_an_operator_of_some_namespaces_takes_no_word_of_others() -> None:
    """`kopf run` watches all namespaces, whatever the settings say."""
    some = SETTINGS.model_copy(update={"watch_namespaces": ("a",), "metrics_source": "none"})
    lists = Asked()
    controller = Controller(cast("Api", lists), some, "here")
    await controller.start()
    await until(lambda: bool(controller.health()[1]["synced"]))
    controller.on_event("ADDED", body())
    assert (controller.health()[1]["queued"], lists.asked) == (0, [])
    await controller.stop()
