"""A worker's side of shared memory: a connected HTTP worker, and requests joined into a run and parted again.

Most work is per job, that is per group of requests of the same shape that an HTTP worker announced together,
and the rest is a few copies per request.
"""

import contextlib
import logging
import os
import socket
from collections.abc import Iterator, Sequence

import numpy as np

from paddlemodel_server.ipc import layouts, slots
from paddlemodel_server.protocol.served import Ragged
from paddlemodel_server.tasks import rows as output_rows
from paddlemodel_server.worker.batching import Job

logger = logging.getLogger(__name__)
GREETING_SECONDS = (
    1.0  # an HTTP worker sends its greeting when it connects; meanwhile its worker stands still
)
_READ_BYTES = 8192  # a thousand announcements


class HttpWorker:
    """A connected HTTP worker: its socket, its slots and the replies it has not got yet."""

    def __init__(self, connection: socket.socket) -> None:
        """Take what an HTTP worker hands over at once; an OSError or a ValueError when it does not."""
        connection.settimeout(GREETING_SECONDS)
        hello, fds, _, _ = socket.recv_fds(connection, slots.HELLO.size, 1)
        try:
            if len(hello) < slots.HELLO.size or not fds:
                raise ConnectionError("no slots were handed over")
            self.slots = slots.Slots(fds[0], *slots.HELLO.unpack(hello))
        finally:
            for fd in fds:
                os.close(fd)
        connection.settimeout(None)
        self.connection = connection
        self.alone: set[int] = set()  # slots that were announced to share no run
        self._replies: list[bytes] = []
        self._partial = b""
        self._known = slots.Known()
        self._numbers = layouts.Numbers()

    def announced(self) -> Iterator[tuple[layouts.Layout, list[int]]]:
        """What has arrived, neighbours of one layout together.

        A ConnectionError when the HTTP worker is gone.
        """
        data = self.connection.recv(_READ_BYTES)
        if not data:
            raise ConnectionResetError
        if self._partial:
            data = self._partial + data
        whole = len(data) - len(data) % slots.MESSAGE.size
        self._partial = data[whole:]
        return self._grouped(data[:whole])

    def _grouped(self, messages: bytes) -> Iterator[tuple[layouts.Layout, list[int]]]:
        layout: layouts.Layout | None = None
        numbers: list[int] = []
        for slot, number in slots.MESSAGE.iter_unpack(messages):
            if number & slots.ALONE:
                self.alone.add(slot)
                number ^= slots.ALONE  # noqa: PLW2901 - the flag is off
            found = self._known.layout(number, self.slots, slot)
            if found is not layout:
                if layout:
                    yield layout, numbers
                layout, numbers = found, []
            numbers.append(slot)
        if layout:
            yield layout, numbers

    def reply(self, numbers: Sequence[int], status: int, layout: layouts.Layout | None = None) -> None:
        """Note what became of slots; `flush` sends it."""
        number = self._numbers.of(layout) if layout else 0
        pack = slots.REPLY.pack
        self._replies += [pack(slot, status, number) for slot in numbers]

    def flush(self) -> None:
        """Send the replies of this turn in one message."""
        if self._replies:
            with contextlib.suppress(ConnectionError):  # an HTTP worker that is gone shows in `announced`
                self.connection.sendall(b"".join(self._replies))
            self._replies.clear()


Source = tuple[HttpWorker, layouts.Layout]


def padded(rows: slots.Array, size: int) -> slots.Array:
    """Fill up to a warmed size by repeating the last row, which the model can surely take."""
    missing = size - len(rows)
    return (
        np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)])
        if missing
        else np.ascontiguousarray(rows)
    )


def joined(jobs: Sequence[Job[Source]], size: int) -> list[slots.Array]:
    """The inputs of all requests, one below the other, filled up to `size` rows; of a single one no copy."""
    http_worker, layout = jobs[0].source
    rows, tensors = jobs[0].rows, range(len(layout.tensors))
    numbers = [slot for job in jobs for slot in job.slots]
    if any(job.source != jobs[0].source for job in jobs):
        parts = [joined([job], 0) for job in jobs]
        return [_filled(np.concatenate([part[at] for part in parts]), size) for at in tensors]
    if len(numbers) == 1:
        return [_filled(view, size) for view in http_worker.slots.views(numbers[0], layout)]
    if rows == 1:
        # Filling up while gathering costs nothing.
        numbers += numbers[-1:] * (size - len(numbers))
        return [http_worker.slots.gather(numbers, layout, at) for at in tensors]
    return [_filled(http_worker.slots.gather(numbers, layout, at), size) for at in tensors]


def _filled(rows: slots.Array, size: int) -> slots.Array:
    return padded(rows, size) if rows.ndim and size > len(rows) else rows


def deliver(
    jobs: Sequence[Job[Source]],
    outputs: Sequence[slots.Array],
    times: tuple[int, int],
    *,
    split: bool,
    ragged: Ragged | None = None,
) -> None:
    """Give every request its rows of the outputs, and note the replies.

    Args:
        jobs: what ran together.
        outputs: the model's outputs; rows beyond those of the jobs are filling.
        times: of the run, from `slots.run_times`.
        split: whether the rows of the outputs belong to the jobs' rows; else there is a single request.
        ragged: outputs that have another number of rows; then each request has an answer of its own shape.
    """
    start = 0
    for http_worker, numbers, rows in _merged(jobs):
        for mine in [[number] for number in numbers] if split and ragged else [numbers]:
            end = start + rows * len(mine)
            part = output_rows.cut(outputs, start, end, ragged) if split else outputs
            together = rows if split and not ragged else 0
            _hand_over(http_worker, mine, part, together, times)
            start = end


def _hand_over(
    http_worker: HttpWorker,
    numbers: Sequence[int],
    outputs: Sequence[slots.Array],
    rows: int,
    times: tuple[int, int],
) -> None:
    """Write the answers of some requests, of `rows` rows each; where that is 0, of a single one."""
    memory = http_worker.slots
    try:
        layout = (
            memory.scatter(numbers, outputs, rows, times)
            if rows
            else memory.write(numbers[0], outputs, times)
        )
        http_worker.reply(numbers, slots.ANSWERED, layout)
    except slots.DoesNotFitError:
        http_worker.reply(numbers, slots.TOO_LARGE)
    except Exception:
        logger.exception("an answer could not be handed over")
        http_worker.reply(numbers, slots.FAILED)


def _merged(jobs: Sequence[Job[Source]]) -> Iterator[tuple[HttpWorker, Sequence[int], int]]:
    """Neighbours of one HTTP worker and as many rows, as one."""
    last, numbers = jobs[0], list(jobs[0].slots)
    for job in jobs[1:]:
        if job.source[0] is last.source[0] and job.rows == last.rows:
            numbers += job.slots
        else:
            yield last.source[0], numbers, last.rows
            last, numbers = job, list(job.slots)
    yield last.source[0], numbers, last.rows
