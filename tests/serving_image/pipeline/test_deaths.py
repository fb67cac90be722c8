"""What becomes of requests whose worker dies: nobody loses an answer by another one's request."""

import numpy as np
import pytest
from paddlemodel_server.errors import (
    CrashedError,
    DeadlineExceededError,
    KnownToCrashError,
    NotReadyError,
    WorkerLostError,
)
from paddlemodel_server.ipc import layouts, slots
from paddlemodel_server.ipc.process_context import ProcessContext

from tests.serving_image.support.dispatching import Dying, in_a_pod


def test_a_request_that_ran_alone_as_its_worker_crashed_is_the_one_to_blame(runtime: ProcessContext) -> None:
    async def test(pod: Dying) -> None:
        for statuses in ([500], [500, 500], [500, 500, 422]):
            if statuses[-1] == 422:
                await pod.join()
                with pytest.raises(KnownToCrashError):
                    pod.submit()
                break
            worker = await pod.join()
            pod.submit()
            (slot,) = await pod.announced(worker)
            worker.slots.begin([slot], 1)
            await pod.die(worker, request_killed=True)
            await pod.until(pod.answered(len(statuses)))
            assert [type(outcome) for outcome in pod.outcomes] == [CrashedError] * len(statuses)

    in_a_pod(runtime, test, Dying)


def test_what_shared_the_run_is_run_again_alone_and_what_waited_as_before(runtime: ProcessContext) -> None:
    async def test(pod: Dying) -> None:
        worker = await pod.join()
        for _ in range(3):
            pod.submit()
        first, second, waiting = await pod.announced(worker)
        worker.slots.begin([first, second], 2)
        await pod.die(worker, request_killed=True)
        pod.submit()  # while no worker is there
        assert pod.outcomes == []
        worker = await pod.join()
        await pod.until(lambda: pod.scoreboard.in_flight(0) == 4)
        again = await pod.announced(worker)
        assert {first, second, waiting} < set(again)
        assert worker.alone == {first, second}
        worker.reply(again, slots.FAILED)
        worker.flush()
        await pod.until(pod.answered(4))

    in_a_pod(runtime, test, Dying)


def test_what_an_outsider_killed_is_run_again(runtime: ProcessContext) -> None:
    async def test(pod: Dying) -> None:
        worker = await pod.join()
        pod.submit()
        (slot,) = await pod.announced(worker)
        worker.slots.begin([slot], 1)
        worker.slots.write(slot, [np.zeros((1, 2), np.float32)])  # it had begun to answer
        worker.slots.begin([slot], 1)
        await pod.die(worker, request_killed=False)
        worker = await pod.join()
        await pod.until(lambda: pod.scoreboard.in_flight(0))
        assert await pod.announced(worker) == [slot]
        assert worker.slots.views(slot, layouts.layout_of(((np.dtype("f4"), (1, 2)),)))[0].tolist() == [
            [1, 1]
        ]
        assert pod.outcomes == []
        worker.reply([slot], slots.FAILED)
        worker.flush()
        await pod.until(pod.answered(1))

    in_a_pod(runtime, test, Dying)


def test_who_waits_for_a_worker_is_told_when_none_will_come(runtime: ProcessContext) -> None:
    async def test(pod: Dying) -> None:
        worker = await pod.join()
        pod.submit()
        await pod.announced(worker)
        await pod.die(worker, request_killed=False)
        pod.submit(seconds=0.05)
        await pod.until(lambda: len(pod.outcomes) == 1)
        assert isinstance(pod.outcomes[0], DeadlineExceededError)
        pod.scoreboard.drain()
        await pod.until(lambda: len(pod.outcomes) == 2)
        assert isinstance(pod.outcomes[1], WorkerLostError)
        with pytest.raises(NotReadyError):
            pod.submit()

    in_a_pod(runtime, test, Dying)
