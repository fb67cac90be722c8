"""Stands where the HTTP workers stand, and gives a real worker requests through shared memory.

Everything between an HTTP worker and the model is real here: slots, announcements, the worker's choice of
what shares a run. HTTP itself is not; see over_http.py.
"""

import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from paddlemodel_server.ipc import layouts, slots

Array = np.ndarray[Any, np.dtype[Any]]
SLOT_BYTES = 1 << 20
SECONDS = 60.0  # until a request is late


class SlotsClient:
    """One connection to a worker."""

    def __init__(self, address: Path, count: int) -> None:
        fd = slots.create(count, SLOT_BYTES)
        self._slots = slots.Slots(fd, count, SLOT_BYTES)
        self._numbers, self._known = layouts.Numbers(), slots.Known()
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.connect(str(address))
        self._connection.settimeout(SECONDS)
        socket.send_fds(self._connection, [slots.HELLO.pack(count, SLOT_BYTES)], [fd])
        os.close(fd)

    def send(self, requests: Sequence[Sequence[Array]]) -> None:
        """Announce requests together, one slot each."""
        messages = b""
        for slot, arrays in enumerate(requests):
            now = time.monotonic()
            control = int((now + SECONDS) * 1e9), int(now * 1e9)
            layout = self._slots.write(slot, arrays, control, str(slot))
            messages += slots.MESSAGE.pack(slot, self._numbers.of(layout))
        self._connection.sendall(messages)

    def answers(self, count: int) -> list[list[Array] | int]:
        """Wait for the answers to what was sent, in that order; a number is the status of a refused one."""
        found: dict[int, list[Array] | int] = {}
        while len(found) < count:
            slot, status, number = slots.REPLY.unpack(self._read(slots.REPLY.size))
            found[slot] = status
            if status == slots.ANSWERED:
                found[slot] = self._slots.copies(slot, self._known.layout(number, self._slots, slot))
        return [found[slot] for slot in range(count)]

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            received = self._connection.recv(size - len(data))
            if not received:
                raise ConnectionError("the worker is gone")
            data += received
        return data

    def close(self) -> None:
        self._connection.close()
