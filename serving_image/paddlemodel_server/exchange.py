"""An owner's side of shared memory: a connected front, and requests joined into a run and parted again.

`owner` calls it. Requests of the same shape from the same front are moved by one numpy operation per tensor.
"""

import array
import contextlib
import os
import socket
from collections.abc import Sequence

import numpy as np

from paddlemodel_server import slots


class Front:
    """A connected front: its socket, its slots and the replies it has not got yet."""

    def __init__(self, connection: socket.socket) -> None:
        hello, fds, _, _ = socket.recv_fds(connection, slots.HELLO.size, 1)
        count, size = slots.HELLO.unpack(hello)
        self.slots = slots.Slots(fds[0], count, size)
        os.close(fds[0])
        self.connection = connection
        self.replies = bytearray()
        self._partial = b""

    def announced(self) -> Sequence[int]:
        """The slot numbers that have arrived; raises ConnectionError when the front is gone."""
        data = self._partial + self.connection.recv(65536)
        if len(data) == len(self._partial):
            raise ConnectionResetError
        whole = len(data) - len(data) % slots.MESSAGE.size
        self._partial = data[whole:]
        return array.array("I", data[:whole])

    def flush(self) -> None:
        """Send the replies of this turn in one message."""
        if self.replies:
            with contextlib.suppress(ConnectionError):  # a front that is gone shows in `announced`
                self.connection.sendall(self.replies)
            self.replies.clear()


Ticket = tuple[Front, int, slots.Layout]


def padded(rows: slots.Array, size: int) -> slots.Array:
    """Fill up to a warmed size by repeating the last row, which the model can surely take."""
    missing = size - len(rows)
    return (
        np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)])
        if missing
        else np.ascontiguousarray(rows)
    )


def joined(tickets: list[Ticket]) -> list[slots.Array]:
    """The inputs of all tickets, one below the other; of a single one without a copy."""
    front, slot, layout = tickets[0]
    if len(tickets) == 1:
        return front.slots.views(slot, layout)
    if all(ticket[0] is front and ticket[2] is layout for ticket in tickets):
        numbers = [ticket[1] for ticket in tickets]
        return [front.slots.gather(numbers, layout, at) for at in range(len(layout.tensors))]
    every = [front.slots.views(slot, layout) for front, slot, layout in tickets]
    return [np.concatenate(parts) for parts in zip(*every, strict=True)]


def deliver(tickets: list[Ticket], outputs: list[slots.Array], *, split: bool) -> None:
    """Give every ticket its rows of the outputs, and note the replies."""
    front, _, layout = tickets[0]
    if len(tickets) > 1 and all(ticket[0] is front and ticket[2] is layout for ticket in tickets):
        numbers = [ticket[1] for ticket in tickets]
        try:
            front.slots.scatter(numbers, outputs, layout.rows)
            status = slots.ANSWERED
        except slots.DoesNotFitError:
            status = slots.TOO_LARGE
        front.replies += b"".join([slots.REPLY.pack(number, status) for number in numbers])
        return
    start = 0
    for front, slot, layout in tickets:
        end = start + layout.rows
        try:
            front.slots.write(slot, [o[start:end] for o in outputs] if split else outputs)
            status = slots.ANSWERED
        except slots.DoesNotFitError:
            status = slots.TOO_LARGE
        front.replies += slots.REPLY.pack(slot, status)
        start = end
