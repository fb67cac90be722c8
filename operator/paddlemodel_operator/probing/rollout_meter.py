"""Reads the counters of both versions of a model every few seconds while a canary runs.

A reconcile asks for what was counted since the step began, and waits for nothing. After a restart of the
operator the count begins anew: a step lasts longer then, and none is passed by numbers that nobody has seen.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.cluster.cache import Cache, Key
from paddlemodel_operator.cluster.queue import WorkQueue
from paddlemodel_operator.cluster.scrape import ScrapeError, Scraper
from paddlemodel_operator.observe.pod_samples import addresses
from paddlemodel_operator.rollout.counting import Count, Counters, Measurement, read_counters
from paddlemodel_operator.rollout.series import SeriesScan

log = logging.getLogger(__name__)

PACE_SECONDS: Final = 5.0
"""Between two readings of one model; a decision follows each."""
WORKERS: Final = 4
"""Models that are read at the same time; the Scraper limits their pods."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What is counted together: the pods of a step."""

    epoch: str
    """Names the step; another one begins at 0."""
    template: str
    """The label of the canary's pods: older ones are of another canary."""


@dataclass(kw_only=True, slots=True)
class _State:
    target: Target
    stable: Count
    canary: Count
    last: Measurement | None = None


class RolloutMeter:
    """Reads the pods of the models that a reconcile has asked about; everything is in one event loop."""

    def __init__(self, cache: Cache, wake: Callable[[Key], None], clock: Callable[[], float]) -> None:
        self._cache = cache
        self._wake = wake
        self._queue = WorkQueue(clock)
        self._states: dict[Key, _State] = {}

    def counted(self, key: Key, target: Target) -> Measurement | None:
        """What was counted for a target; None before the first reading."""
        state = self._states.get(key)
        if state is None or state.target != target:
            present = frozenset(pod["metadata"]["name"] for pod in self._cache.pods(key))
            self._states[key] = _State(target=target, stable=Count(present), canary=Count(present))
            self._queue.add(key)
            return None
        return state.last

    def forget(self, key: Key) -> None:
        """No canary runs any more."""
        self._states.pop(key, None)

    async def run(self) -> None:
        """Read whatever is due until cancelled."""
        async with Scraper() as scraper, asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._work(scraper))

    async def _work(self, scraper: Scraper) -> None:
        while True:
            key = await self._queue.next()
            try:
                await self.read(key, scraper)
            except Exception:  # A fault of ours must not stop the canaries of other models.
                log.exception("%s/%s: its canary could not be measured", *key)
            finally:
                if key in self._states:
                    self._queue.add(key, PACE_SECONDS)
                self._queue.done(key)

    async def read(self, key: Key, scraper: Scraper) -> None:
        """Read the pods of one model once."""
        state = self._states.get(key)
        if state is None:
            return
        pods = self._cache.pods(key)
        canary = addresses(pod for pod in pods if _is_canary(pod, state.target.template))
        stable = addresses(
            pod for pod in pods if _labels(pod).get(contract.TRACK_LABEL) == contract.TRACK_STABLE
        )
        read = await asyncio.gather(*(_read(scraper, *pod) for pod in {**stable, **canary}.items()))
        if self._states.get(key) is not state:
            return  # Another step has begun meanwhile.
        faults = {name: fault for name, _, fault in read if fault}
        for name, counters, fault in read:
            if not fault:
                (state.canary if name in canary else state.stable).add(name, counters)
        state.last = Measurement(
            stable=state.stable.window,
            canary=state.canary.window,
            agreement=state.stable.agreement,
            unmeasured=_unmeasured(faults, stable, canary),
        )
        self._wake(key)


def _unmeasured(faults: Mapping[str, str], stable: Mapping[str, str], canary: Mapping[str, str]) -> str:
    """A canary pod that does not answer may be the one that is wrong; of the stable ones some are enough."""
    silent = next((name for name in faults if name in canary), None)
    if silent is None and stable and all(name in faults for name in stable):
        silent = next(iter(stable))
    return f"Pod {silent} {faults[silent]}." if silent else ""


def _is_canary(pod: Mapping[str, Any], template: str) -> bool:
    labels = _labels(pod)
    wanted = (contract.TRACK_CANARY, template)
    return (labels.get(contract.TRACK_LABEL), labels.get(contract.REVISION_LABEL)) == wanted


def _labels(pod: Mapping[str, Any]) -> Mapping[str, str]:
    found: Mapping[str, str] = pod["metadata"].get("labels") or {}
    return found


async def _read(scraper: Scraper, name: str, address: str) -> tuple[str, Counters, str]:
    scan = SeriesScan()
    try:
        await scraper.feed(address, scan)
    except ScrapeError as error:
        return name, {}, str(error)
    return name, read_counters(scan.page()), ""
