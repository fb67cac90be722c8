"""The table of limits between processes: exact while they race, alive when one is killed, bounded."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from paddlemodel_server.ipc import limit_table
from paddlemodel_server.ipc.limit_table import LimitTable

DAY = 86_400 * 1_000_000_000


@pytest.fixture
def fd() -> Iterator[int]:
    found = limit_table.create(1, os.urandom(limit_table.SALT_BYTES))
    yield found
    os.close(found)


def child(work: Callable[[], int]) -> int:
    """Run it in a process of its own, which tells a number below 2**16 by a pipe."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, work().to_bytes(8))
        os._exit(0)
    os.close(writer)
    return reader


def told(reader: int) -> int:
    with os.fdopen(reader, "rb") as pipe:
        return int.from_bytes(pipe.read())


@pytest.mark.parametrize("subjects", [1, 3])
def test_processes_that_race_let_through_exactly_as_many_as_one(fd: int, subjects: int) -> None:
    begin = time.monotonic() + 0.1

    def work() -> int:
        table = LimitTable(fd, 1)
        charges = [table.charge(0, str(n), DAY, DAY * 5000) for n in range(subjects)]
        while time.monotonic() < begin:
            pass
        return sum(table.take([charges[n % subjects]], 7) is None for n in range(8000 * subjects))

    assert sum(told(reader) for reader in [child(work) for _ in range(4)]) == 5000 * subjects


def test_a_process_that_is_killed_inside_blocks_nobody(fd: int) -> None:
    table = LimitTable(fd, 1)
    charge = table.charge(0, "a", DAY, DAY * 2)
    pid = os.fork()
    if pid == 0:
        inside = LimitTable(fd, 1)
        inside._mutex.acquire()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert [table.take([charge], 7) is None for _ in range(3)] == [True, True, False]
    assert told(child(lambda: int(LimitTable(fd, 1).take([charge], 7) is None))) == 0


def test_the_lock_is_for_those_who_are_not_alone(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who once was not is never again: another may come and go."""
    answers = iter([True, False, True])
    table, other = LimitTable(fd, 1, lambda: next(answers)), LimitTable(fd, 1)
    charge = table.charge(0, "a", DAY, DAY * 3)
    other._mutex.acquire()  # who asked for it would wait for ever
    assert table.take([charge], 7) is None
    other._mutex.release()
    locked: list[bool] = []

    def acquire() -> None:
        locked.append(True)
        other._mutex.acquire()

    monkeypatch.setattr(table, "_acquire", acquire)
    assert [table.take([charge], 7) is None for _ in range(3)] == [True, True, False]
    assert len(locked) == 3


def test_a_flood_of_addresses_keeps_the_table_as_it_is_and_forgets_the_oldest(fd: int) -> None:
    table = LimitTable(fd, 1)
    second = 1_000_000_000
    busy = table.charge(0, "busy", second, 1000 * second)
    for _ in range(900):
        assert table.take([busy], 7) is None
    for number in range(30_000):
        table.take([table.charge(0, f"10.{number}", second, second)], 7)
    assert table.left(busy, 7) == 100  # it owes most, so its place is the last that is given away
