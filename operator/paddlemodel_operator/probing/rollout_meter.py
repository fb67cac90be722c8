"""Reads the counters of both versions of a model every few seconds while a canary runs.

A reconcile asks for what was counted since the step began, and waits for nothing. After a restart of the
operator the count begins anew: a step lasts longer then, and none is passed by numbers that nobody has seen.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from paddlemodel_api import contract

from paddlemodel_operator.cluster.cache import Cache, Key
from paddlemodel_operator.cluster.queue import WorkQueue
from paddlemodel_operator.cluster.scrape import ScrapeError, Scraper
from paddlemodel_operator.observe.pod_samples import addresses
from paddlemodel_operator.probing.workers import work
from paddlemodel_operator.rollout.counting import Count, Counters, Measurement, read_counters
from paddlemodel_operator.rollout.series import SeriesScan

PACE_SECONDS: Final = 5.0
"""Between two readings of one model; a decision follows each."""
WORKERS: Final = 4
"""Models that are read at the same time."""


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
        await work(self._queue, self.read, WORKERS, PACE_SECONDS)

    async def read(self, key: Key, scraper: Scraper) -> None:
        """Read the pods of one model once, and plan the next time."""
        state = self._states.get(key)
        if state is None:
            return
        pods = self._cache.pods(key)
        track, revision = contract.TRACK_LABEL, contract.REVISION_LABEL
        canary = _addresses(pods, {track: contract.TRACK_CANARY, revision: state.target.template})
        stable = _addresses(pods, {track: contract.TRACK_STABLE})
        read = await asyncio.gather(*(_read(scraper, *pod) for pod in {**stable, **canary}.items()))
        if self._states.get(key) is not state:
            return  # No canary runs any more, or another step has begun, for which its pods are due already.
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
        self._queue.add(key, PACE_SECONDS)
        self._wake(key)


def _unmeasured(faults: Mapping[str, str], stable: Mapping[str, str], canary: Mapping[str, str]) -> str:
    """A canary pod that does not answer may be the one that is wrong; of the stable ones some are enough."""
    silent = next((name for name in faults if name in canary), None)
    if silent is None and stable and all(name in faults for name in stable):
        silent = next(iter(stable))
    return f"Pod {silent} {faults[silent]}." if silent else ""


def _addresses(pods: Iterable[Mapping[str, Any]], labels: Mapping[str, str]) -> dict[str, str]:
    """Of the ready pods with all these labels."""
    return addresses(pod for pod in pods if labels.items() <= pod["metadata"].get("labels", {}).items())


async def _read(scraper: Scraper, name: str, address: str) -> tuple[str, Counters, str]:
    scan = SeriesScan()
    try:
        await scraper.feed(address, scan)
    except ScrapeError as error:
        return name, {}, str(error)
    return name, read_counters(scan.page()), ""
