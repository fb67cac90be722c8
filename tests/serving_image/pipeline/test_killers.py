"""Which requests are known to end a worker, and for how long."""

import numpy as np
import pytest
from paddlemodel_server.errors import KnownToCrashError
from paddlemodel_server.ipc import scoreboard as scoreboards
from paddlemodel_server.ipc.blames import MOST as MOST_BLAMES
from paddlemodel_server.ipc.blames import Blames
from paddlemodel_server.pipeline.killers import KEPT_SECONDS, KILLS, Killers

MOST = MOST_BLAMES // KILLS
Arrays = list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def memory(row: int = 0, board: scoreboards.Scoreboard | None = None) -> Blames:
    return (board or scoreboards.Scoreboard(scoreboards.create())).blames(row, 3)


def request(number: float, columns: int = 2) -> Arrays:
    return [np.full((1, columns), number, np.float32)]


def known(killers: Killers, arrays: Arrays) -> bool:
    try:
        killers.check(arrays)
    except KnownToCrashError:
        return True
    return False


def test_the_second_kill_makes_a_request_known_and_no_other() -> None:
    killers = Killers(memory())
    killers.blame(request(1))
    assert not known(killers, request(1))
    killers.blame(request(1))
    assert known(killers, request(1))
    assert not known(killers, request(2))
    assert not known(killers, request(1, columns=3))
    assert not known(killers, [np.ones((1, 2), np.float64)])


def test_a_request_is_known_to_the_model_that_it_killed() -> None:
    killers = Killers(memory())
    for _ in range(2):
        killers.blame(request(1), 1)
    killers.check(request(1))
    with pytest.raises(KnownToCrashError):
        killers.check(request(1), 1)


def test_it_is_forgotten_after_a_while_and_counted_anew() -> None:
    clock = Clock()
    killers = Killers(memory(), clock)
    for _ in range(2):
        killers.blame(request(1))
    clock.now = KEPT_SECONDS
    assert known(killers, request(1))
    clock.now += 1
    assert not known(killers, request(1))
    killers.blame(request(1))
    assert not known(killers, request(1))


def test_no_more_than_a_few_are_remembered() -> None:
    killers = Killers(memory())
    for number in range(MOST + 1):
        for _ in range(2):
            killers.blame(request(number))
    assert not known(killers, request(0))
    assert all(known(killers, request(number)) for number in range(1, MOST + 1))


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_order_in_memory_is_none_of_it(order: str) -> None:
    killers = Killers(memory())
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    for _ in range(2):
        killers.blame([array])
    assert known(killers, [np.array(array, order=order)])  # type: ignore[call-overload]  # a str, here


def test_what_one_http_worker_blames_all_of_them_know() -> None:
    """Which of them the next connection comes to is chance."""
    board = scoreboards.Scoreboard(scoreboards.create())
    first, second, third = (Killers(memory(row, board)) for row in range(3))
    first.blame(request(1))
    assert not known(third, request(1))
    second.blame(request(1))
    assert [known(killers, request(1)) for killers in (first, second, third)] == [True] * 3
    assert not known(third, request(2))
    successor = Killers(memory(0, board))
    assert known(successor, request(1))


def test_kills_that_lie_far_apart_are_accidents() -> None:
    board, clock = scoreboards.Scoreboard(scoreboards.create()), Clock()
    first, second = (Killers(memory(row, board), clock) for row in range(2))
    first.blame(request(1))
    clock.now = KEPT_SECONDS + 1
    second.blame(request(1))
    assert not known(first, request(1))
    clock.now += KEPT_SECONDS
    first.blame(request(1))
    assert known(second, request(1))
