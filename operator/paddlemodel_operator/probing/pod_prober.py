"""Scrapes the pods of models itself: how busy their GPUs are, and what an autoscaler could read there.

A reconcile asks for the latest samples and never waits for new ones. Each model with GPUs, an autoscaler or
mounted Secrets of clients is probed about once a minute, and at once when its autoscaler changes
(`ProbeTrigger`); new samples make the model due for a reconcile.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.cache import Cache, Key, owned_by
from paddlemodel_operator.cluster.queue import WorkQueue
from paddlemodel_operator.cluster.scrape import ScrapeError, Scraper
from paddlemodel_operator.observe.autoscaler import read_autoscaler
from paddlemodel_operator.observe.pod_samples import (
    SETTLE_SECONDS,
    PodSample,
    PodSamples,
    ProbeTrigger,
    addresses,
    gpus_held,
    probe_trigger,
)
from paddlemodel_operator.probing.model_records import ModelRecords
from paddlemodel_operator.probing.workers import work

PACE_SECONDS: Final = 60.0
SOONEST_SECONDS: Final = 5.0
"""Between two probes of one model, whatever happens: pods of a rollout come one by one."""

WORKERS: Final = 8
"""Models that are probed at the same time."""

BUSY_SECONDS: Final = "paddle_gpu_busy_seconds_total"


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeTarget:
    """What has to be known of a model to probe it."""

    autoscaler: str
    """The name of its HorizontalPodAutoscaler, ours or KEDA's."""
    owner: str = ""
    """The uid of the model that must control it; empty for KEDA's, which a ScaledObject controls."""
    gpu_resource: str
    """Empty on device CPU."""
    asks_pods: bool
    """Whether its pods have to be scraped: for CPU use alone they need not."""


class _Seen(NamedTuple):
    pods: list[Mapping[str, Any]]
    trigger: ProbeTrigger
    readings: Mapping[str, float]


@dataclass(kw_only=True, slots=True)
class _State:
    target: ProbeTarget
    samples: PodSamples | None = None
    probed_at: float = float("-inf")
    read_at: float = float("-inf")
    """When the autoscaler's readings were taken over."""
    same_since: float = float("-inf")
    """The first probe for the present trigger."""
    idle: bool = False
    """No probe is planned."""


class PodProber:
    """Probes every model that a reconcile has asked about; everything happens in one event loop."""

    def __init__(
        self, cache: Cache, records: ModelRecords, wake: Callable[[Key], None], clock: Callable[[], float]
    ) -> None:
        self._cache = cache
        self._records = records
        self._wake = wake
        self._clock = clock
        self._queue = WorkQueue(clock)
        self._states: dict[Key, _State] = {}

    def latest(self, key: Key, target: ProbeTarget, trigger: ProbeTrigger) -> PodSamples | None:
        """The last samples of a model; new ones follow in time, or soon if the trigger has changed.

        The first are there at once where no pod has to be asked: else each model would be looked at twice.
        """
        state = self._states.setdefault(key, _State(target=target))
        state.target = target
        if state.samples is None:
            seen = self._see(key, target)
            where = addresses(seen.pods)
            if not (target.asks_pods and where):
                self._take(key, state, seen, tuple(PodSample(name=name) for name in where))
                return state.samples
        if state.samples is None or state.samples.trigger != trigger or state.idle:
            state.idle = False
            self._queue.add(key, max(0.0, state.probed_at + SOONEST_SECONDS - self._clock()))
        return state.samples

    def samples(self, key: Key) -> PodSamples | None:
        """The last samples of a model, without asking for others."""
        state = self._states.get(key)
        return state.samples if state else None

    def forget(self, key: Key) -> None:
        """The model is gone, or has neither GPUs nor an autoscaler any more."""
        self._states.pop(key, None)

    async def run(self) -> None:
        """Probe whatever is due until cancelled."""
        await work(self._queue, self.probe, WORKERS, PACE_SECONDS)

    async def probe(self, key: Key, scraper: Scraper) -> None:
        """Scrape the pods of one model once, count what they say, and plan the next time."""
        state = self._states.get(key)
        if state is None:
            return
        seen, before = self._see(key, state.target), state.samples
        found = await _read(scraper, addresses(seen.pods), asks=state.target.asks_pods)
        if self._states.get(key) is not state:
            return  # Forgotten meanwhile: a record of it would never be forgotten again.
        self._take(key, state, seen, found)
        if state.samples is not before:
            self._wake(key)

    def _see(self, key: Key, target: ProbeTarget) -> _Seen:
        pods = self._cache.pods(key)
        live = self._cache.get(names.AUTOSCALER, (key[0], target.autoscaler))
        foreign = live is not None and target.owner and not owned_by(live, target.owner)
        autoscaler = None if foreign else read_autoscaler(live)
        return _Seen(pods, probe_trigger(autoscaler, pods), autoscaler.readings if autoscaler else {})

    def _take(self, key: Key, state: _State, seen: _Seen, found: tuple[PodSample, ...]) -> None:
        """Keep what was found, count it, and plan the next time."""
        resource = state.target.gpu_resource
        samples = self._remember(state, seen.trigger, found, seen.readings)
        if resource:
            self._count(key, samples, seen.pods, resource)
        pause = _pause(samples, holds_gpus=gpus_held(seen.pods, resource) > 0)
        state.idle = pause is None
        if pause is not None:
            self._queue.add(key, pause)

    def _remember(
        self, state: _State, trigger: ProbeTrigger, pods: tuple[PodSample, ...], readings: Mapping[str, float]
    ) -> PodSamples:
        now, before = self._clock(), state.samples
        same = before is not None and before.trigger == trigger
        if not same:
            state.same_since = now
        if before is not None and same and now - state.read_at < PACE_SECONDS / 2:
            readings = before.readings  # A status is not written more often than that.
        else:
            state.read_at = now
        settled = not pods or now - state.same_since >= SETTLE_SECONDS
        samples = PodSamples(trigger=trigger, settled=settled, pods=pods, readings=readings)
        if before is not None and samples == before:
            samples = before  # The very same, so that nobody looks at it again.
        state.samples, state.probed_at = samples, now
        return samples

    def _count(self, key: Key, samples: PodSamples, pods: list[Mapping[str, Any]], resource: str) -> None:
        record = self._records.of(key)
        busy = {pod.name: pod.values[BUSY_SECONDS] for pod in samples.pods if BUSY_SECONDS in pod.values}
        present = {pod["metadata"]["name"] for pod in pods}
        record.tick(self._clock(), gpus_held(pods, resource), present, busy)
        record.utilization = samples.mean(contract.GPU_METRIC)


def _pause(samples: PodSamples, *, holds_gpus: bool) -> float | None:
    """Seconds to the next probe, with jitter, so that a thousand models are not probed in step.

    None where only an event can change anything: the autoscaler reads nothing, and no pod answers or costs.
    """
    if samples.trigger.active != "True":
        if not samples.settled:
            return SETTLE_SECONDS + 1
        if not samples.trigger.addresses and not holds_gpus:
            return None
    return PACE_SECONDS * random.uniform(0.9, 1.1)  # noqa: S311 - no secret


async def _read(scraper: Scraper, where: Mapping[str, str], *, asks: bool) -> tuple[PodSample, ...]:
    if not asks:
        return tuple(PodSample(name=name) for name in where)
    return tuple(await asyncio.gather(*(_read_pod(scraper, *pod) for pod in sorted(where.items()))))


async def _read_pod(scraper: Scraper, name: str, address: str) -> PodSample:
    try:
        page = await scraper.read(address)
    except ScrapeError as error:
        return PodSample(name=name, error=str(error))
    return PodSample(name=name, values=page.values, nvml=page.nvml_state)
