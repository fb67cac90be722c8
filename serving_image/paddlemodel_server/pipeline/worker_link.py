"""A front's connection to one owner: slot numbers out, replies in, both coalesced per turn of the loop.

`dispatch` makes one for each owner and keeps it connected.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

from paddlemodel_server.ipc import slots
from paddlemodel_server.ipc.process_context import Runtime
from paddlemodel_server.pipeline.write_batch import Burst

Settle = Callable[[int, int, slots.Layout | None], None]


class Link(asyncio.Protocol):
    """The connection; while it lasts, replies go to `settle` as (slot, status, layout of the answer)."""

    def __init__(self, owner: int, memory: slots.Slots, settle: Settle, burst: Burst) -> None:
        self.owner = owner
        self._memory = memory
        self._settle = settle
        self._burst = burst
        self._loop = asyncio.get_running_loop()
        self._out: list[bytes] = []
        self._in = b""
        self._numbers = slots.Numbers()
        self._known = slots.Known()
        self._transport: asyncio.Transport
        self.lost = self._loop.create_future()

    async def connect(self, runtime: Runtime, fd: int) -> None:
        """Connect to the owner and hand over the slots; raises OSError while it does not listen."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with runtime.socket(self.owner) as address:
                connection.connect(address)  # local: it fails or succeeds at once
            hello = slots.HELLO.pack(self._memory.count, self._memory.size)
            socket.send_fds(connection, [hello], [fd])
            connection.setblocking(False)
            await self._loop.create_unix_connection(lambda: self, sock=connection)
        except OSError:
            connection.close()
            raise

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass of it

    def announce(self, slot: int, layout: slots.Layout) -> None:
        """Tell the owner about a slot, together with everything else of this turn."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(slots.MESSAGE.pack(slot, self._numbers.of(layout)))

    def _flush(self) -> None:
        if not self._transport.is_closing():  # else the owner died in this turn: `dispatch` fails what it had
            self._transport.write(b"".join(self._out))
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
        self._burst.hold()
        try:
            for slot, status, number in slots.REPLY.iter_unpack(data[:whole] if self._in else data):
                layout = None
                if status == slots.ANSWERED:
                    layout = self._known.layout(number, self._memory, slot)
                self._settle(slot, status, layout)
        finally:
            self._burst.release()

    def connection_lost(self, exc: Any) -> None:  # noqa: ARG002 - the protocol's signature
        """Let `dispatch` know."""
        if not self.lost.done():
            self.lost.set_result(None)
