"""The loop that keeps the adapter's certificate and its registration as they should be.

Nothing is remembered: each round reads the cluster, does what is missing, and writes nothing if nothing is.
Whatever goes wrong is logged once and tried again; models are served meanwhile, and autoscalers hold the
number of pods.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from typing import Any, Final

from paddlemodel_operator.base import names
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.drift import is_applied
from paddlemodel_operator.registration import objects
from paddlemodel_operator.registration.certificates import fault, issue
from paddlemodel_operator.registration.ownership import (
    Object,
    Registration,
    State,
    Survey,
    registration,
    survey,
)
from paddlemodel_operator.settings import Settings

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 10.0
"""Between two rounds: how long another server's registration, or an edit of ours, goes unnoticed."""
SOON_SECONDS: Final = 1.0
"""After a write, or after a write conflict; then more and more slowly."""
WORDS: Final = {
    State.ABSENT: "has no server",
    State.OURS: "is served by the chart's adapter",
    State.OURS_UNAVAILABLE: "belongs to the chart's adapter, which does not answer",
    State.FOREIGN: "is served by another server",
}


def utc_now() -> dt.datetime:
    """The present time; tests pass another function."""
    return dt.datetime.now(dt.UTC)


class Registrar:
    """Registers the adapter, or stands down, round by round."""

    def __init__(
        self,
        api: Api,
        settings: Settings,
        on_change: Callable[[], None],
        now: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self._api = api
        self._namespace, self._adapter = settings.namespace, settings.adapter
        self._wanted = settings.metrics_source == "builtin" and self._adapter != ""
        self._on_change = on_change
        self._now = now
        self._logged = ""
        self._trouble = ""
        self._registration: Registration | None = None
        self._looked = asyncio.Event()

    @property
    def registration(self) -> Registration | None:
        """What the last round saw; None before the first one."""
        return self._registration

    async def run(self) -> None:
        """Round after round, until cancelled."""
        pause = SOON_SECONDS
        while True:
            # What follows from a write, such as the API server's first try, is seen soon.
            pause = SOON_SECONDS if await self._attempt() else min(2 * pause, POLL_SECONDS)
            self._looked.set()
            await asyncio.sleep(pause)

    async def first(self, seconds: float) -> None:
        """Wait for the end of the first round, well or not, but no longer than this."""
        try:
            async with asyncio.timeout(seconds):
                await self._looked.wait()
        except TimeoutError:
            log.debug("Nobody knows yet who answers for %s.", names.CUSTOM_METRICS_GROUP)

    async def step(self) -> bool:
        """One round; whether it wrote anything, so that the next one should follow soon."""
        seen = survey((await self._api.list_all(names.API_SERVICE)).items, self._namespace, self._adapter)
        wrote, trouble = False, ""
        try:
            wrote = await self._converge(seen)
        except Waiting as reason:
            trouble = str(reason)
        except ApiError as error:
            if error.code == 409:
                raise
            trouble = f"The registration cannot be kept up: {error}"
        if not wrote:  # else what was seen is over, and the next round reports
            self._publish(registration(seen, trouble), trouble)
        return wrote

    async def _attempt(self) -> bool:
        try:
            return await self.step()
        except ApiError as error:
            if error.code == 409:  # Another operator, or a person, has just written what we were about to.
                log.debug("%s: %s", names.METRICS_API_SERVICE, error)
                return True
            text = f"Cannot see who answers for {names.CUSTOM_METRICS_GROUP}: {error}"
            self._log(logging.WARNING, text, about=str(error.code))
        except Exception as error:  # noqa: BLE001 - a fault of ours must not stop the models
            text = f"{names.METRICS_API_SERVICE}, again in {POLL_SECONDS:.0f} s: unexpected"
            self._log(logging.ERROR, text, about=repr(error), exc_info=True)
        return False

    async def _converge(self, seen: Survey) -> bool:
        if not self._wanted:
            return await self._retract(seen)
        if seen.foreign and await self._retract(seen):
            return True
        # The certificate is kept while we stand down, too: without one the adapter's pods could not start.
        ours = None if seen.foreign else seen.ours
        wrote, authorities = await self._certify(ours)
        if seen.foreign or (wrote and ours is not None):
            return wrote
        return await self._register(ours, authorities) or wrote

    async def _certify(self, ours: Object | None) -> tuple[bool, str]:
        """Fill the Secret if it has to be; whether it had to be, and the authorities it holds."""
        live = await self._api.get(names.SECRET, self._namespace, self._adapter)
        issued, host, now = objects.issued_in(live), objects.host(self._namespace, self._adapter), self._now()
        reason = fault(issued, host, now)
        if not reason:
            return False, issued.authorities
        fresh = issue(host, now, issued.authorities or objects.bundle_in(ours))
        role = await self._role()
        if ours is not None:
            # First the API server has to trust the new authority, then an adapter may show its certificate.
            await self._apply(ours, role, fresh.authorities)
        desired = objects.secret(self._namespace, self._adapter, live, role, fresh)
        await self._api.apply(names.SECRET, desired, force=live is not None)
        log.info("Filled Secret %s/%s: %s.", self._namespace, self._adapter, reason)
        return True, fresh.authorities

    async def _register(self, ours: Object | None, authorities: str) -> bool:
        role = await self._role()
        if ours is None:
            await self._wait_for_adapter()
        return await self._apply(ours, role, authorities)

    async def _apply(self, ours: Object | None, role: str, authorities: str) -> bool:
        desired = objects.api_service(self._namespace, self._adapter, role, authorities)
        if ours is not None:
            if is_applied(desired, ours):
                return False
            # Only what was seen to be ours may be overwritten.
            desired["metadata"]["resourceVersion"] = ours["metadata"]["resourceVersion"]
        await self._api.apply(names.API_SERVICE, desired, force=ours is not None)
        log.info("Applied APIService %s.", names.METRICS_API_SERVICE)
        return True

    async def _role(self) -> str:
        """The uid of the registration's owner: without one it would outlive the chart."""
        role = await self._api.get(names.CLUSTER_ROLE, None, self._adapter)
        if role is None or role["metadata"].get("deletionTimestamp"):
            raise Waiting(f"ClusterRole {self._adapter} is missing: helm upgrade puts it back.")
        uid: str = role["metadata"]["uid"]
        return uid

    async def _wait_for_adapter(self) -> None:
        """A registration without a server holds up the deletion of every namespace of the cluster."""
        live = await self._api.get(names.DEPLOYMENT, self._namespace, self._adapter)
        if live is not None and not live.get("status", {}).get("availableReplicas"):
            raise Waiting(f"Deployment {self._namespace}/{self._adapter} has no available pod yet.")

    async def _retract(self, seen: Survey) -> bool:
        """Delete our registration; from one that another server has taken over, remove only our labels."""
        if seen.ours is not None:
            await self._api.delete(names.API_SERVICE, seen.ours)
            log.info("Deleted APIService %s.", names.METRICS_API_SERVICE)
            return True
        for service in seen.foreign:
            if self._adapter and (patch := objects.disowned(service, self._adapter)):
                await self._api.merge(names.API_SERVICE, service, patch)
                log.info(
                    "APIService %s now leads to another server: left to it.", service["metadata"]["name"]
                )
                return True
        return False

    def _publish(self, found: Registration, trouble: str) -> None:
        before = self._registration
        turned = before is None or _essence(before) != _essence(found)
        if turned or trouble != self._trouble:  # Else the message stays: it is in every model's status.
            self._registration, self._trouble = found, trouble
        level = logging.INFO if found.state == State.OURS and not found.message else logging.WARNING
        if not self._wanted:
            level = logging.INFO
        text = f"{names.CUSTOM_METRICS_GROUP} {WORDS[found.state]}. {found.message}".rstrip()
        self._log(level, text, about=f"{found.state} {found.owner} {trouble}")
        if turned:
            self._on_change()

    def _log(self, level: int, text: str, *, about: str, exc_info: bool = False) -> None:
        """Log once per `about`: the API server's message itself names another pod every time."""
        if about != self._logged:
            self._logged = about
            log.log(level, "%s", text, exc_info=exc_info)


class Waiting(Exception):  # noqa: N818 - a fact about the cluster
    """Something that is not ours to create has to exist first."""


def _essence(found: Registration) -> Any:
    """Without the API server's messages, which name another pod every time."""
    services = {name: (one.owner, one.available) for name, one in found.services.items()}
    return found.state, found.owner, services
