"""One controller per process: cache, queue, workers and resync. It is fed with the events of all watches.

Of several operators only the leader reconciles, writes and probes. The others watch, too, so that one of them
can go on at once.
"""

import asyncio
import logging
import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError, NameConflict, Retry
from paddlemodel_operator.cluster.answers import Scope
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.cache import Cache, Key, key_of, version
from paddlemodel_operator.cluster.election import Election
from paddlemodel_operator.cluster.health import Heartbeat
from paddlemodel_operator.cluster.queue import WorkQueue
from paddlemodel_operator.cluster.watch import Watch, scopes, take_list
from paddlemodel_operator.probing.model_records import ModelRecords
from paddlemodel_operator.probing.pod_prober import PodProber
from paddlemodel_operator.probing.rollout_meter import RolloutMeter
from paddlemodel_operator.probing.telemetry import Telemetry
from paddlemodel_operator.reconcile.context import Context
from paddlemodel_operator.reconcile.reconcile import reconcile
from paddlemodel_operator.registration.ownership import Registration
from paddlemodel_operator.registration.registrar import Registrar
from paddlemodel_operator.settings import Settings

log = logging.getLogger(__name__)

LIST_RETRY_SECONDS: Final = 5.0
GATHER_SECONDS: Final = 0.5
"""From a change of a model's children or pods to the look at it: others follow within a moment."""

REGISTRATION_SECONDS: Final = 5.0
"""For which the first looks wait to know who serves the metrics; else each model would be looked at twice."""

SETTLE_SECONDS: Final = 10.0
DEFINITION_SECONDS: Final = 2.0


def pauses(resync_seconds: float) -> Iterator[float]:
    """Seconds between lists of the models: one soon after the start, then with jitter around the setting.

    What is deleted after our first list and before kopf's own is reported by no watch; the second list finds
    it. Jitter, so that many operators do not list in step.
    """
    yield min(SETTLE_SECONDS, resync_seconds)
    while True:
        yield resync_seconds * random.uniform(0.9, 1.1)  # noqa: S311 - no secret


class Controller:
    """Reconciles every model that is due, from `start` to `stop`, while it leads."""

    def __init__(self, api: Api, settings: Settings, instance: str, election: Election | None = None) -> None:
        clock = asyncio.get_running_loop().time
        self._api = api
        self._settings = settings
        self._election = election
        self._cache = Cache()
        self._queue = WorkQueue(clock)
        self._heartbeat = Heartbeat(clock, settings.resync_seconds)
        self._records = ModelRecords()
        self._prober = PodProber(self._cache, self._records, self._wake, clock)
        self._watches = [
            Watch(api, scope, self._cache, self._gather if scope.kind != names.MODEL else self._wake_model)
            for scope in scopes(settings.watch_namespaces, gateway_api=settings.gateway_api)
        ]
        self._registrar = Registrar(api, settings, on_change=self._add_all)
        self._telemetry = Telemetry(self._records.all, self._registration, lambda: self._leads)
        self._context = Context(
            api=api,
            cache=self._cache,
            settings=settings,
            instance=instance,
            prober=self._prober,
            meter=RolloutMeter(self._cache, self._wake, clock),
            records=self._records,
            registration=self._registration,
            optional=self._optional(),
        )
        self._synced = asyncio.Event()
        self._leads = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Wait for the definition, then begin with a complete list: no decision is made on half a picture.

        kopf starts its watches when this returns, and does not notice a kind that comes a moment later. The
        adapter's pods wait for their certificate, and need no definition: so the leader begins without one.
        """
        leader = self._lead() if self._election is None else self._election.run(self._lead)
        self._tasks.append(asyncio.create_task(leader, name="election"))
        while not await self._has_definition():  # noqa: ASYNC110 - waits for a server, not for a task
            await asyncio.sleep(DEFINITION_SECONDS)
        self._tasks.append(asyncio.create_task(self._run(), name="controller"))

    async def stop(self) -> None:
        """Cancel every task, and close the API client."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._api.__aexit__()

    def on_event(self, event: str | None, body: Mapping[str, Any]) -> None:
        """The watch of kopf has reported a PaddleModel: remember it, and make it due."""
        if self._settings.watch_namespaces:
            return  # As `kopf run` does: our own watches follow those that are ours.
        self._heartbeat.event(names.MODEL, version(body))
        if event == "DELETED":
            self._cache.remove(names.MODEL, body)
        elif not self._cache.put(names.MODEL, body):
            self._gather(key_of(body))  # Most often the echo of a status that we have written.
            return
        self._wake(key_of(body))

    def health(self) -> tuple[list[str], dict[str, float | bool]]:
        """Complaints, and the ages (seconds) and lengths behind them."""
        wait = self._queue.oldest_wait()
        state = {
            **self._heartbeat.ages(),
            "synced": self._synced.is_set(),
            "leading": self._leads,
            "queued": len(self._queue),
            "secondsWaiting": round(wait, 1),
        }
        turned: dict[names.Kind, float] = {}
        for watch in self._watches:
            kind = watch.scope.kind
            turned[kind] = min(watch.turned_at, turned.get(kind, watch.turned_at))
        return self._heartbeat.complaints(wait, turned), state

    def metrics(self) -> tuple[bytes, str]:
        """The page for Prometheus, and its media type."""
        return self._telemetry.page()

    def _optional(self) -> dict[tuple[names.Kind, str | None], Watch]:
        found = {(watch.scope.kind, watch.scope.namespace): watch for watch in self._watches}
        return {place: watch for place, watch in found.items() if place[0] in names.OPTIONAL_KINDS}

    def _registration(self) -> Registration | None:
        """Who serves the metrics APIs, as far as the leader knows."""
        return self._registrar.registration if self._leads else None

    async def _has_definition(self) -> bool:
        self._heartbeat.resync()
        try:
            found = await self._api.serves(names.MODEL)
        except ApiError as error:
            log.warning("Cannot look up the definition of %s, trying again: %s", contract.PLURAL, error)
            return False
        if not found:
            log.warning(
                "Waiting for the definition %s: install it, or the chart with crds.enabled.",
                contract.CRD_NAME,
            )
        return found

    async def _run(self) -> None:
        while not await self._list_everything():  # noqa: ASYNC110 - waits for a server, not for a task
            await asyncio.sleep(LIST_RETRY_SECONDS)
        async with asyncio.TaskGroup() as group:
            for watch in self._watches:
                group.create_task(watch.run())
            group.create_task(self._resync_forever())

    async def _lead(self) -> None:
        """What one operator alone does, until it is cancelled; then what it has found out is forgotten."""
        self._leads = True
        try:
            async with asyncio.TaskGroup() as group:
                if not self._settings.watch_namespaces:  # What it looks at is the whole cluster's.
                    group.create_task(self._registrar.run())
                    await self._registrar.first(REGISTRATION_SECONDS)
                await self._synced.wait()
                self._add_all()
                for _ in range(self._settings.concurrency):
                    group.create_task(self._work())
                group.create_task(self._prober.run())
                group.create_task(self._context.meter.run())
        finally:
            self._leads = False
            self._queue.clear()
            for key in {*self._cache, *self._records.all()}:
                self._context.forget(key)

    async def _list_everything(self) -> bool:
        """The models last: a model without its children would look as if they had to be made."""
        self._heartbeat.resync()
        try:
            for watch in self._watches:
                await watch.begin()
        except ApiError as error:
            log.warning("Cannot list what belongs to %s, trying again: %s", contract.PLURAL, error)
            return False
        if await self.resync():
            self._synced.set()
        return self._synced.is_set()

    async def _resync_forever(self) -> None:
        for seconds in pauses(self._settings.resync_seconds):
            await asyncio.sleep(seconds)
            await self.resync()

    async def resync(self) -> bool:
        """List all models: finds what kopf's watch has missed, and makes each due; false if it failed.

        What we watch ourselves needs none of this: no gap is between one of our watches and the next.
        """
        self._heartbeat.resync()
        if self._settings.watch_namespaces:
            self._add_all()
            return True
        try:
            _, unreported = await take_list(self._api, Scope(kind=names.MODEL), self._cache)
        except ApiError as error:
            log.warning("Cannot list %s, trying again: %s", contract.PLURAL, error)
            return False
        for one in unreported:
            if one.version is not None:
                self._heartbeat.missed(names.MODEL, one.version)
            else:
                self._wake(one.key)  # Gone: its next reconcile ends all retries.
        self._add_all()
        return True

    def _add_all(self) -> None:
        for key in self._cache:
            self._wake(key)

    def _wake_model(self, key: Key) -> None:
        """One of our own watches, in place of kopf's, has reported a PaddleModel."""
        self._heartbeat.event(names.MODEL, 0)
        self._wake(key)

    def _wake(self, key: Key) -> None:
        """A model is due; one that stands by has all of them due when it begins to lead."""
        if self._leads:
            self._queue.add(key)

    def _gather(self, key: Key) -> None:
        """Something of a model has changed that hardly comes alone: one look for all of it."""
        if self._leads:
            self._queue.add(key, GATHER_SECONDS)

    async def _work(self) -> None:
        while True:
            key = await self._queue.next()
            try:
                await self._attempt(key)
            finally:
                self._queue.done(key)

    async def _attempt(self, key: Key) -> None:
        try:
            await reconcile(self._context, key)
        except Retry as error:
            log.debug("%s/%s: %s", *key, error)
            self._queue.add(key, error.seconds)
        except (ApiError, NameConflict) as error:
            delay = self._fail(key, error)
            log.warning("%s/%s, again in %.1f s: %s", *key, delay, error)
        except Exception:  # A fault of ours must not stop the other models.
            delay = self._fail(key)
            log.exception("%s/%s, again in %.1f s: unexpected", *key, delay)
        else:
            self._queue.forget(key)

    def _fail(self, key: Key, error: Exception | None = None) -> float:
        """Count a failure; returns the seconds until the next attempt."""
        self._records.of(key).errors += 1
        if isinstance(error, ApiError) and error.is_overload and error.retry_after:
            # The server says itself when it can answer again, and means everybody.
            self._queue.hold(error.retry_after)
            self._queue.add(key, error.retry_after)
            return error.retry_after
        return self._queue.retry(key, error.retry_after if isinstance(error, ApiError) else 0.0)
