"""Tells the store what was taken here, and the pod's own table what is unpaid everywhere.

No request waits for the store. Each is counted in the pod's table first, as ever; what it cost goes to the
store within milliseconds, with the others of that time, and what comes back raises the table's numbers. So
while the store is slow, frozen or gone, each pod counts for itself.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from paddlemodel_server.access.limits import Limit
from paddlemodel_server.access.shared.place import Place
from paddlemodel_server.access.shared.store import Store, StoreError
from paddlemodel_server.ipc.access_page import AccessPage
from paddlemodel_server.ipc.limit_table import Charge, LimitTable

PAUSE_SECONDS: Final = 0.01  # after an exchange
RETRY_SECONDS: Final = 1.0  # after one that failed
IDLE_SECONDS: Final = 5.0  # without requests; then it is asked whether it is there
CANCEL_SECONDS: Final = 0.1  # then again: wait_for of Python 3.11, by which redis-py sends, may swallow one
MOST: Final = 4096  # subjects in one exchange; of more, this pod alone knows

logger = logging.getLogger(__name__)


class Exchange:
    """That of one HTTP worker."""

    def __init__(
        self, table: LimitTable, clock: Callable[[], int], store: Store, place: Place, page: AccessPage
    ) -> None:
        """Begin with nothing.

        Args:
            table: of the pod.
            clock: monotonic nanoseconds, as the table has them.
            store: what pods share.
            place: whose numbers these are there.
            page: where to tell whether it answers.
        """
        self._table, self._clock, self._store, self._page = table, clock, store, page
        self.key: Callable[[Limit, str], str] = place.key
        self._pending: dict[Charge, int] = {}  # requests of each that the store has not heard of
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._down: bool | None = None  # None: not asked yet

    def add(self, charges: Sequence[Charge]) -> None:
        """A request was taken."""
        pending = self._pending
        for charge in charges:
            if charge in pending:
                pending[charge] += 1
            elif len(pending) < MOST:
                pending[charge] = 1
        self._more.set()

    def start(self) -> None:
        """Exchange from now on; needs the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Exchange no more, and leave the store."""
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=CANCEL_SECONDS)
        await self._store.close()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(await self._exchanged())
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):  # wait_for may swallow a cancellation
                    await self._more.wait()

    async def _exchanged(self) -> float:
        """One exchange; returns the pause after it in seconds."""
        pending, self._pending = self._pending, {}
        self._more.clear()
        sent = self._clock()
        costs_us = {charge.key: number * charge.cost_ns / 1000 for charge, number in pending.items()}
        try:
            unpaid_us = await self._store.add(costs_us)
        except StoreError as error:
            self._tell(str(error))
            return RETRY_SECONDS
        for charge, unpaid in zip(pending, unpaid_us, strict=True):
            newer_ns = self._pending.get(charge, 0) * charge.cost_ns
            self._table.learn(charge, sent + unpaid * 1000 + newer_ns)
        self._tell("")
        return PAUSE_SECONDS

    def _tell(self, fault: str) -> None:
        """Log once that it is down, and once that it is back."""
        was, self._down = self._down, bool(fault)
        if self._down or was is not False:  # down is told again and again: another HTTP worker may be up
            self._page.write_shared_limits(down=self._down)
        if was == self._down:
            return
        if fault:
            logger.error(
                "shared limits: this pod counts for itself, for their store does not answer: %s", fault
            )
        elif was:
            logger.info("shared limits: their store answers again, and pods count together")
