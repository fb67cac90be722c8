"""Between an HTTP worker and its workers.

What is lost when something goes wrong is one request, nothing else.
"""

import asyncio
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from paddlemodel_server.errors import (
    DeadlineExceededError,
    ModelFailedError,
    QueueFullError,
    ServingError,
    WorkerLostError,
)
from paddlemodel_server.ipc import counters, slots
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.process_context import ProcessContext
from paddlemodel_server.pipeline.pending import TENSORS_OF_BODIES, Outcome

from tests.serving_image.support.dispatching import ONE, Pod, in_a_pod
from tests.serving_image.support.load import BODY, INFER, asked
from tests.serving_image.support.servers import Server


def broken(_: Outcome) -> None:
    raise ZeroDivisionError


def test_an_outcome_that_nobody_can_take_keeps_no_other_from_its_own(runtime: ProcessContext) -> None:
    async def test(pod: Pod) -> None:
        worker = await pod.join()
        for settled in (broken, None, broken, None):
            pod.submit(settled)
        await asyncio.sleep(0)  # what one turn of the loop submits is announced together
        ((layout, numbers),) = worker.announced()
        worker.reply(numbers, slots.ANSWERED, layout)
        worker.flush()
        await pod.until(lambda: len(pod.outcomes) == 2)
        for outcome in pod.outcomes:
            assert not isinstance(outcome, ServingError)
            assert outcome[0].tolist() == [[1, 1]]

    in_a_pod(runtime, test)


def test_late_requests_are_told_whatever_became_of_the_others(runtime: ProcessContext) -> None:
    async def test(pod: Pod) -> None:
        worker = await pod.join()
        pod.submit(broken, 0.01)
        pod.submit(None, 0.01)
        await pod.until(lambda: len(pod.outcomes) == 1)
        pod.submit(None, 0.01)  # the timer still runs
        await pod.until(lambda: len(pod.outcomes) == 2)
        assert {type(outcome) for outcome in pod.outcomes} == {DeadlineExceededError}
        for _, numbers in worker.announced():
            worker.reply(numbers, slots.EXPIRED)
        worker.flush()
        await pod.until(lambda: pod.scoreboard.in_flight(0) == 0)

    in_a_pod(runtime, test)


def test_tensors_that_take_too_much_memory_keep_others_out(runtime: ProcessContext) -> None:
    """A small picture may be a large tensor: the one that goes beyond is taken, the next one is not."""
    small = replace(runtime, sizes=replace(runtime.sizes, body_bytes=ONE[0].nbytes // TENSORS_OF_BODIES - 1))

    async def test(pod: Pod) -> None:
        worker = await pod.join()
        for number in range(1, 4):
            pod.dispatcher.admit()
            pod.submit()
            pod.dispatcher.leave()
            with pytest.raises(QueueFullError):
                pod.dispatcher.admit()
            with pytest.raises(QueueFullError):
                pod.dispatcher.check_memory()
            await asyncio.sleep(0)
            ((layout, numbers),) = worker.announced()
            worker.reply(numbers, slots.ANSWERED, layout)
            worker.flush()
            await pod.until(pod.answered(number))
        pod.dispatcher.check_memory()
        pod.dispatcher.admit()
        pod.dispatcher.leave()

    in_a_pod(small, test)


def test_what_cannot_be_written_or_read_costs_no_slot(
    runtime: ProcessContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(pod: Pod) -> None:
        worker = await pod.join()
        with monkeypatch.context() as patch:
            patch.setattr(slots.Slots, "write", lambda *_, **__: broken([]))
            for _ in range(20):  # more than there are slots
                with pytest.raises(ZeroDivisionError):
                    pod.submit()
        for _ in range(20):
            pod.submit()
            await asyncio.sleep(0)
            ((layout, numbers),) = worker.announced()
            worker.reply(numbers, slots.ANSWERED, layout)
            with monkeypatch.context() as patch:
                patch.setattr(slots.Slots, "copies", lambda *_: broken([]))
                worker.flush()
                await pod.until(lambda: pod.outcomes)
            assert isinstance(pod.outcomes.pop(), ModelFailedError)

    in_a_pod(runtime, test)


def test_a_worker_that_dies_as_a_request_is_announced(runtime: ProcessContext) -> None:
    async def test(pod: Pod) -> None:
        worker = await pod.join()
        worker.connection.close()
        await asyncio.sleep(0)
        pod.submit()  # its link hears of the end in the same turn of the loop
        pod.scoreboard.worker(0).state = scoreboards.DOWN
        await pod.until(lambda: pod.outcomes)
        assert isinstance(pod.outcomes[0], WorkerLostError)

    in_a_pod(runtime, test)


def test_an_http_worker_without_a_worker_makes_the_pod_unready(runtime: ProcessContext) -> None:
    async def test(pod: Pod) -> None:
        worker = await pod.join()
        other, ready = pod.scoreboard.http_worker(5), []
        for link in (scoreboards.ABSENT, scoreboards.UNLINKED, scoreboards.LINKED):
            other.link = link
            ready.append(pod.dispatcher.ready)
        assert ready == [True, False, True]
        pod.scoreboard.worker(0).state = scoreboards.DOWN
        worker.connection.close()
        await pod.until(lambda: pod.scoreboard.http_worker(0).link == scoreboards.UNLINKED)

    in_a_pod(runtime, test)
    assert scoreboards.Scoreboard(runtime.scoreboard_fd).http_worker(0).link == scoreboards.ABSENT


def test_rows_that_nobody_holds_are_cleared_also_beyond_a_gap(runtime: ProcessContext) -> None:
    scoreboard = scoreboards.Scoreboard(runtime.scoreboard_fd)
    locks = [scoreboards.claim_row(scoreboard, runtime.folder) for _ in range(4)]
    assert [row for row, _ in locks] == [0, 1, 2, 3]
    for row, fd in locks:
        scoreboard.http_worker(row).link = scoreboards.UNLINKED
        if row != 2:
            os.close(fd)
    assert scoreboards.claim_row(scoreboard, runtime.folder)[0] == 0
    assert [scoreboard.http_worker(row).link for row in range(4)] == [0, 0, scoreboards.UNLINKED, 0]


def test_an_http_worker_that_never_came_to_count_hides_no_other(runtime: ProcessContext) -> None:
    counted = counters.Counters(runtime.counters_fd)
    assert len(counted.http_workers()) == 0
    counted.http_worker(2)[counters.PID] = 7
    assert counted.http_workers()[:, counters.PID].tolist() == [0, 0, 7]


def test_an_unknown_client_of_a_worker_stops_nothing(server: Server) -> None:
    """One that leaves at once, one that says nonsense, one that hands over nothing, one that says nothing."""
    workers = {process.pid for process in server.processes("worker")}
    folder = Path(server.runtime()["folder"])
    silent = []
    for place in range(2):
        for sent in (b"", b"?", slots.HELLO.pack(1, 1), slots.HELLO.pack(2**32 - 1, 2**63), None):
            unknown = socket.socket(socket.AF_UNIX)
            unknown.connect(str(folder / f"worker-{place}.sock"))
            if sent is None:
                silent.append(unknown)
                continue
            socket.send_fds(unknown, [sent], [0] if len(sent) > 1 else []) if sent else None
            unknown.close()
    for _ in range(4):
        assert asked(server, INFER, BODY)[0] == 200
    for unknown in silent:
        unknown.close()
    assert {process.pid for process in server.processes("worker")} == workers
