"""Who works, of several operators: the one that holds the Lease, for as long as it renews it.

Every time limit is a duration on our own clock: the holder counts from the moment before it sent its last
renewal, the others from the moment when they saw the Lease change. The times in the Lease are for people;
nobody compares them, so that clocks may differ.
"""

import asyncio
import datetime as dt
import logging
import math
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.cluster.answers import Object
from paddlemodel_operator.cluster.api import Api

log = logging.getLogger(__name__)

RETRY: Final = 2 / 15
"""Between two renewals, or two looks of those who wait, as a part of the Lease's duration."""
VALID: Final = 10 / 15
"""So long after a renewal its holder may still write; the rest of the duration is what others wait longer."""
REQUEST_PART: Final = 1 / 3
"""For one request, so that one that hangs leaves time for another."""


def utc_now() -> dt.datetime:
    """The time of day, which the Lease shows; tests pass another function."""
    return dt.datetime.now(dt.UTC)


def steady() -> float:
    """Seconds that nobody can set, and that also pass while the machine sleeps, where the system has such."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Election:
    """One candidate; `run` takes part until it is cancelled."""

    def __init__(
        self,
        api: Api,
        lease: tuple[str, str],
        identity: str,
        seconds: int,
        clock: Callable[[], float] = steady,
        now: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        """Take part for the Lease of this namespace and name.

        Args:
            api: a client of the election's own, whose writes nobody holds up.
            lease: namespace and name.
            identity: unlike that of every other process.
            seconds: how long the others wait after a renewal.
            clock: seconds that only grow.
            now: the time of day.
        """
        self._api = api
        self._lease = lease
        self._identity = identity
        self._seconds = seconds
        self._clock = clock
        self._now = now
        self._seen: Object | None = None
        """The Lease as last read or written."""
        self._seen_at = -math.inf
        """When it was first seen so."""
        self._until = -math.inf
        self._said = ""

    def remaining(self) -> float:
        """Seconds for which we may still write; not above 0 for all but the one that leads."""
        return self._until - self._clock()

    async def run(self, lead: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Until cancelled: run `lead` while we hold the Lease, and cancel it when we do not any more."""
        term: asyncio.Task[None] | None = None
        try:
            while True:
                await self.step()
                if term is not None and (term.done() or self.remaining() <= 0):
                    await _end(term)
                    term = None
                if term is None and self.remaining() > 0:
                    term = asyncio.create_task(lead(), name="leader")
                await asyncio.sleep(self._pause())
        finally:
            if term is not None:
                await _end(term)
            await self._release()
            await self._api.__aexit__()

    async def step(self) -> None:
        """Renew what we hold, or take what nobody holds; whatever goes wrong, the next step tries again."""
        try:
            try:
                await self._claim()
            except ApiError as error:
                if error.code not in {404, 409}:
                    raise
                self._seen = None  # Somebody else has deleted or written it: look at once who leads.
                await self._claim()
        except ApiError as error:
            self._say(logging.WARNING, f"cannot be read or renewed, trying again: {error}")
        except Exception:  # A fault of ours must not end the election.
            log.exception("Lease %s/%s, again: unexpected", *self._lease)

    async def _claim(self) -> None:
        if self._holder() != self._identity:
            await self._look()
            if self._is_held_by_another():
                self._say(logging.INFO, f"is held by {self._holder()}: standing by.")
                return
        began = self._clock()
        written = await self._write(self._identity, self._seconds)
        if written is None:
            return  # Another one was first; the next step reads who.
        self._observe(written)
        self._until = began + VALID * self._seconds
        self._say(logging.INFO, f"is held by this operator, {self._identity}: it leads.")

    async def _look(self) -> None:
        self._observe(await self._api.get(names.LEASE, *self._lease))
        if self._holder() != self._identity:
            self._until = -math.inf

    async def _write(self, holder: str, seconds: int) -> Object | None:
        """Create the Lease, or change the very version that was seen; None where it has just appeared.

        Raises:
            ApiError: 409 where it is not the version that was seen.
        """
        desired = self._desired(holder, seconds)
        if self._seen is None:
            return await self._api.create(names.LEASE, desired)
        desired["metadata"]["resourceVersion"] = self._seen["metadata"]["resourceVersion"]
        return await self._api.apply(names.LEASE, desired)

    def _desired(self, holder: str, seconds: int) -> Object:
        now = f"{self._now():%Y-%m-%dT%H:%M:%S.%fZ}"
        before: Object = (self._seen or {}).get("spec", {})
        ours = before.get("holderIdentity") == self._identity
        turns = before.get("leaseTransitions", 0)
        return {
            "apiVersion": names.LEASE.api_version,
            "kind": names.LEASE.kind,
            "metadata": {"namespace": self._lease[0], "name": self._lease[1]},
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": seconds,
                "acquireTime": before.get("acquireTime", now) if ours else now,
                "renewTime": now,
                "leaseTransitions": turns if ours or self._seen is None else turns + 1,
            },
        }

    def _observe(self, live: Object | None) -> None:
        version = live and live["metadata"]["resourceVersion"]
        if self._seen is None or version != self._seen["metadata"]["resourceVersion"]:
            self._seen_at = self._clock()
        self._seen = live

    def _holder(self) -> str:
        return str((self._seen or {}).get("spec", {}).get("holderIdentity") or "")

    def _is_held_by_another(self) -> bool:
        return self._holder() not in {"", self._identity} and self._expires() > self._clock()

    def _expires(self) -> float:
        """When the holder's own promise ends, counted from when its last renewal was seen."""
        spec: Object = (self._seen or {}).get("spec", {})
        return self._seen_at + float(spec.get("leaseDurationSeconds") or self._seconds)

    def _pause(self) -> float:
        retry = RETRY * self._seconds * random.uniform(0.8, 1.0)  # noqa: S311 - no secret
        if self.remaining() <= 0 and self._is_held_by_another():
            return min(retry, max(0.01, self._expires() - self._clock()))
        return retry

    async def _release(self) -> None:
        """Let another one take over at once."""
        self._until = -math.inf
        try:
            await self._look()
            if self._holder() == self._identity:
                await self._write("", 1)
                self._say(logging.INFO, "is given back.")
        except ApiError as error:
            self._say(logging.WARNING, f"could not be given back, and expires: {error}")

    def _say(self, level: int, text: str) -> None:
        """Once, until there is something else to say."""
        if text != self._said:
            self._said = text
            log.log(level, "Lease %s/%s %s", *self._lease, text)


async def _end(term: asyncio.Task[None]) -> None:
    """Of a time in office: it is over, or it has failed."""
    term.cancel()
    (result,) = await asyncio.gather(term, return_exceptions=True)
    if isinstance(result, Exception):
        log.error("The work of the leader has failed, and begins again", exc_info=result)
