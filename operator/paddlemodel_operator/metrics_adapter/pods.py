"""Which pods a query is about, and what each of them reports: listed, scraped, and cached for a moment.

Only running pods that the operator manages are asked, at their own address and the one port of our server.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakValueDictionary

from paddlemodel_api import contract

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.scrape import Page, ScrapeError, Scraper
from paddlemodel_operator.metrics_adapter.answer import Sample
from paddlemodel_operator.metrics_adapter.cache import Cache
from paddlemodel_operator.metrics_adapter.query import Refused, Values

log = logging.getLogger(__name__)

SCRAPES_AT_ONCE: Final = 64
"""In one namespace: half of all, so that pods that hang in one do not hold up the others."""

ANSWER_SECONDS: Final = 5.0
"""Seconds for the pods of one query. Kubernetes queries five models at a time, so a thousand pods that hang
would hold up all autoscalers; a pod that is late counts as one that reports nothing."""

LISTS_AT_ONCE: Final = 16
"""Requests to the API server under way; the largest thing in memory is what they answer."""

_OF_A_LIST: Final = ("items", "metadata", "continue", "resourceVersion", "message", "reason")
_OF_A_POD: Final = ("namespace", "name", "uid", "labels", "deletionTimestamp", "status", "phase", "podIP")
KEPT: Final = frozenset((*_OF_A_LIST, *_OF_A_POD, contract.MANAGED_BY_LABEL))
"""All that is read of what the API server answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod that can be asked; a name that comes back with another uid is another pod."""

    namespace: str
    name: str
    uid: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a pod reported, or nothing, at a moment in seconds since 1970."""

    moment: float
    page: Page | None


class Pods:
    """The samples of a query's pods; one instance per process."""

    def __init__(self, api: Api, scraper: Scraper, fresh_seconds: float) -> None:
        self._api = api
        self._scraper = scraper
        self._lists: Cache[tuple[str, str, str], list[Pod]] = Cache(fresh_seconds, time.monotonic)
        self._readings: Cache[Pod, Reading] = Cache(fresh_seconds, time.monotonic)
        self._list_slots = asyncio.Semaphore(LISTS_AT_ONCE)
        self._scrape_slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def samples(self, query: Values) -> list[Sample]:
        """The metric of each pod that has it now.

        Raises:
            Refused: the pods cannot be listed, or the one that is named is not there or lacks the metric.
        """
        pods = await self._pods(query)
        found = [
            Sample(namespace=pod.namespace, pod=pod.name, moment=reading.moment, value=value)
            for pod, reading in (await self._readings_of(pods)).items()
            if reading.page is not None and (value := reading.page.values.get(query.metric)) is not None
        ]
        if query.pod is not None and not found:
            raise Refused(404, "NotFound", _missing(query, bool(pods)))
        return found

    async def _pods(self, query: Values) -> list[Pod]:
        name = query.pod or ""
        try:
            return await self._lists.get(
                (query.namespace, query.selector, name),
                lambda: self._list(query.namespace, query.selector, name),
            )
        except ApiError as error:
            if error.code == 400:
                raise Refused(400, "BadRequest", f"the API server refuses the selector: {error}") from error
            log.warning("Cannot list pods", extra={"namespace": query.namespace, "error": str(error)})
            cure = "; restore the RBAC of the chart" if error.code in {401, 403} else ""
            message = f"cannot list the pods of namespace {query.namespace}: {error}{cure}"
            raise Refused(503, "ServiceUnavailable", message) from error

    async def _list(self, namespace: str, selector: str, name: str) -> list[Pod]:
        # Our own selector comes first: whatever follows can only narrow it.
        labels = f"{names.CHILD_SELECTOR},{selector}" if selector else names.CHILD_SELECTOR
        fields = "status.phase=Running" + (f",metadata.name={name}" if name else "")
        async with self._list_slots:
            listing = await self._api.list_all(
                names.POD, labels, namespace, fields=fields, cached=True, trim=trim
            )
        return [pod for item in listing.items if (pod := askable(item)) is not None]

    async def _readings_of(self, pods: list[Pod]) -> dict[Pod, Reading]:
        """Of those that answer in time, in the order of the list."""
        tasks = {pod: asyncio.ensure_future(self._reading(pod)) for pod in pods}
        try:
            if tasks:
                await asyncio.wait(tasks.values(), timeout=ANSWER_SECONDS)
            return {pod: task.result() for pod, task in tasks.items() if task.done()}
        finally:
            for task in tasks.values():
                task.cancel()  # Only the wait: the scrape goes on, and serves the next query.

    async def _reading(self, pod: Pod) -> Reading:
        return await self._readings.get(pod, lambda: self._read(pod))

    async def _read(self, pod: Pod) -> Reading:
        """A failure is remembered as well: a pod that hangs costs one wait in each period."""
        slots = self._scrape_slots.setdefault(pod.namespace, asyncio.Semaphore(SCRAPES_AT_ONCE))
        async with slots:
            return await self._read_now(pod)

    async def _read_now(self, pod: Pod) -> Reading:
        moment = time.time()
        try:
            return Reading(moment=moment, page=await self._scraper.read(pod.address))
        except ScrapeError as error:
            where = {"namespace": pod.namespace, "pod": pod.name, "address": pod.address}
            log.warning("A pod %s", error, extra=where)
            return Reading(moment=moment, page=None)


def trim(found: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a JSON object, from the innermost on: a pod may be as large as a mebibyte."""
    return {key: value for key, value in found.items() if key in KEPT}


def askable(item: Mapping[str, Any]) -> Pod | None:
    """A pod of the API, if it runs, is not being deleted, and is ours; checked again, though selected for."""
    metadata, status = item["metadata"], item.get("status", {})
    if (
        metadata.get("labels", {}).get(contract.MANAGED_BY_LABEL) != names.MANAGED_BY
        or metadata.get("deletionTimestamp")
        or status.get("phase") != "Running"
        or not status.get("podIP")
    ):
        return None
    return Pod(
        namespace=metadata["namespace"], name=metadata["name"], uid=metadata["uid"], address=status["podIP"]
    )


def _missing(query: Values, there: bool) -> str:
    what = f"pod {query.namespace}/{query.pod}"
    if not there:
        return f"there is no running {what} of a {contract.KIND}"
    return (
        f"{what} does not report {query.metric}: its model is loading, or it has nothing to measure it with"
    )
