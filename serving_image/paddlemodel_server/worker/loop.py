"""A worker's loop: takes whatever has queued up during the previous run, runs it as one batch, replies.

It needs a warm predictor. HTTP workers connect to the unix socket, hand over their slots, and then send slot
numbers.
"""

import logging
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from paddlemodel_server.engine import paddle_errors, warmup
from paddlemodel_server.engine.run_sizes import best_size, padded_size
from paddlemodel_server.errors import InputTooLargeError, MemoryTakenError
from paddlemodel_server.host.log import Limiter
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc import slots
from paddlemodel_server.metrics import catalog
from paddlemodel_server.protocol.served import Ragged
from paddlemodel_server.settings import Settings
from paddlemodel_server.tasks import reducers
from paddlemodel_server.tasks import rows as output_rows
from paddlemodel_server.worker import gather
from paddlemodel_server.worker.batching import Job, Waiting

Jobs = Sequence[Job[gather.Source]]
_MEMORY_FAULTS: dict[type[Exception], int] = {
    MemoryTakenError: slots.MEMORY_TAKEN,
    InputTooLargeError: slots.INPUT_TOO_LARGE,
}
logger = logging.getLogger(__name__)


class _RowsMissingError(Exception):
    """An output has not one row for each of the inputs', so that nobody can tell whose they are."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What the task asks of the outputs: how they are parted, and what is left of them."""

    ragged: Ragged | None = None
    reduce: reducers.Reduce | None = None  # for requests that want it


class Loop:
    """The loop between the HTTP workers and the predictor."""

    def __init__(
        self,
        prepared: warmup.Prepared,
        settings: Settings,
        block: scoreboards.WorkerBlock,
        metered: catalog.Worker,
        answers: Answers,
    ) -> None:
        self._prepared = prepared
        self._delay = settings.max_delay_ms / 1e3
        self._block = block
        self._metered = metered
        self._answers = answers
        self._cap = max(prepared.sizes, default=1)
        self._waiting: Waiting[gather.Source] = Waiting()
        self._events = select.epoll()
        self._http_workers: dict[int, gather.HttpWorker] = {}
        self._run_ns = 0  # in the model, during the current run
        self._failures = Limiter()

    def serve(self, listener: socket.socket) -> None:
        """Answer until the process is told to end."""
        self._events.register(listener, select.EPOLLIN)
        while True:
            for descriptor, _ in self._events.poll(self._wait_seconds()):
                http_worker = self._http_workers.get(descriptor)
                if http_worker:
                    self._listen_to(http_worker)
                else:
                    self._welcome(listener)
            if self._waiting.count and self._wait_seconds() == 0:
                self._run(self._waiting.take(self._prepared.sizes))
                for http_worker in self._http_workers.values():
                    http_worker.flush()

    def _wait_seconds(self) -> float:
        """Seconds until the next run should start; -1: nothing waits."""
        if not self._waiting.count:
            return -1
        if not self._delay or self._cap == 1:
            return 0
        return max(0.0, self._waiting.wake_at(self._cap, self._delay) - time.monotonic())

    def _welcome(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        try:
            http_worker = gather.HttpWorker(connection)
        except (OSError, ValueError, OverflowError) as error:
            logger.warning("HTTP worker sent no shared-memory descriptor", extra={"error": str(error)})
            connection.close()
            return
        self._http_workers[connection.fileno()] = http_worker
        self._events.register(connection, select.EPOLLIN)

    def _listen_to(self, http_worker: gather.HttpWorker) -> None:
        try:
            announced = http_worker.announced()
        except ConnectionError:
            self._part_from(http_worker)
            return
        now = time.monotonic()
        for layout, numbers in announced:
            source = http_worker, layout
            if layout.rows and not http_worker.alone:
                self._waiting.add(source, numbers, layout.kind, layout.rows, now)
                continue
            for slot in numbers:
                if slot in http_worker.alone:
                    http_worker.alone.remove(slot)
                    self._waiting.add(source, [slot], (id(http_worker), slot), layout.rows, now)
                elif layout.rows:
                    self._waiting.add(source, [slot], layout.kind, layout.rows, now)
                else:  # without a common number of rows each runs alone
                    self._waiting.add(source, [slot], slot, 0, now)

    def _part_from(self, http_worker: gather.HttpWorker) -> None:
        self._events.unregister(http_worker.connection)
        del self._http_workers[http_worker.connection.fileno()]
        http_worker.connection.close()
        self._waiting.drop(lambda source: source[0] is http_worker)

    def _run(self, jobs: Jobs) -> None:
        began_ns = time.monotonic_ns()
        live, waited = self._live(jobs, began_ns)
        if not live:
            return
        self._block.running = len(waited)
        self._block.started_ns = began_ns
        self._run_ns = 0
        rows = self._answer(live)
        took_ns = time.monotonic_ns() - began_ns
        self._block.started_ns = 0
        self._block.running = 0
        self._block.busy_ns += took_ns
        self._metered.ran(rows, waited, (took_ns - self._run_ns) / 1e9, self._run_ns / 1e9)

    def _live(self, jobs: Jobs, now_ns: int) -> tuple[Jobs, list[float]]:
        """Leave out what is late or was withdrawn; with it, how long each of the others has waited."""
        live, waits = [], []
        for job in jobs:
            http_worker = job.source[0]
            waited = [http_worker.slots.waited(slot, now_ns) for slot in job.slots]
            if min(waited) < 0:
                dead = [slot for slot, seconds in zip(job.slots, waited, strict=True) if seconds < 0]
                http_worker.reply(dead, slots.EXPIRED)
                job = job._replace(slots=[slot for slot in job.slots if slot not in dead])  # noqa: PLW2901
                waited = [seconds for seconds in waited if seconds >= 0]
            if job.slots:
                live.append(job)
                waits += waited
        return live, waits

    def _answer(self, jobs: Jobs) -> int:
        """Run requests together; where that fails, alone, so that one cannot spoil another's answer."""
        rows = sum(job.rows * len(job.slots) for job in jobs)
        company = sum(len(job.slots) for job in jobs)
        for job in jobs:
            job.source[0].slots.begin(job.slots, company)
        batched = bool(self._prepared.sizes and rows)
        try:
            outputs = self._outputs(jobs, rows, batched=batched)
        except _RowsMissingError:
            self._stop_batching()
            return sum(self._answer([job._replace(slots=[slot])]) for job in jobs for slot in job.slots)
        except Exception as error:  # noqa: BLE001 - Paddle raises whatever its C++ threw
            if len(jobs) > 1 or len(jobs[0].slots) > 1:
                return sum(self._answer([job._replace(slots=[slot])]) for job in jobs for slot in job.slots)
            self._refuse(jobs[0], error)
            return rows
        began_ns, run_ns = self._block.started_ns, self._run_ns
        times = slots.run_times(began_ns, time.monotonic_ns() - began_ns - run_ns, run_ns)
        ragged = None if self._reduces(jobs) else self._answers.ragged
        gather.deliver(jobs, outputs, times, split=batched, ragged=ragged)
        return rows or 1

    def _outputs(self, jobs: Jobs, rows: int, *, batched: bool) -> list[slots.Array]:
        """The outputs of one or several runs, or what the task leaves of them."""
        outputs = self._in_pieces(jobs, rows) if batched else self._model(gather.joined(jobs, 0))
        reduce = self._answers.reduce if self._reduces(jobs) else None
        if reduce is None:
            return outputs
        return reduce(output_rows.cut(outputs, 0, rows) if batched else outputs)

    def _reduces(self, jobs: Jobs) -> bool:
        """Whether these requests, which are alike, want the task's reduction."""
        return self._answers.reduce is not None and jobs[0].source[1].reduced

    def _refuse(self, job: Job[gather.Source], error: Exception) -> None:
        """Answer requests of one layout that the model did not answer, and log why."""
        http_worker = job.source[0]
        if memory := _MEMORY_FAULTS.get(type(error)):
            http_worker.reply(job.slots, memory)
            return
        refused = paddle_errors.kind(error) == "input"
        if self._failures.allows(time.monotonic()):
            extra = {"request_id": http_worker.slots.request_id(job.slots[0]), **self._failures.summary()}
            if refused:
                cause = {"cause": paddle_errors.said(error)}
                logger.warning("the model refused a request", extra=extra | cause)
            else:
                logger.error("the model failed on a request", extra=extra, exc_info=error)
        http_worker.reply(job.slots, slots.REFUSED if refused else slots.FAILED)

    def _in_pieces(self, jobs: Jobs, rows: int) -> list[slots.Array]:
        """Run rows in the sizes that were warmed up; a request may be larger than any of them."""
        sizes = self._prepared.sizes
        if rows <= self._cap:
            return self._batch(gather.joined(jobs, padded_size(rows, sizes)))
        inputs = gather.joined(jobs, rows)
        answers, done = [], 0
        while done < rows:
            size = best_size(rows - done, sizes) if rows - done > self._cap else rows - done
            piece = [gather.padded(a[done : done + size], padded_size(size, sizes)) for a in inputs]
            answers.append(output_rows.cut(self._batch(piece), 0, size, self._answers.ragged))
            done += size
        return output_rows.joined(answers)

    def _batch(self, inputs: list[slots.Array]) -> list[slots.Array]:
        """Run rows that are to be parted again, or were filled up: each must have its own in every output."""
        outputs = self._model(inputs)
        if not output_rows.parted(outputs, len(inputs[0]), self._answers.ragged):
            raise _RowsMissingError
        return outputs

    def _stop_batching(self) -> None:
        """The warm-up's request did not show that the number of rows depends on their values."""
        logger.warning("no batching any more: an output has another number of rows than the inputs")
        self._prepared = replace(self._prepared, sizes={})
        self._cap = self._block.cap = self._block.best_batch = 1

    def _model(self, inputs: list[slots.Array]) -> list[slots.Array]:
        began_ns = time.monotonic_ns()
        try:
            return self._prepared.predictor.run(inputs)
        finally:
            self._run_ns += time.monotonic_ns() - began_ns
