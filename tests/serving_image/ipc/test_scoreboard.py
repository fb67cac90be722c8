"""The page that all processes share: who writes what, and what HTTP workers read at every request."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from paddlemodel_server.ipc import pages
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.scoreboard import MAX_HTTP_WORKERS, MAX_WORKERS, Queue, Scoreboard


@pytest.fixture
def scoreboard() -> Iterator[Scoreboard]:
    fd = scoreboards.create()
    yield Scoreboard(fd)
    os.close(fd)


def queue(scoreboard: Scoreboard, row: int, size: int) -> Queue:
    return Queue(scoreboard, scoreboard.http_worker(row), 3, size)


def test_a_page_is_zero_and_inherited_unless_it_is_sent() -> None:
    for inherited in (True, False):
        fd = pages.create("test", 5000, inherited=inherited)
        try:
            assert os.get_inheritable(fd) == inherited
            assert os.pread(fd, 6000, 0) == bytes(5000)
            assert "paddlemodel-test" in str(Path(f"/proc/self/fd/{fd}").readlink())
        finally:
            os.close(fd)


def test_as_many_requests_may_be_here_as_wait_and_run(scoreboard: Scoreboard) -> None:
    waiting = queue(scoreboard, 0, size=2)
    waiting.link([0, 4])
    assert [waiting.claim() for _ in range(5)] == [True] * 4 + [False]  # an idle worker runs one
    scoreboard.worker(4).running = 3
    assert [waiting.claim() for _ in range(3)] == [True, True, False]
    waiting.leave()
    assert waiting.claim()


def test_the_requests_of_other_http_workers_count(scoreboard: Scoreboard) -> None:
    here, there = queue(scoreboard, 0, size=2), queue(scoreboard, 2, size=2)
    assert here.claim()
    assert there.claim()
    assert not here.claim()
    there.leave()
    assert here.claim()
    assert scoreboard.admitted() == 2
    assert scoreboard.http_worker(0).admitted == 2


def test_requests_in_flight_are_counted_for_each_worker(scoreboard: Scoreboard) -> None:
    last = MAX_WORKERS - 1
    scoreboard.http_worker(0).add_in_flight(1, 2)
    scoreboard.http_worker(2).add_in_flight(1, 1)
    scoreboard.http_worker(MAX_HTTP_WORKERS - 1).add_in_flight(last, 1)
    looking = queue(scoreboard, 0, size=1)
    assert [looking.in_flight(worker) for worker in (0, 1, last)] == [0, 3, 0]
    assert [scoreboard.in_flight(worker) for worker in (0, 1, last)] == [0, 3, 1]
    scoreboard.http_worker(2).add_in_flight(1, -1)
    assert looking.in_flight(1) == 2


def test_clearing_a_row_or_a_block_touches_no_other(scoreboard: Scoreboard) -> None:
    for row in range(3):
        scoreboard.http_worker(row).admitted = row + 1
        scoreboard.http_worker(row).link = scoreboards.LINKED
        scoreboard.http_worker(row).add_in_flight(0, 1)
        scoreboard.worker(row).state = scoreboards.READY
    scoreboard.http_worker(1).clear()
    scoreboard.worker(1).clear()
    assert [scoreboard.http_worker(row).admitted for row in range(3)] == [1, 0, 3]
    assert [scoreboard.http_worker(row).link for row in range(3)] == [2, 0, 2]
    assert scoreboard.in_flight(0) == 2
    assert scoreboard.ready(3) == [0, 2]
