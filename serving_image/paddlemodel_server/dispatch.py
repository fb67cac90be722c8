"""The queue between a front and the owners: admission, slots, the owner with the fewest in flight, deadlines.

Both doors call `infer` (the Flask door through `infer_from_thread`). Everything here runs on the front's
event loop; what the pod's other fronts do is read from the board.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from paddlemodel_server import board as boards
from paddlemodel_server import slots
from paddlemodel_server.errors import (
    AnswerTooLargeError,
    DeadlineExceededError,
    ModelFailedError,
    NotReadyError,
    OwnerLostError,
    QueueFullError,
    RequestTooLargeError,
    ServingError,
)
from paddlemodel_server.runtime import Runtime
from paddlemodel_server.settings import Settings

Array = np.ndarray[Any, np.dtype[Any]]
RECONNECT_SECONDS = 0.05
SWEEP_SECONDS = 0.05

logger = logging.getLogger(__name__)


class Pending:
    """One request at an owner; its slot is free again once the owner has replied, not before."""

    __slots__ = ("deadline", "future", "owner", "slot", "used")

    def __init__(self, future: "asyncio.Future[list[Array]]", owner: int, deadline: float) -> None:
        self.future = future
        self.owner = owner
        self.deadline = deadline
        self.slot = -1
        self.used = 0


class Link(asyncio.Protocol):
    """The connection to one owner: sends slot numbers, receives replies, both coalesced per loop turn."""

    def __init__(self, owner: int, dispatcher: "Dispatcher") -> None:
        self.owner = owner
        self._dispatcher = dispatcher
        self._out = bytearray()
        self._in = b""
        self._transport: asyncio.Transport
        self.lost = dispatcher.loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass of it

    def announce(self, slot: int) -> None:
        """Tell the owner about a slot, together with everything else of this turn."""
        if not self._out:
            self._dispatcher.loop.call_soon(self._flush)
        self._out += slots.MESSAGE.pack(slot)

    def _flush(self) -> None:
        self._transport.write(bytes(self._out))
        self._out.clear()

    def close(self) -> None:
        """Part from the owner."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Settle the requests that the owner has answered."""
        if self._in:
            data = self._in + data
        whole = len(data) - len(data) % slots.REPLY.size
        self._in = data[whole:]
        for slot, status in slots.REPLY.iter_unpack(memoryview(data)[:whole]):
            self._dispatcher.settle(slot, status)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """Fail what the owner held."""
        if not self.lost.done():
            self.lost.set_result(None)


class Dispatcher:
    """Sends requests to owners and waits for their answers."""

    def __init__(self, settings: Settings, runtime: Runtime, board: boards.Board, row: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.settings = settings
        self._runtime = runtime
        self._board = board
        self._row = board.front(row)
        self._rows = max(runtime.sizes.fronts, row + 1) + 1  # how much of the board is worth reading
        self._blocks = [board.owner(index) for index in range(runtime.sizes.owners)]
        self._links: list[Link | None] = [None] * runtime.sizes.owners
        size = slots.slot_bytes(settings.max_request_bytes)
        count = settings.queue_size + runtime.sizes.owners * settings.max_batch_size
        count = min(count, slots.MAX_BYTES // size)
        self._fd = slots.create(count, size)
        self._slots = slots.Slots(self._fd, count, size)
        self._free = list(range(count))
        self._pending: dict[int, Pending] = {}
        self._sweeping = False
        self._tasks = [self.loop.create_task(self._keep_linked(o)) for o in range(runtime.sizes.owners)]

    @property
    def ready(self) -> bool:
        """Whether a request could be answered now, and the pod is not on its way out."""
        return any(self._links) and not self._board.draining

    async def close(self) -> None:
        """End the links."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        links = [link for link in self._links if link]
        for link in links:
            link.close()
        await asyncio.gather(*(link.lost for link in links))
        os.close(self._fd)

    def admit(self) -> None:
        """Count a request in, or refuse it; `leave` must follow."""
        capacity, linked = self.settings.queue_size, False
        for link, block in zip(self._links, self._blocks, strict=True):
            if link:
                linked = True
                capacity += block.running or 1
        if not linked:
            raise NotReadyError
        if self._board.admitted(self._rows) >= capacity or not self._free:
            raise QueueFullError
        self._row.admitted += 1

    def leave(self) -> None:
        """Count a request out."""
        self._row.admitted -= 1

    def submit(self, arrays: Sequence[Array], deadline: float) -> Pending:
        """Hand an admitted request to the owner with the fewest in flight."""
        owner = self._least_busy()
        link = self._links[owner]
        if not self._free or link is None:
            raise QueueFullError
        slot = self._free.pop()
        try:
            used = self._slots.write(slot, arrays, int(deadline * 1e9))
        except slots.DoesNotFitError:
            self._free.append(slot)
            raise RequestTooLargeError("The tensors of this request are too large.") from None
        pending = Pending(self.loop.create_future(), owner, deadline)
        pending.slot, pending.used = slot, used
        self._pending[slot] = pending
        self._row.add_in_flight(owner, 1)
        link.announce(slot)
        if not self._sweeping:
            self._sweeping = True
            self.loop.call_later(SWEEP_SECONDS, self._sweep)
        return pending

    def abandon(self, pending: Pending) -> None:
        """Nobody waits for this any more: an owner that has not begun it will not."""
        if not pending.future.done() and self._pending.get(pending.slot) is pending:
            self._slots.cancel(pending.slot)
            pending.future.cancel()

    def settle(self, slot: int, status: int) -> None:
        """Take an owner's reply."""
        pending = self._pending.pop(slot)
        self._row.add_in_flight(pending.owner, -1)
        future, used = pending.future, pending.used
        if not future.done():
            if status == slots.ANSWERED:
                _, _, layout = self._slots.look(slot)
                used = max(used, layout.end)
                future.set_result([view.copy() for view in self._slots.views(slot, layout)])
            else:
                future.set_exception(self._fault(status))
        self._slots.give_back(slot, used)
        self._free.append(slot)

    def _fault(self, status: int) -> ServingError:
        if status == slots.EXPIRED:
            return DeadlineExceededError(self.settings.timeout_seconds)
        return AnswerTooLargeError() if status == slots.TOO_LARGE else ModelFailedError()

    def _least_busy(self) -> int:
        best, fewest = -1, 0
        for owner, link in enumerate(self._links):
            if link:
                count = self._board.in_flight(self._rows, owner)
                if best < 0 or count < fewest:
                    best, fewest = owner, count
        if best < 0:
            raise NotReadyError
        return best

    def _sweep(self) -> None:
        """Answer 504 for what is late; one timer for all requests costs less than one each."""
        now = time.monotonic()
        for pending in self._pending.values():
            if pending.deadline < now and not pending.future.done():
                self._slots.cancel(pending.slot)
                pending.future.set_exception(DeadlineExceededError(self.settings.timeout_seconds))
        self._sweeping = bool(self._pending)
        if self._sweeping:
            self.loop.call_later(SWEEP_SECONDS, self._sweep)

    async def _keep_linked(self, owner: int) -> None:
        while True:
            try:
                link = await self._connect(owner)
            except OSError:
                await asyncio.sleep(RECONNECT_SECONDS)  # it is loading, or being replaced
                continue
            self._links[owner] = link
            await asyncio.shield(link.lost)
            self._links[owner] = None
            self._lose(owner)

    async def _connect(self, owner: int) -> Link:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with self._runtime.socket(owner) as address:
                connection.connect(address)  # local: it fails or succeeds at once
            hello = slots.HELLO.pack(self._slots.count, self._slots.size)
            socket.send_fds(connection, [hello], [self._fd])
            connection.setblocking(False)
            _, link = await self.loop.create_unix_connection(lambda: Link(owner, self), sock=connection)
        except OSError:
            connection.close()
            raise
        return link

    def _lose(self, owner: int) -> None:
        lost = [slot for slot, pending in self._pending.items() if pending.owner == owner]
        for slot in lost:
            pending = self._pending.pop(slot)
            self._row.add_in_flight(owner, -1)
            if not pending.future.done():
                pending.future.set_exception(OwnerLostError())
            self._slots.give_back(slot, pending.used)
            self._free.append(slot)
        logger.warning("an owner is gone", extra={"owner": owner, "requests": len(lost)})
