"""The queue between an HTTP worker and the workers: admission, slots, deadlines, the least busy worker.

Everything happens on the HTTP worker's event loop; what the pod's other HTTP workers do is read from the
scoreboard. It makes one small object per request and no future: who submits says what to call with the
outcome.
"""

import asyncio
import logging
import math
import os
import time
from collections.abc import Sequence
from functools import partial

from paddlemodel_server.errors import (
    CrashedError,
    DeadlineExceededError,
    ModelFailedError,
    NotReadyError,
    QueueFullError,
    RequestTooLargeError,
    ServingError,
    WorkerLostError,
)
from paddlemodel_server.ipc import layouts, slots
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.process_context import ProcessContext
from paddlemodel_server.pipeline import links
from paddlemodel_server.pipeline.killers import Killers
from paddlemodel_server.pipeline.pending import Array, InFlight, Outcome, Pending, Settled, fault
from paddlemodel_server.pipeline.worker_link import WorkerLink
from paddlemodel_server.pipeline.write_batch import WriteBatch
from paddlemodel_server.settings import Settings

SWEEP_SECONDS = 0.05
SLOTS_PER_PLACE = 4  # in the queue; a slot that is not touched is address space only

logger = logging.getLogger(__name__)


class Dispatcher:
    """Sends requests to workers and hands out their answers."""

    def __init__(
        self,
        settings: Settings,
        runtime: ProcessContext,
        scoreboard: scoreboards.Scoreboard,
        row: int,
        run_times_after: float = math.inf,
    ) -> None:
        """Begin to look for workers.

        Args:
            settings: the server's.
            runtime: where the processes meet.
            scoreboard: what they share.
            row: this HTTP worker's.
            run_times_after: seconds; of requests that take longer, the times of the run are kept.
        """
        self.loop = asyncio.get_running_loop()
        self._run_times_after = run_times_after
        self._scoreboard = scoreboard
        self._row = scoreboard.http_worker(row)
        rows = max(runtime.sizes.http_workers, row + 1) + 1  # as many of the scoreboard are worth reading
        self._queue = scoreboards.Queue(scoreboard, self._row, rows, settings.queue_size)
        indexes = scoreboard.worker_indexes(runtime.sizes.workers)
        self._blocks = [scoreboard.worker(worker) for worker in indexes]
        size = slots.slot_bytes(settings.max_request_bytes)
        # More than may wait: a client that leaves is out of the queue at once, but its slot is its worker's
        # until that has replied, and must not be missing to those who come.
        count = SLOTS_PER_PLACE * settings.queue_size + runtime.sizes.workers * settings.max_batch_size
        count = min(count, slots.MAX_BYTES // size)
        self._fd = slots.create(count, size)
        self._slots = slots.Slots(self._fd, count, size)
        self._free = list(range(count))
        self._pending = InFlight(runtime.sizes.body_bytes)
        self._killers = Killers(scoreboard.blames(row, rows))
        self._was_linked = False
        self._sweeping = False
        self.write_batch = WriteBatch()
        made = partial(WorkerLink, memory=self._slots, settle=self._settle, write_batch=self.write_batch)
        hooks = links.Hooks(changed=self._tell, found=self._resume, lost=self._lose)
        self._keeper = links.Keeper(runtime, self._blocks, self._fd, made, hooks)
        self._links = self._keeper.links

    @property
    def ready(self) -> bool:
        """Whether any HTTP worker of the pod could answer a request now, and the pod does not end."""
        up = {scoreboards.READY, scoreboards.RETIRING}
        here = any(self._blocks[worker].state in up for worker in self._links)
        return here and not self._scoreboard.draining and not self._scoreboard.unlinked

    async def linked(self, seconds: float) -> None:
        """Wait for a link to every worker that is ready now, so long at most; after it requests may come."""
        await self._keeper.linked(seconds)
        self._tell()

    def _tell(self) -> None:
        self._was_linked = self._was_linked or bool(self._links)
        self._queue.link(self._links)
        self._row.link = scoreboards.LINKED if self._links else scoreboards.UNLINKED

    async def close(self) -> None:
        """Show in the scoreboard that this HTTP worker leaves, and end the connections to the workers."""
        self._row.link = scoreboards.ABSENT
        await self._keeper.close()
        os.close(self._fd)

    def admit(self) -> None:
        """Count a request in, or refuse it; `leave` must follow."""
        if not self._links and not self._hopeful:
            raise NotReadyError
        if not self._free or self._pending.full or not self._queue.claim():
            raise QueueFullError

    def leave(self) -> None:
        """Count a request out."""
        self._queue.leave()

    @property
    def roomy(self) -> bool:
        """Whether an admitted request may have several submissions at once.

        What is left is for the others, of which each can have one.
        """
        return len(self._free) > self._slots.count // 2 and not self._pending.full

    def hold(self, size: int) -> None:
        """Count bytes that an admitted request keeps beside its tensors; less than none give them back."""
        self._pending.hold(size)

    def check_memory(self) -> None:
        """Refuse an admitted request, now decoded, where others' tensors have taken the memory meanwhile.

        Many small bodies are admitted before the first of them is decoded: `admit` cannot know.
        """
        if self._pending.full:
            raise QueueFullError

    def submit(  # noqa: PLR0913 - an object for all would be one more for each request
        self,
        arrays: Sequence[Array],
        began: float,
        seconds: float,
        request_id: str,
        settled: Settled,
        *,
        reduced: bool = False,
        model: int = 0,
    ) -> Pending:
        """Hand an admitted request to the worker with the fewest in flight, or to the next that is ready.

        Args:
            arrays: the model's inputs, in its order; not changed until the outcome.
            began: monotonic seconds; the deadline counts from here.
            seconds: how long the client waits. A worker does not run what is late.
            request_id: for the worker's log.
            settled: called once with the outputs or with what went wrong, unless `abandon` comes first.
            reduced: whether the outputs should be the task's reduction of them.
            model: the number of the workers' model that it is for.
        """
        now = time.monotonic()
        if now > began + seconds:
            raise DeadlineExceededError(seconds)
        self._killers.check(arrays, model)
        worker = self._queue.least_busy(self._links)
        if worker is None and not self._hopeful:
            raise NotReadyError
        if not self._free:
            raise QueueFullError
        pending = Pending(self._free.pop(), began + seconds, seconds, arrays)
        pending.request_id, pending.reduced, pending.model = request_id, reduced, model
        try:
            pending.write(self._slots, now)
        except BaseException as error:
            self._free.append(pending.slot)
            if isinstance(error, slots.DoesNotFitError):
                raise RequestTooLargeError("The tensors of this request are too large.") from None
            raise
        pending.settled = settled
        self._pending.add(pending)
        if worker is not None:
            self._send(pending, worker)
        if not self._sweeping:
            self._sweeping = True
            self.loop.call_later(SWEEP_SECONDS, self._sweep)
        return pending

    def abandon(self, pending: Pending) -> None:
        """Nobody waits for this any more: a worker that has not begun it will not."""
        if pending.settled:
            pending.settled = None
            if pending.sent:
                self._slots.cancel(pending.slot, pending.used)
            else:
                self._forget(pending)

    @property
    def _hopeful(self) -> bool:
        """Whether a worker will come back: its place is being filled again, and the pod does not end."""
        return self._was_linked and self._scoreboard.workers_desired > 0 and not self._scoreboard.draining

    def _send(self, pending: Pending, worker: int) -> None:
        pending.worker, pending.sent = worker, True
        self._row.add_in_flight(worker, 1)
        self._links[worker].announce(pending.slot, pending.layout, alone=pending.alone)

    def _forget(self, pending: Pending) -> None:
        """Free the slot of a request that no worker holds."""
        self._pending.remove(pending.slot)
        self._slots.give_back(pending.slot, pending.used)
        self._free.append(pending.slot)

    def _settle(self, slot: int, status: int, layout: layouts.Layout | None) -> None:
        """Take a worker's reply."""
        pending = self._pending.remove(slot)
        self._row.add_in_flight(pending.worker, -1)
        try:
            outcome = self._outcome(pending, status, layout)
        except Exception:
            logger.exception("a worker's answer could not be read")
            outcome = ModelFailedError()
        finally:
            self._slots.give_back(slot, pending.used)
            self._free.append(slot)
        pending.settle(outcome)

    def _outcome(self, pending: Pending, status: int, layout: layouts.Layout | None) -> Outcome:
        if layout:
            pending.used = max(pending.used, layout.end)
            if time.monotonic() - pending.deadline + pending.seconds >= self._run_times_after:
                pending.ran = self._slots.ran(pending.slot)
            return self._slots.copies(pending.slot, layout) if pending.settled else []
        if status == slots.EXPIRED:
            return DeadlineExceededError(pending.seconds)
        return fault(status)

    def _sweep(self) -> None:
        """Answer 504 for what is late; one timer for all requests costs less than one each."""
        now = time.monotonic()
        for pending in [p for p in self._pending.values() if p.settled and p.deadline < now]:
            self._end(pending, DeadlineExceededError(pending.seconds))
        self._resume()
        self._sweeping = bool(self._pending)
        if self._sweeping:
            self.loop.call_later(SWEEP_SECONDS, self._sweep)

    def _end(self, pending: Pending, error: ServingError) -> None:
        """Answer a request while a worker may still hold it."""
        settled = pending.settled
        self.abandon(pending)
        pending.settled = settled
        pending.settle(error)

    def _lose(self, worker: int, deaths: int) -> None:
        """Take back what a worker held when it ended, to run it elsewhere.

        Args:
            worker: its place.
            deaths: how many workers had died there when it was linked.
        """
        lost = [pending for pending in self._pending.values() if pending.sent and pending.worker == worker]
        logger.warning("worker connection lost", extra={"worker": worker, "requests": len(lost)})
        now = time.monotonic()
        for pending in lost:
            self._row.add_in_flight(worker, -1)
            pending.sent = False
            if not pending.settled:
                self._forget(pending)
                continue
            company = self._slots.company(pending.slot)
            pending.alone = pending.alone or company > 1
            pending.suspected = deaths if company == 1 else -1
            pending.write(self._slots, now)
        self._resume()

    def _resume(self) -> None:
        """Send what no worker holds; what ran alone as its worker died waits for the supervisor's verdict."""
        for pending in [p for p in self._pending.values() if not p.sent]:
            if pending.convicted(self._blocks[pending.worker]):
                self._killers.blame(pending.arrays, pending.model)
                self._end(pending, CrashedError())
                continue
            worker = None if pending.suspected >= 0 else self._queue.least_busy(self._links)
            if worker is not None:
                self._send(pending, worker)
            elif not self._hopeful:
                self._end(pending, WorkerLostError())
