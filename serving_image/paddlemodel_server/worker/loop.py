"""A worker's loop: takes whatever has queued up during the previous run, runs it as one batch, replies.

It needs warm predictors, one for each model. HTTP workers connect to the unix socket, hand over their slots,
and then send slot numbers.
"""

import logging
import select
import socket
import time
from collections.abc import Mapping, Sequence

from paddlemodel_server.engine import paddle_errors
from paddlemodel_server.errors import InputTooLargeError, MemoryTakenError
from paddlemodel_server.host.log import Limiter
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc import slots
from paddlemodel_server.metrics import catalog
from paddlemodel_server.settings import Settings
from paddlemodel_server.worker import gather
from paddlemodel_server.worker.batching import Job, Waiting
from paddlemodel_server.worker.runner import Jobs, RowsMissingError, Runner

_MEMORY_FAULTS: dict[type[Exception], int] = {
    MemoryTakenError: slots.MEMORY_TAKEN,
    InputTooLargeError: slots.INPUT_TOO_LARGE,
}
logger = logging.getLogger(__name__)


class Loop:
    """The loop between the HTTP workers and the predictors."""

    def __init__(
        self,
        runners: Sequence[Runner],
        settings: Settings,
        block: scoreboards.WorkerBlock,
        metered: catalog.Worker,
    ) -> None:
        """`runners`: of the models by their numbers."""
        self._runners = runners
        self._delay = settings.max_delay_ms / 1e3
        self._block = block
        self._metered = metered
        self._waiting: Waiting[gather.Source] = Waiting()
        self._events = select.epoll()
        self._http_workers: dict[int, gather.HttpWorker] = {}
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
                self._run(self._waiting.take(self._sizes))
                for http_worker in self._http_workers.values():
                    http_worker.flush()

    def _wait_seconds(self) -> float:
        """Seconds until the next run should start; -1: nothing waits."""
        if not self._waiting.count:
            return -1
        if not self._delay or (cap := max(self._sizes, default=1)) == 1:
            return 0
        return max(0.0, self._waiting.wake_at(cap, self._delay) - time.monotonic())

    @property
    def _sizes(self) -> Mapping[int, float]:
        """Seconds of a run of what runs next, by rows; empty where requests cannot share one."""
        layout = self._waiting.oldest()[0].source[1]
        return self._runners[layout.model].sizes_for(layout)

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
        runner = self._runners[live[0].source[1].model]
        runner.run_ns = 0
        rows = self._answer(runner, live)
        took_ns = time.monotonic_ns() - began_ns
        self._block.started_ns = 0
        self._block.running = 0
        self._block.busy_ns += took_ns
        self._metered.ran(rows, waited, (took_ns - runner.run_ns) / 1e9, runner.run_ns / 1e9)

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

    def _answer(self, runner: Runner, jobs: Jobs) -> int:
        """Run requests together; where that fails, alone, so that one cannot spoil another's answer."""
        rows = sum(job.rows * len(job.slots) for job in jobs)
        company = sum(len(job.slots) for job in jobs)
        for job in jobs:
            job.source[0].slots.begin(job.slots, company)
        batched = bool(runner.sizes and rows)
        try:
            outputs = runner.outputs(jobs, rows, batched=batched)
        except RowsMissingError:
            runner.stop_batching()
            return self._answer_alone(runner, jobs)
        except Exception as error:  # noqa: BLE001 - Paddle raises whatever its C++ threw
            if len(jobs) > 1 or len(jobs[0].slots) > 1:
                return self._answer_alone(runner, jobs)
            self._refuse(jobs[0], error)
            return rows
        began_ns, run_ns = self._block.started_ns, runner.run_ns
        times = slots.run_times(began_ns, time.monotonic_ns() - began_ns - run_ns, run_ns)
        gather.deliver(jobs, outputs, times, split=batched, ragged=runner.ragged(jobs))
        return rows or 1

    def _answer_alone(self, runner: Runner, jobs: Jobs) -> int:
        alone = [job._replace(slots=[slot]) for job in jobs for slot in job.slots]
        return sum(self._answer(runner, [job]) for job in alone)

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
