"""Looks at the pods of models itself: how busy their GPUs are, and what an autoscaler could read there.

`reconcile` asks for the last Look and never waits for one. Each model with GPUs or an autoscaler is looked at
about once a minute, and at once when its autoscaler turns (see `looks.Occasion`); a look makes its model due.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.cache import Cache, Key, owned_by
from paddlemodel_operator.cluster.queue import WorkQueue
from paddlemodel_operator.cluster.scrape import ScrapeError, Scraper
from paddlemodel_operator.observe.autoscaler import read_autoscaler
from paddlemodel_operator.observe.pod_samples import (
    SETTLE_SECONDS,
    Look,
    Occasion,
    PodLook,
    addresses,
    gpus_held,
    occasion,
)
from paddlemodel_operator.probing.gpu_accounting import Ledger

log = logging.getLogger(__name__)

PACE_SECONDS: Final = 60.0
SOONEST_SECONDS: Final = 5.0
"""Between two looks at one model, whatever happens: pods of a rollout come one by one."""

WORKERS: Final = 8
"""Models that are looked at at the same time; the Scraper limits their pods."""

BUSY_SECONDS: Final = "paddle_gpu_busy_seconds_total"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What has to be known of a model to look at it."""

    autoscaler: str
    """The name of its HorizontalPodAutoscaler, ours or KEDA's."""
    owner: str = ""
    """The uid of the model that must control it; empty for KEDA's, which a ScaledObject controls."""
    gpu_resource: str
    """Empty on device CPU."""
    asks_pods: bool
    """Whether its pods tell anything that matters; processor use they do not tell."""


@dataclass(kw_only=True, slots=True)
class _Memory:
    subject: Subject
    look: Look | None = None
    looked_at: float = float("-inf")
    read_at: float = float("-inf")
    """When the readings were taken over."""
    same_since: float = float("-inf")
    """The first look for the present occasion."""


class Insight:
    """Construct, run; ask and tell from reconcile. Everything happens in one event loop."""

    def __init__(
        self, cache: Cache, ledger: Ledger, wake: Callable[[Key], None], clock: Callable[[], float]
    ) -> None:
        self._cache = cache
        self._ledger = ledger
        self._wake = wake
        self._clock = clock
        self._queue = WorkQueue(clock)
        self._memories: dict[Key, _Memory] = {}

    def consider(self, key: Key, subject: Subject, now: Occasion) -> Look | None:
        """The last look at a model; a next one follows in time, or soon if the occasion is another."""
        memory = self._memories.setdefault(key, _Memory(subject=subject))
        memory.subject = subject
        if memory.look is None or memory.look.occasion != now:
            self._queue.add(key, max(0.0, memory.looked_at + SOONEST_SECONDS - self._clock()))
        return memory.look

    def forget(self, key: Key) -> None:
        """The model is gone, or has neither GPUs nor an autoscaler any more."""
        self._memories.pop(key, None)

    async def run(self) -> None:
        """For ever."""
        async with Scraper() as scraper, asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._work(scraper))

    async def _work(self, scraper: Scraper) -> None:
        while True:
            key = await self._queue.next()
            try:
                await self.look(key, scraper)
            except Exception:  # A fault of ours must not stop the looks at other models.
                log.exception("%s/%s: could not be looked at", *key)
                self._queue.add(key, PACE_SECONDS)
            finally:
                self._queue.done(key)

    async def look(self, key: Key, scraper: Scraper) -> None:
        """One look; also the ledger's tick, and the appointment for the next one."""
        memory = self._memories.get(key)
        if memory is None:
            return
        subject, namespace = memory.subject, key[0]
        pods = self._cache.pods(key)
        live = self._cache.get(names.AUTOSCALER, (namespace, subject.autoscaler))
        foreign = live is not None and subject.owner and not owned_by(live, subject.owner)
        autoscaler = None if foreign else read_autoscaler(live)
        present = occasion(autoscaler, pods)
        seen = await _read(scraper, addresses(pods), asks=subject.asks_pods)
        self._remember(memory, present, seen, autoscaler.readings if autoscaler else {})
        if self._memories.get(key) is not memory:
            return  # Forgotten meanwhile: a record of it would never be forgotten again.
        if subject.gpu_resource:
            self._count(key, memory.look, pods, subject.gpu_resource)
        self._queue.add(key, _pause(memory.look))
        self._wake(key)

    def _remember(
        self, memory: _Memory, present: Occasion, pods: tuple[PodLook, ...], readings: Mapping[str, float]
    ) -> None:
        now, before = self._clock(), memory.look
        same = before is not None and before.occasion == present
        if not same:
            memory.same_since = now
        if before is not None and same and now - memory.read_at < PACE_SECONDS / 2:
            readings = before.readings  # A status is not written more often than that.
        else:
            memory.read_at = now
        settled = now - memory.same_since >= SETTLE_SECONDS
        memory.look = Look(occasion=present, settled=settled, pods=pods, readings=readings)
        memory.looked_at = now

    def _count(self, key: Key, look: Look | None, pods: list[Mapping[str, Any]], resource: str) -> None:
        record = self._ledger.of(key)
        told = look.pods if look else ()
        busy = {pod.name: pod.values[BUSY_SECONDS] for pod in told if BUSY_SECONDS in pod.values}
        present = {pod["metadata"]["name"] for pod in pods}
        record.tick(self._clock(), gpus_held(pods, resource), present, busy)
        record.utilization = look.mean(contract.GPU_METRIC) if look else None


def _pause(look: Look | None) -> float:
    """Seconds to the next look, with jitter, so that a thousand models are not looked at in step."""
    if look is not None and look.occasion.active == "False":
        return SETTLE_SECONDS + 1
    return PACE_SECONDS * random.uniform(0.9, 1.1)  # noqa: S311 - no secret


async def _read(scraper: Scraper, where: Mapping[str, str], *, asks: bool) -> tuple[PodLook, ...]:
    if not asks:
        return tuple(PodLook(name=name) for name in where)
    return tuple(await asyncio.gather(*(_read_pod(scraper, *pod) for pod in sorted(where.items()))))


async def _read_pod(scraper: Scraper, name: str, address: str) -> PodLook:
    try:
        page = await scraper.read(address)
    except ScrapeError as error:
        return PodLook(name=name, error=str(error))
    return PodLook(name=name, values=page.values, nvml=page.nvml_state)
