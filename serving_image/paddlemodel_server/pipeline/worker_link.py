"""An HTTP worker's connection to one worker: slot numbers out, replies in, coalesced per turn of the loop.

`dispatcher` makes one for each worker and keeps it connected.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

from paddlemodel_server.ipc import layouts, slots
from paddlemodel_server.ipc.process_context import ProcessContext
from paddlemodel_server.pipeline.write_batch import WriteBatch

Settle = Callable[[int, int, layouts.Layout | None], None]


class WorkerLink(asyncio.Protocol):
    """The connection; while it lasts, replies go to `settle` as (slot, status, layout of the answer)."""

    def __init__(self, worker: int, memory: slots.Slots, settle: Settle, write_batch: WriteBatch) -> None:
        self.worker = worker
        self._memory = memory
        self._settle = settle
        self._write_batch = write_batch
        self._loop = asyncio.get_running_loop()
        self._out: list[bytes] = []
        self._in = b""
        self._numbers = layouts.Numbers()
        self._known = slots.Known()
        self._transport: asyncio.Transport
        self.lost = self._loop.create_future()

    async def connect(self, runtime: ProcessContext, fd: int) -> None:
        """Connect to the worker and hand over the slots; raises OSError while it does not listen."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with runtime.socket(self.worker) as address:
                connection.connect(address)  # local: it fails or succeeds at once
            hello = slots.HELLO.pack(self._memory.count, self._memory.size)
            socket.send_fds(connection, [hello], [fd])
            connection.setblocking(False)
            await self._loop.create_unix_connection(lambda: self, sock=connection)
        except OSError:
            connection.close()
            raise

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport of the connection to the worker."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass of it

    def announce(self, slot: int, layout: layouts.Layout, *, alone: bool = False) -> None:
        """Tell the worker about a slot, together with everything else of this turn.

        Args:
            slot: its number.
            layout: of its tensors.
            alone: whether it must share no run.
        """
        if not self._out:
            self._loop.call_soon(self._flush)
        number = self._numbers.of(layout)
        self._out.append(slots.MESSAGE.pack(slot, number | slots.ALONE if alone else number))

    def _flush(self) -> None:
        if (
            not self._transport.is_closing()
        ):  # else the worker died in this turn: `dispatcher` fails what it had
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def close(self) -> None:
        """Part from the worker."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Settle the requests that the worker has answered."""
        if self._in:
            data = self._in + data
        whole = len(data) - len(data) % slots.REPLY.size
        self._in = data[whole:]
        self._write_batch.hold()
        try:
            for slot, status, number in slots.REPLY.iter_unpack(data[:whole] if self._in else data):
                layout = None
                if status == slots.ANSWERED:
                    layout = self._known.layout(number, self._memory, slot)
                self._settle(slot, status, layout)
        finally:
            self._write_batch.release()

    def connection_lost(self, exc: Any) -> None:  # noqa: ARG002 - the protocol's signature
        """Resolve `lost`: the worker has ended, or its socket has failed."""
        if not self.lost.done():
            self.lost.set_result(None)
