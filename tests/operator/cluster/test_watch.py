"""One kind, followed through everything that happens to a watch; the API is a script of answers."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.cluster import watch as module
from paddlemodel_operator.cluster.answers import Listing, Scope
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.cache import Cache, Key
from paddlemodel_operator.cluster.watch import SLICE, Watch, scopes, take_list

Object = dict[str, Any]
GONE = ApiError(410, "Expired", "too old resource version")
SERVICES = Scope(kind=names.SERVICE)


def thing(version: int, name: str = "a") -> Object:
    return {"metadata": {"namespace": "ml", "name": name, "resourceVersion": str(version)}}


class Script:
    """What the server answers, one after the other, and what it was asked; then it is silent."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.over = asyncio.Event()

    async def _next(self, asked: str) -> Any:
        self.asked.append(asked)
        if not self.answers:
            self.over.set()
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def pages(self, _: Scope) -> AsyncIterator[Listing]:
        version, items = await self._next("list")
        yield Listing(items=items, resource_version=version)

    async def watch(self, _: Scope, since: int, on_event: Callable[[str, Object], None], __: float) -> None:
        for event, body in await self._next(f"watch {since}"):
            on_event(event, body)


class Followed:
    """A watch at work on a script."""

    def __init__(self, *answers: Any, scope: Scope = SERVICES) -> None:
        self.script, self.cache, self.woken = Script(*answers), Cache(), list[Key]()
        self.watch = Watch(cast("Api", self.script), scope, self.cache, self.woken.append)

    async def to_the_end(self) -> None:
        task = asyncio.create_task(self.watch.run())
        async with asyncio.timeout(60):
            await self.script.over.wait()
        task.cancel()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses are there, and short."""
    monkeypatch.setattr(module, "PAUSE_FIRST", 0.001)
    monkeypatch.setattr(module, "PAUSE_LAST", 0.002)
    monkeypatch.setattr(module, "EARLY_SECONDS", 0.0)
    monkeypatch.setattr(module, "ASK_SECONDS", 0.001)
    monkeypatch.setattr(module, "LATER_SECONDS", 0.01)


async def test_a_watch_goes_on_where_the_last_one_ended() -> None:
    """Also after a connection that broke off, and by the version of a bookmark."""
    followed = Followed(
        (5, [thing(3)]),
        [("ADDED", thing(7, "b")), ("DELETED", thing(8))],
        ApiError(0, "Unreachable", "cut"),
        [("BOOKMARK", {"metadata": {"resourceVersion": "20"}})],
    )
    await followed.to_the_end()
    assert followed.script.asked == ["list", "watch 5", "watch 8", "watch 8", "watch 20"]
    assert followed.cache.keys(names.SERVICE) == [("ml", "b")]
    assert followed.woken == [("ml", "a"), ("ml", "b"), ("ml", "a")]


async def test_a_lost_place_is_found_again_by_a_list() -> None:
    """What was deleted unseen wakes its model, and so does what is new; what is known does not."""
    followed = Followed((5, [thing(3), thing(4, "b")]), [], GONE, (9, [thing(4, "b"), thing(8, "c")]))
    await followed.to_the_end()
    assert followed.script.asked == ["list", "watch 5", "watch 5", "list", "watch 9"]
    assert followed.woken == [("ml", "a"), ("ml", "b"), ("ml", "a"), ("ml", "c")]
    assert sorted(followed.cache.keys(names.SERVICE)) == [("ml", "b"), ("ml", "c")]


async def test_a_server_that_always_says_gone_is_not_asked_without_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds:
            pauses.append(seconds)
        await real(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    followed = Followed(*[(5, []), GONE] * 4)
    await followed.to_the_end()
    assert len(pauses) == 3


async def test_the_server_s_wish_to_be_left_alone_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await real(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    followed = Followed((5, []), ApiError(429, "TooManyRequests", "", retry_after=17.0))
    await followed.to_the_end()
    assert max(pauses) == 17.0


async def test_a_fault_of_ours_ends_no_watch() -> None:
    followed = Followed((5, []), [("ADDED", {"metadata": {"resourceVersion": "6"}})], (7, [thing(7)]))
    await followed.to_the_end()
    assert followed.script.asked == ["list", "watch 5", "list", "watch 7"]


async def test_a_kind_that_the_cluster_does_not_know_is_looked_for_while_a_model_waits() -> None:
    unknown: tuple[int, list[Object]] = (sys.maxsize, [])
    followed = Followed(unknown, unknown, (5, []), scope=Scope(kind=names.SCALED_OBJECT))
    await followed.watch.list()
    task = asyncio.create_task(followed.watch.run())
    await asyncio.sleep(0.05)  # Nobody needs it: nobody asks for it.
    assert followed.script.asked == ["list"]
    followed.watch.miss(("ml", "a"))
    async with asyncio.timeout(60):
        await followed.script.over.wait()
    task.cancel()
    assert followed.script.asked == ["list", "list", "list", "watch 5"]
    assert followed.woken == [("ml", "a")]


@pytest.mark.timeout(60)
async def test_a_model_that_asked_for_an_unknown_kind_and_is_gone_keeps_nobody_busy() -> None:
    """The watch waited for an event that was set, in no time and for ever: the event loop stood still."""
    followed = Followed((sys.maxsize, []), scope=Scope(kind=names.SCALED_OBJECT))
    await followed.watch.list()
    task = asyncio.create_task(followed.watch.run())
    followed.watch.miss(("ml", "a"))
    followed.watch.waiting.discard(("ml", "a"))
    await asyncio.sleep(0.05)
    assert not task.done()  # the time limit of the test has not ended it
    task.cancel()
    assert followed.script.asked == ["list"]


async def test_a_kind_that_goes_takes_its_objects_along() -> None:
    missing = ApiError(404, "NotFound", "the server could not find the requested resource")
    followed = Followed((5, [thing(3)]), missing, (sys.maxsize, []), scope=Scope(kind=names.SCALED_OBJECT))
    task = asyncio.create_task(followed.watch.run())
    async with asyncio.timeout(60):
        while followed.watch.served:  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.001)
    task.cancel()
    assert followed.cache.keys(names.SCALED_OBJECT) == []
    assert followed.woken == [("ml", "a"), ("ml", "a")]


async def test_a_long_list_is_taken_over_in_steps() -> None:
    """Between which the event loop turns, so that the health endpoint answers."""
    turns = 0

    async def bystander() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(bystander())
    script = Script((5, [thing(3, f"s-{number}") for number in range(20 * SLICE)]))
    await take_list(cast("Api", script), SERVICES, Cache())
    task.cancel()
    assert turns >= 20


FORBIDDEN = ApiError(403, "Forbidden", 'services is forbidden in the namespace "ml"')


async def test_a_namespace_that_is_forbidden_holds_up_no_other_and_is_tried_again() -> None:
    """It was deleted, or its owner has taken the Role away; it may come back."""
    scope = Scope(kind=names.SERVICE, namespace="ml")
    followed = Followed(FORBIDDEN, FORBIDDEN, (7, [thing(5)]), [], scope=scope)
    await followed.watch.begin()
    await followed.to_the_end()
    assert followed.script.asked == ["list", "list", "list", "watch 7", "watch 7"]
    assert followed.woken == [("ml", "a")]


@pytest.mark.parametrize(
    ("scope", "fault"),
    [(SERVICES, FORBIDDEN), (Scope(kind=names.SERVICE, namespace="ml"), ApiError(500, "", ""))],
)
async def test_nobody_begins_without_a_first_list(scope: Scope, fault: ApiError) -> None:
    with pytest.raises(ApiError):
        await Followed(fault, scope=scope).watch.begin()


def test_models_are_followed_here_in_some_namespaces_only() -> None:
    everywhere = scopes(())
    assert {scope.namespace for scope in everywhere} == {None}
    assert names.MODEL not in {scope.kind for scope in everywhere}
    some = scopes(("a", "b"))
    assert [(scope.kind, scope.namespace) for scope in some[-2:]] == [(names.MODEL, "a"), (names.MODEL, "b")]
    assert len(some) == 2 * len(everywhere) + 2


def test_routes_are_followed_only_where_they_are_made() -> None:
    """Without the chart's value there is no right to list them."""
    assert names.HTTP_ROUTE not in {scope.kind for scope in scopes(("a",))}
    assert names.HTTP_ROUTE in {scope.kind for scope in scopes((), gateway_api=True)}
