"""Which requests are known to end a worker, and for how long."""

import numpy as np
import pytest
from paddlemodel_server.errors import KnownToCrashError
from paddlemodel_server.pipeline.killers import KEPT_SECONDS, MOST, Killers

Arrays = list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def request(number: float, columns: int = 2) -> Arrays:
    return [np.full((1, columns), number, np.float32)]


def known(killers: Killers, arrays: Arrays) -> bool:
    try:
        killers.check(arrays)
    except KnownToCrashError:
        return True
    return False


def test_the_second_kill_makes_a_request_known_and_no_other() -> None:
    killers = Killers()
    killers.blame(request(1))
    assert not known(killers, request(1))
    killers.blame(request(1))
    assert known(killers, request(1))
    assert not known(killers, request(2))
    assert not known(killers, request(1, columns=3))
    assert not known(killers, [np.ones((1, 2), np.float64)])


def test_it_is_forgotten_after_a_while_and_counted_anew() -> None:
    clock = Clock()
    killers = Killers(clock)
    for _ in range(2):
        killers.blame(request(1))
    clock.now = KEPT_SECONDS
    assert known(killers, request(1))
    clock.now += 1
    assert not known(killers, request(1))
    killers.blame(request(1))
    assert not known(killers, request(1))


def test_no_more_than_a_few_are_remembered() -> None:
    killers = Killers()
    for number in range(MOST + 1):
        for _ in range(2):
            killers.blame(request(number))
    assert not known(killers, request(0))
    assert all(known(killers, request(number)) for number in range(1, MOST + 1))


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_order_in_memory_is_none_of_it(order: str) -> None:
    killers = Killers()
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    for _ in range(2):
        killers.blame([array])
    assert known(killers, [np.array(array, order=order)])  # type: ignore[call-overload]  # a str, here
