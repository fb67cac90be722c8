"""A request of several stages: one place in the queue, one deadline, nothing left behind at its end."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

import numpy as np
import pytest
from paddlemodel_server import protocol
from paddlemodel_server.errors import InputRefusedError, ModelFailedError, QueueFullError
from paddlemodel_server.pipeline.pending import Outcome
from paddlemodel_server.pipeline.request_log import RequestRecord
from paddlemodel_server.pipeline.stages import Staged
from paddlemodel_server.protocol.request import as_json
from paddlemodel_server.protocol.served import Served, Task
from paddlemodel_server.protocol.task.stages import StageRequest
from paddlemodel_server.settings import Settings
from paddlemodel_server.tasks.tensors import Tensors

from tests.serving_image.support.bodies import body, echo
from tests.serving_image.support.cycles import HttpWorker, http_worker

ONE = [np.ones((1, 2), np.float32)]


class Counting(Tensors):
    """Two parts for the second model after the first has run, twice; then the sum of all."""

    fault: ClassVar[Exception | None] = None

    def parse(self, served: Served, head: protocol.Head, body: bytes) -> protocol.Request:
        del served, head, body
        return StageRequest(arrays=ONE, stage="detection", held=7, kept=[])

    def next(self, request: StageRequest, outputs: Sequence[protocol.Array]) -> StageRequest | None:
        if self.fault:
            raise self.fault
        request.kept.append([float(one.sum()) for one in outputs])
        if len(request.kept) == 3:
            return None
        parts = [[np.full((1, 2), at, np.float32)] for at in range(2)]
        return StageRequest(arrays=[], parts=parts, stage="recognition", model=1, held=9, kept=request.kept)

    def render(
        self, served: Served, request: protocol.Request, outputs: Sequence[protocol.Array]
    ) -> protocol.Response:
        del served, outputs
        return as_json(request.kept)


class Failing(Counting):
    fault = ModelFailedError()


class Asked:
    """One request to a worker, and its answer once there is one."""

    def __init__(self, worker: HttpWorker, route: str = protocol.PREDICT) -> None:
        self.worker, self.queue = worker, worker.dispatcher
        self.answers: list[protocol.Response] = []
        self.record = RequestRecord(route, {})
        self.inference = Staged(worker, self.record, self.answers.append)
        content = body({"name": "t", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]})
        self.inference.start(protocol.read_head(worker.served, route, {}), content, time.monotonic())

    async def submitted(self, count: int) -> list[Callable[[Outcome], None]]:
        async with asyncio.timeout(60):
            while len(self.queue.submitted) < count:  # noqa: ASYNC110 - it looks at what has no event
                await asyncio.sleep(0.001)
        return self.queue.all_settled[-count:]

    async def answer(self) -> protocol.Response:
        async with asyncio.timeout(60):
            while not self.answers:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.001)
        return self.answers[0]


def run(test: Callable[[HttpWorker], Awaitable[None]], task: Counting | None = None) -> None:
    async def with_a_worker() -> None:
        with http_worker() as worker:
            worker.served = replace(echo("float32"), task=cast("Task", task or Counting()))
            await test(worker)
            assert (worker.dispatcher.admitted, worker.dispatcher.held) == (0, 0)

    asyncio.run(with_a_worker())


def test_all_stages_run_under_one_admission() -> None:
    async def test(worker: HttpWorker) -> None:
        asked, queue = Asked(worker), worker.dispatcher
        (first,) = await asked.submitted(1)
        assert (queue.admitted, queue.held) == (1, 7)
        first(ONE)
        for settled in await asked.submitted(3):
            if settled is not first:
                settled([np.full((1,), 5.0)])
        assert (queue.admitted, queue.held) == (1, 9 + 16)
        *_, one, other = await asked.submitted(5)
        assert queue.held == 9  # The parts are in flight, and counted there.
        other([np.full((1,), 2.0)])
        one([np.full((1,), 1.0)])
        assert (await asked.answer()).body == b"[[2.0],[5.0,5.0],[1.0,2.0]]"
        assert queue.models == [0, 1, 1, 1, 1]
        names = [stage.name for stage in asked.record.further]
        assert names == ["detection", "crop", "recognition", "crop", "recognition"]

    run(test)


def test_all_stages_have_the_deadline_of_the_request() -> None:
    """Counted from its first byte, not from the stage; what comes late is 504, and its stages end."""

    async def test(worker: HttpWorker) -> None:
        asked, queue = Asked(worker), worker.dispatcher
        (first,) = await asked.submitted(1)
        first(ONE)
        for settled in await asked.submitted(3):
            if settled is not first:
                settled(ONE)
        await asked.submitted(5)
        assert set(queue.deadlines) == {asked.record.received + worker.settings.timeout_seconds}
        asked.inference.withdraw()

    run(test)


def test_a_deadline_that_passes_between_two_stages_ends_the_request() -> None:
    async def test(worker: HttpWorker) -> None:
        worker.settings = Settings(timeout_seconds=0.2)
        asked = Asked(worker)
        (first,) = await asked.submitted(1)
        until = asked.record.received + 0.2
        async with asyncio.timeout(60):
            while time.monotonic() <= until:  # noqa: ASYNC110 - a worker that takes too long for the first stage
                await asyncio.sleep(0.01)
        first(ONE)
        assert (await asked.answer()).status == 504
        assert len(worker.dispatcher.submitted) == 1

    run(test)


@pytest.mark.parametrize("fault", [ModelFailedError(), InputRefusedError("a shape")])
def test_a_part_that_fails_ends_its_request(fault: Any) -> None:
    """What a later model refuses was not made by the client."""

    async def test(worker: HttpWorker) -> None:
        asked = Asked(worker)
        (first,) = await asked.submitted(1)
        first(ONE)
        *_, last = await asked.submitted(3)
        last(fault)
        assert (await asked.answer()).status == 500
        assert len(worker.dispatcher.abandoned) == 1

    run(test)


def test_a_client_that_leaves_takes_all_parts_with_it() -> None:
    async def test(worker: HttpWorker) -> None:
        asked = Asked(worker)
        (first,) = await asked.submitted(1)
        first(ONE)
        await asked.submitted(3)
        asked.inference.withdraw()
        assert len(worker.dispatcher.abandoned) == 2
        assert asked.answers == []

    run(test)


def test_what_the_task_cannot_use_is_an_answer() -> None:
    async def test(worker: HttpWorker) -> None:
        asked = Asked(worker)
        (first,) = await asked.submitted(1)
        first(ONE)
        assert (await asked.answer()).status == 500

    run(test, Failing())


def test_a_client_that_leaves_while_a_thread_works_gets_nothing_more() -> None:
    async def test(worker: HttpWorker) -> None:
        asked = Asked(worker)
        (first,) = await asked.submitted(1)
        first(ONE)
        asked.inference.withdraw()
        await asyncio.to_thread(worker.threads.submit(int).result)
        await asyncio.sleep(0)
        assert len(worker.dispatcher.submitted) == 1
        assert asked.answers == []

    run(test)


def test_a_refused_admission_holds_nothing() -> None:
    async def test(worker: HttpWorker) -> None:
        worker.dispatcher.refusal = QueueFullError()
        assert (await Asked(worker).answer()).status == 429

    run(test)


def test_tensors_are_answered_by_the_first_model_alone() -> None:
    async def test(worker: HttpWorker) -> None:
        asked = Asked(worker, protocol.INFER)
        (first,) = await asked.submitted(1)
        first(ONE)
        answer = await asked.answer()
        assert (answer.status, worker.dispatcher.models) == (200, [0])

    run(test)
