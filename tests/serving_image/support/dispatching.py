"""A dispatcher with a worker that does, and dies, as the test says."""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import uvloop
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.process_context import ProcessContext
from paddlemodel_server.pipeline.dispatcher import Dispatcher
from paddlemodel_server.pipeline.pending import Outcome
from paddlemodel_server.settings import Settings
from paddlemodel_server.worker import gather

ONE = [np.ones((1, 2), np.float32)]


class Pod:
    """An HTTP worker's dispatcher, and a worker that does what the test says."""

    def __init__(self, runtime: ProcessContext) -> None:
        self.scoreboard = scoreboards.Scoreboard(runtime.scoreboard_fd)
        self.open = ExitStack()
        self.listener = self.open.enter_context(socket.socket(socket.AF_UNIX))
        with runtime.socket(0) as address:
            self.listener.bind(address)
        self.listener.listen(1)
        self.dispatcher = Dispatcher(Settings(queue_size=1, max_batch_size=1), runtime, self.scoreboard, 0)
        self.outcomes: list[Outcome] = []

    async def join(self) -> gather.HttpWorker:
        """Let the worker be ready and the HTTP worker find it."""
        self.scoreboard.worker(0).state = scoreboards.READY
        await self.dispatcher.linked(20)
        connection = self.open.enter_context(self.listener.accept()[0])
        return gather.HttpWorker(connection)

    def submit(self, settled: Callable[[Outcome], None] | None = None, seconds: float = 60) -> None:
        self.dispatcher.submit(ONE, time.monotonic(), seconds, "", settled or self.outcomes.append)

    def answered(self, number: int) -> Callable[[], bool]:
        """Whether so many requests have their outcome."""
        return lambda: len(self.outcomes) == number

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - it looks at what has no event
                await asyncio.sleep(0.005)


def in_a_pod(runtime: ProcessContext, test: Callable[[Any], Any], kind: "type[Pod] | None" = None) -> None:
    async def run() -> None:
        faults: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        pod = (kind or Pod)(runtime)
        with pod.open:
            await test(pod)
            await pod.dispatcher.close()
        assert faults == []
        assert pod.scoreboard.in_flight(0) == 0

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


class Dying(Pod):
    """A pod whose worker dies in the midst of things; the supervisor's part is the test's."""

    def __init__(self, runtime: ProcessContext) -> None:
        super().__init__(runtime)
        self.scoreboard.workers_desired = 1

    async def die(self, worker: gather.HttpWorker, *, request_killed: bool) -> None:
        lost = self.scoreboard.http_worker(0)
        self.scoreboard.worker(0).state = scoreboards.DOWN
        worker.connection.close()
        await self.until(lambda: lost.link == scoreboards.UNLINKED)
        self.scoreboard.worker(0).bury(request_killed=request_killed)

    async def announced(self, worker: gather.HttpWorker) -> list[int]:
        await asyncio.sleep(0)
        return [slot for _, numbers in worker.announced() for slot in numbers]
