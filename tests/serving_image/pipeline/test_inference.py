"""A request's way through an HTTP worker: into the queue and out of it, in threads and in time."""

import asyncio
import gzip
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

import numpy as np
from paddlemodel_server import protocol
from paddlemodel_server.errors import QueueFullError, WorkerLostError
from paddlemodel_server.pipeline.inference import Inference, answer_from_thread
from paddlemodel_server.pipeline.request_log import RequestRecord
from paddlemodel_server.protocol.served import Task
from paddlemodel_server.tasks.tensors import Tensors

from tests.serving_image.support.bodies import body
from tests.serving_image.support.cycles import HttpWorker, http_worker

T = {"name": "t", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
LATE = b'{"error":"The request was not answered within 0.05 seconds."}'


class Request:
    """One request, and its answer once there is one."""

    def __init__(self, worker: HttpWorker, route: str = protocol.INFER, **headers: str) -> None:
        self.answers: list[protocol.Response] = []
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.record = RequestRecord(route, self.headers)
        self.inference = Inference(worker, self.record, self.answers.append)
        self.head = protocol.read_head(worker.served, route, self.headers)

    def start(self, content: bytes) -> "Request":
        self.inference.start(self.head, content, time.monotonic())
        return self

    async def answer(self) -> protocol.Response:
        async with asyncio.timeout(60):
            while not self.answers:  # noqa: ASYNC110 - whose answer it is must not matter
                await asyncio.sleep(0.001)
        return self.answers[0]


class Held(ThreadPoolExecutor):
    """One thread, whose work is not over before the gate opens."""

    def __init__(self) -> None:
        super().__init__(1)
        self.gate = threading.Event()
        self.futures: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        def held() -> Any:
            try:
                return fn(*args, **kwargs)
            finally:
                self.gate.wait(60)

        future = super().submit(held)
        self.futures.append(future)
        return future


def run(test: Callable[[HttpWorker], Awaitable[None]], threads: Held | None = None) -> None:
    async def with_a_worker() -> None:
        with http_worker(threads) as worker:
            try:
                await test(worker)
            finally:
                if threads:
                    threads.gate.set()

    asyncio.run(with_a_worker())


def test_a_small_request_is_admitted_decoded_and_submitted_at_once() -> None:
    async def test(worker: HttpWorker) -> None:
        Request(worker).start(body(T))
        ((array,),) = worker.dispatcher.submitted
        assert array.tolist() == [[1, 2]]
        assert worker.dispatcher.admitted == 1

    run(test)


def test_an_outcome_becomes_the_answer_and_leaves_the_queue() -> None:
    async def test(worker: HttpWorker) -> None:
        request = Request(worker).start(body(T))
        worker.dispatcher.settled([np.array([[3, 4]], np.float32)])
        (answer,) = request.answers
        assert (answer.status, b"[3.0,4.0]" in answer.body) == (200, True)
        assert worker.dispatcher.admitted == 0
        assert request.record.worker == 3

    run(test)


def test_a_full_queue_is_left_alone() -> None:
    async def test(worker: HttpWorker) -> None:
        worker.dispatcher.refusal = QueueFullError()
        request = Request(worker).start(body(T))
        assert [answer.status for answer in request.answers] == [429]
        assert (worker.dispatcher.submitted, worker.dispatcher.admitted) == ([], 0)

    run(test)


def test_what_went_wrong_at_the_worker_is_the_answer() -> None:
    async def test(worker: HttpWorker) -> None:
        request = Request(worker).start(body(T))
        worker.dispatcher.settled(WorkerLostError())
        assert [answer.status for answer in request.answers] == [503]
        assert worker.dispatcher.admitted == 0

    run(test)


def test_a_request_whose_client_left_is_given_up_and_never_answered() -> None:
    async def test(worker: HttpWorker) -> None:
        request = Request(worker).start(body(T))
        request.inference.withdraw()
        assert len(worker.dispatcher.abandoned) == 1
        assert worker.dispatcher.admitted == 0
        worker.dispatcher.settled([np.array([[3, 4]], np.float32)])
        assert request.answers == []

    run(test)


def test_a_thread_gets_its_answer_from_the_loop() -> None:
    async def test(worker: HttpWorker) -> None:
        worker.dispatcher.refusal = QueueFullError()
        request = Request(worker)
        answer = await asyncio.to_thread(answer_from_thread, worker, request.record, request.head, body(T))
        assert answer.status == 429

    run(test)


def compressed(worker: HttpWorker) -> Request:
    """A request that a thread decodes, and whose client does not wait long."""
    return Request(worker, content_encoding="gzip", x_request_timeout="0.05").start(gzip.compress(body(T)))


def test_the_deadline_holds_while_a_request_is_decoded() -> None:
    async def test(worker: HttpWorker) -> None:
        answer = await compressed(worker).answer()
        assert (answer.status, answer.body) == (504, LATE)

    run(test, Held())


def test_the_deadline_holds_while_a_request_waits_for_a_thread() -> None:
    async def test(worker: HttpWorker) -> None:
        worker.threads.submit(int)
        answer = await compressed(worker).answer()
        assert (answer.status, answer.body) == (504, LATE)

    run(test, Held())


def test_a_request_that_was_decoded_too_late_has_left_the_queue_and_is_not_submitted() -> None:
    async def test(worker: HttpWorker) -> None:
        request = compressed(worker)
        await request.answer()
        assert worker.dispatcher.admitted == 0
        threads.gate.set()
        await asyncio.wait([asyncio.wrap_future(future) for future in threads.futures])
        assert worker.dispatcher.submitted == []
        assert len(request.answers) == 1

    threads = Held()
    run(test, threads)


def test_a_request_that_waited_in_vain_for_a_thread_is_not_decoded() -> None:
    async def test(worker: HttpWorker) -> None:
        worker.threads.submit(int)
        await compressed(worker).answer()
        busy, waiting = threads.futures
        async with asyncio.timeout(60):  # asyncio tells the pool a turn of the loop after the answer
            while not waiting.done():  # noqa: ASYNC110 - the gate is closed: only to be cancelled ends it
                await asyncio.sleep(0.001)
        assert (busy.cancelled(), waiting.cancelled()) == (False, True)

    threads = Held()
    run(test, threads)


class Forms(Tensors):
    """A form of two parts, whatever is sent."""

    def parse(self, served: protocol.Served, head: protocol.Head, body: bytes) -> protocol.Request:
        del served, head, body
        return protocol.Request(
            arrays=[], parts=[[np.ones((1, 2), np.float32)], [np.ones((1, 3), np.float32)]]
        )


def test_what_was_decoded_while_others_took_the_memory_is_not_kept() -> None:
    """Many small bodies are admitted before the first of them is decoded, and may become large tensors."""
    threads = Held()

    async def test(worker: HttpWorker) -> None:
        request = Request(worker, content_encoding="gzip").start(gzip.compress(body(T)))
        worker.dispatcher.memory = QueueFullError()
        threads.gate.set()
        assert (await request.answer()).status == 429
        assert (worker.dispatcher.submitted, worker.dispatcher.admitted) == ([], 0)

    run(test, threads)


def test_parts_count_until_the_request_is_over() -> None:
    """They wait in memory, though only some are submitted at a time: those the queue counts itself."""

    async def test(worker: HttpWorker) -> None:
        worker.served = replace(worker.served, task=cast("Task", Forms()))
        worker.dispatcher.roomy = False
        request = Request(worker, protocol.PREDICT).start(body(T))
        assert (len(worker.dispatcher.submitted), worker.dispatcher.held) == (1, 12)
        worker.dispatcher.settled([np.ones(1)])
        assert (len(worker.dispatcher.submitted), worker.dispatcher.held) == (2, 8)
        worker.dispatcher.settled(WorkerLostError())
        assert (await request.answer()).status == 503
        assert (worker.dispatcher.held, worker.dispatcher.admitted) == (0, 0)
        Request(worker, protocol.PREDICT).start(body(T)).inference.withdraw()
        assert (worker.dispatcher.held, worker.dispatcher.admitted) == (0, 0)

    run(test)
