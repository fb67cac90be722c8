"""The work queue with a clock of the test's own: nothing waits for real time."""

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from paddlemodel_operator.cluster.queue import BACKOFF_LAST, WorkQueue

A, B = ("ml", "a"), ("ml", "b")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def queue() -> tuple[WorkQueue, Clock]:
    clock = Clock()
    return WorkQueue(clock, jitter=lambda: 1.0), clock


def test_a_key_that_is_added_twice_is_worked_on_once() -> None:
    work, _ = queue()
    work.add(A)
    work.add(A)
    assert work.take() == A
    assert work.take() is None
    work.done(A)
    assert work.take() is None


def test_a_key_that_comes_back_during_its_work_waits_for_the_end_of_it() -> None:
    work, _ = queue()
    work.add(A)
    assert work.take() == A
    work.add(A)
    assert work.take() is None
    work.done(A)
    assert work.take() == A


def test_a_busy_key_does_not_hold_up_the_others() -> None:
    work, _ = queue()
    work.add(A)
    assert work.take() == A
    work.add(A)
    work.add(B)
    assert work.take() == B


def test_the_earlier_appointment_wins() -> None:
    work, clock = queue()
    work.add(A, delay=10)
    work.add(A, delay=100)
    clock.now = 10
    assert work.take() == A
    work.done(A)
    clock.now = 100
    assert work.take() is None


def test_something_new_overtakes_a_back_off() -> None:
    work, _ = queue()
    work.add(A)
    work.take()
    work.retry(A)
    work.done(A)
    assert work.take() is None
    work.add(A)
    assert work.take() == A


def test_failures_come_back_ever_later_up_to_a_limit() -> None:
    work, _ = queue()
    delays = [work.retry(A) for _ in range(12)]
    assert delays[:4] == [0.5, 1.0, 2.0, 4.0]
    assert delays[-1] == BACKOFF_LAST
    work.forget(A)
    assert work.retry(A) == 0.5


def test_a_thousand_failures_do_not_overflow() -> None:
    work, _ = queue()
    for _ in range(2000):
        work.retry(A)
    assert work.retry(A) == BACKOFF_LAST


def test_jitter_halves_at_most() -> None:
    work = WorkQueue(Clock(), jitter=lambda: 0.0)
    assert work.retry(A) == 0.25


def test_the_oldest_wait_counts_what_is_due_and_what_is_in_work() -> None:
    work, clock = queue()
    assert work.oldest_wait() == 0
    work.add(A, delay=5)
    clock.now = 4
    assert work.oldest_wait() == 0
    clock.now = 9
    assert work.oldest_wait() == 4
    work.take()
    clock.now = 12
    assert work.oldest_wait() == 3


def test_nothing_is_given_out_while_the_server_wants_to_be_left_alone() -> None:
    work, clock = queue()
    work.add(A)
    work.hold(10)
    work.hold(5)
    assert work.take() is None
    clock.now = 9
    assert work.take() is None
    assert work.oldest_wait() == 0
    clock.now = 12
    assert work.oldest_wait() == 2
    assert work.take() == A


def test_a_failure_does_not_come_back_before_the_server_wants_it() -> None:
    work, _ = queue()
    assert work.retry(A, at_least=7.0) == 7.0
    assert work.retry(B, at_least=0.1) == 0.5


async def test_the_event_loop_turns_between_two_keys() -> None:
    """Or a thousand keys that need no request are one step, in which the health endpoint gets no turn."""
    work = WorkQueue(asyncio.get_running_loop().time)
    turns, at = 0, list[int]()

    async def bystander() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def worker() -> None:
        while True:
            key = await work.next()
            at.append(turns)
            work.done(key)

    for number in range(1000):
        work.add(("ml", str(number)))
    tasks = [asyncio.create_task(bystander()), *(asyncio.create_task(worker()) for _ in range(8))]
    for _ in range(100_000):
        if len(at) == 1000:
            break
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    assert len(set(at)) == 1000


async def test_a_waiting_worker_is_woken() -> None:
    work = WorkQueue(asyncio.get_running_loop().time)
    waiting = [asyncio.create_task(work.next()) for _ in range(2)]
    await asyncio.sleep(0)
    work.add(A)
    work.add(B, delay=0.01)
    assert set(await asyncio.gather(*waiting)) == {A, B}


class QueueMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order: no key is lost, none is worked on twice at once."""

    def __init__(self) -> None:
        super().__init__()
        self.work, self.clock = queue()
        self.owed: set[tuple[str, str]] = set()
        self.running: set[tuple[str, str]] = set()

    @rule(name=st.sampled_from("abc"), delay=st.sampled_from([0.0, 1.0, 7.0]))
    def add(self, name: str, delay: float) -> None:
        self.work.add(("ml", name), delay)
        self.owed.add(("ml", name))

    @rule(seconds=st.sampled_from([0.5, 3.0, 20.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def take(self) -> None:
        key = self.work.take()
        if key is not None:
            assert key in self.owed
            assert key not in self.running
            self.owed.remove(key)
            self.running.add(key)

    @precondition(lambda self: self.running)
    @rule(fails=st.booleans())
    def finish(self, fails: bool) -> None:
        key = self.running.pop()
        if fails:
            self.work.retry(key)
            self.owed.add(key)
        self.work.done(key)

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.work) == len(self.owed) + len(self.running)

    def teardown(self) -> None:
        for key in self.running:
            self.work.done(key)
        self.clock.now += 1e6
        assert set(iter(self.work.take, None)) == self.owed


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=60, stateful_step_count=30)
