"""Answers that are ready together are written together, one right after the other.

Writing to a socket wakes its reader where that sleeps, which is the dearest part of a small request. Between
two answers lie some 20 microseconds of ours: time enough for a client to read one and to fall asleep again.
The batch is held while a worker's replies are worked off.
"""

import asyncio
from collections.abc import Callable, Sequence

Then = Callable[[], None] | None


class WriteBatch:
    """Answers of one turn of an HTTP worker's event loop, sent back to back."""

    def __init__(self) -> None:
        self._held: list[tuple[asyncio.Transport, Sequence[bytes], Then]] | None = None

    def write(self, transport: asyncio.Transport, parts: Sequence[bytes], then: Then = None) -> None:
        """Write now, or with the others once they are released; `then` is called after it."""
        if self._held is None:
            _write(transport, parts, then)
        else:
            self._held.append((transport, parts, then))

    def hold(self) -> None:
        """Keep what is written from now on."""
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """Write all answers that were held, in their order."""
        held, self._held = self._held, None
        for entry in held or ():
            _write(*entry)


def _write(transport: asyncio.Transport, parts: Sequence[bytes], then: Then) -> None:
    if transport.is_closing():
        return
    if len(parts) == 1:
        transport.write(parts[0])
    else:
        transport.writelines(parts)
    if then:
        then()
