"""Follows one kind of object: a complete list, and from its version on every change, for as long as we run.

A watch ends after half a minute and is opened again where it ended, so that nothing is lost and a dead
connection is noticed. kopf watches the PaddleModels; their children and pods, ten times as many, would pass
through a queue, a task and a deep copy each there, and its first list brings all of them at once. Where only
some namespaces are served, the PaddleModels are followed here, too: kopf ends as soon as one is forbidden.
"""

import asyncio
import logging
import random
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.cluster.answers import Scope
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.cache import Cache, Key, Unreported, key_of, model_of, version

log = logging.getLogger(__name__)

WATCH_SECONDS: Final = 30
PAUSE_FIRST: Final = 0.5
PAUSE_LAST: Final = 30.0
EARLY_SECONDS: Final = 1.0
"""A watch that ends sooner was cut off: the next one waits, or we would ask as fast as we can."""

ASK_SECONDS: Final = 5.0
"""Between two looks for a kind that the cluster does not know, however many models ask."""
LATER_SECONDS: Final = 30.0
"""Between two looks while the same models wait for it."""

SLICE: Final = 10
"""Objects of a list that are taken over in one step of the event loop: some 4 ms."""


def scopes(namespaces: Sequence[str], *, gateway_api: bool = False) -> list[Scope]:
    """What kopf does not follow; models last, whose children would else look as if they had to be made."""
    kinds = (*names.CHILD_KINDS, names.POD, *names.optional_kinds(gateway_api=gateway_api))
    found = [
        Scope(kind=kind, selector=names.CHILD_SELECTOR, namespace=one)
        for one in namespaces or (None,)
        for kind in kinds
    ]
    return [*found, *(Scope(kind=names.MODEL, namespace=one) for one in namespaces)]


class Watch:
    """Feeds the cache, and wakes the models whose objects have changed."""

    def __init__(self, api: Api, scope: Scope, cache: Cache, wake: Callable[[Key], None]) -> None:
        self._api = api
        self._cache = cache
        self._wake = wake
        self._version: int | None = None
        self._pause = 0.0
        self._trouble = ""
        self._asked = asyncio.Event()
        self.scope = scope
        self.turned_at = self._now()
        """When the last list or watch ended, well or not: a loop that no longer turns is stuck."""
        self.served = True
        """Whether the cluster knows the kind, as the last list saw it."""
        self.waiting: set[Key] = set()
        """Models that need the kind, which the cluster does not know."""

    async def begin(self) -> None:
        """The first list; one namespace of several that is forbidden is nothing that the others wait for.

        Raises:
            ApiError: as `list`, where it is not that.
        """
        try:
            await self.list()
        except ApiError as error:
            if error.code != 403 or self.scope.namespace is None:
                raise
            where = f"{self.scope.kind.plural} in namespace {self.scope.namespace}"
            log.warning("Cannot list %s, trying again while the others go on: %s", where, error)

    async def list(self) -> None:
        """Take over a complete list, page by page.

        Raises:
            ApiError: it could not be had; what was taken over so far is true, but not complete.
        """
        self._version, unreported = await take_list(self._api, self.scope, self._cache)
        self.served = self._version != sys.maxsize
        for one in unreported:
            if one.model is not None:
                self._wake(one.model)
        if self.served:
            for key in self.waiting:
                self._wake(key)
            self.waiting.clear()

    async def run(self) -> None:
        """Follow the kind until cancelled."""
        while True:
            try:
                await self._step()
            except ApiError as error:
                await self._rest(str(error), error)
            except Exception as error:  # A fault of ours must not end the watch.
                log.exception("The watch of %s, again: unexpected", self.scope.kind.plural)
                self._version = None
                await self._rest(repr(error))
            self.turned_at = self._now()

    def miss(self, key: Key) -> None:
        """A model needs the kind, which the cluster does not know: look again soon, and now and then."""
        self.served = False
        self.waiting.add(key)
        self._asked.set()

    async def _step(self) -> None:
        if not self.served:
            await self._until_asked()
        if self._version is None or not self.served:
            await self.list()
            if not self.served:
                return
        started, seconds = self._now(), WATCH_SECONDS * random.uniform(0.8, 1.0)  # noqa: S311 - no secret
        assert self._version is not None  # noqa: S101 - `list` has set it
        await self._api.watch(self.scope, self._version, self._on_event, seconds)
        if self._now() - started < EARLY_SECONDS:
            await self._rest("it ends at once")
        else:
            self._settle()

    async def _until_asked(self) -> None:
        """Until a model asks for the kind, or one has asked before and is still there."""
        await asyncio.sleep(ASK_SECONDS)
        while True:
            try:
                async with asyncio.timeout(LATER_SECONDS):
                    await self._asked.wait()
            except TimeoutError:
                self.turned_at = self._now()
            self._asked.clear()  # also where who asked is gone: a set event is awaited in no time, for ever
            if self.waiting:
                return

    def _on_event(self, event: str, body: dict[str, Any]) -> None:
        self._version = version(body)
        if event == "BOOKMARK":
            return
        self._settle()
        kind = self.scope.kind
        if event == "DELETED":
            self._cache.remove(kind, body)
        else:
            self._cache.put(kind, body)
        if (key := model_of(kind, body)) is not None:
            self._wake(key)

    async def _rest(self, trouble: str, error: ApiError | None = None) -> None:
        """Say what is wrong, once, and wait ever longer; a lost place is no trouble, the first time."""
        first = self._pause == 0
        self._pause = min(PAUSE_LAST, max(PAUSE_FIRST, 2 * self._pause))
        wait = self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - as above
        if error is not None and error.code in {404, 410}:
            self._version = None
            if first:
                return
        if trouble != self._trouble:
            self._trouble = trouble
            log.warning("The watch of %s is opened again: %s", self.scope.kind.plural, trouble)
        await asyncio.sleep(max(wait, error.retry_after if error else 0.0))

    def _settle(self) -> None:
        self._pause, self._trouble = 0.0, ""

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


async def take_list(api: Api, scope: Scope, cache: Cache) -> tuple[int, list[Unreported]]:
    """Take over a complete list in small steps; returns its version, and what was not known.

    Raises:
        ApiError: the list could not be had to its end.
    """
    present, unreported, at = set[Key](), list[Unreported](), 0
    async for page in api.pages(scope):
        at = page.resource_version
        for start in range(0, len(page.items), SLICE):
            items = page.items[start : start + SLICE]
            present.update(key_of(item) for item in items)
            unreported += cache.merge(scope.kind, items)
            await asyncio.sleep(0)
    return at, [*cache.keep(scope.kind, present, at, scope.namespace), *unreported]
