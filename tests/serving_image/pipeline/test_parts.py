"""A request in several parts: settled once, in order, by what goes wrong first, and bounded at a time."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from paddlemodel_server.errors import ModelFailedError, QueueFullError
from paddlemodel_server.pipeline.parts import AT_ONCE, Parts
from paddlemodel_server.pipeline.pending import Array, Outcome, Pending


class Line:
    """Takes submissions, and settles those that it is told to."""

    def __init__(self, room: int = 1000) -> None:
        self.taken: list[tuple[Pending, Callable[[Outcome], None]]] = []
        self.abandoned: list[Pending] = []
        self.room = room
        self.roomy = True
        self.held = 0  # bytes

    def admit(self) -> None: ...

    def hold(self, size: int) -> None:
        self.held += size

    def check_memory(self) -> None: ...

    def leave(self) -> None: ...

    def submit(
        self,
        arrays: Sequence[Array],
        began: float,
        seconds: float,
        request_id: str,
        settled: Callable[[Outcome], None],
        *,
        reduced: bool = False,  # noqa: ARG002 - the dispatcher's signature
        model: int = 0,  # noqa: ARG002
    ) -> Pending:
        assert (began, seconds, request_id) == (1.0, 2.0, "id")
        if len(self.taken) == self.room:
            raise QueueFullError
        self.taken.append((Pending(0, 3.0, 2.0, arrays), settled))
        return self.taken[-1][0]

    def abandon(self, pending: Pending) -> None:
        self.abandoned.append(pending)

    def settle(self, at: int, outcome: Outcome | None = None) -> None:
        pending, settled = self.taken[at]
        settled(list(pending.arrays) if outcome is None else outcome)


def begun(count: int, line: Line) -> list[Any]:
    outcomes: list[Any] = []
    Parts(line, outcomes.append).submit([[np.array([at])] for at in range(count)], 1.0, 2.0, "id")
    return outcomes


def test_it_is_settled_once_and_in_order() -> None:
    line = Line()
    outcomes = begun(3, line)
    for at in (2, 0, 1):
        assert outcomes == []
        line.settle(at)
    assert [[int(array[0]) for array in outcome] for outcome in outcomes] == [[0, 1, 2]]


def test_a_long_list_leaves_room_for_others() -> None:
    line = Line()
    outcomes = begun(AT_ONCE + 5, line)
    assert len(line.taken) == AT_ONCE
    line.settle(3)
    assert len(line.taken) == AT_ONCE + 1
    for at in [*range(3), *range(4, AT_ONCE + 5)]:
        line.settle(at)
    assert [int(array[0]) for array in outcomes[0]] == list(range(AT_ONCE + 5))


def test_where_room_is_short_one_part_follows_the_other() -> None:
    line = Line()
    line.roomy = False
    outcomes = begun(4, line)
    assert len(line.taken) == 1
    line.settle(0)
    assert len(line.taken) == 2
    line.roomy = True
    line.settle(1)
    assert len(line.taken) == 4
    line.settle(2)
    line.settle(3)
    assert [int(array[0]) for array in outcomes[0]] == [0, 1, 2, 3]


def test_the_first_fault_settles_it_and_withdraws_the_rest() -> None:
    line = Line()
    outcomes = begun(3, line)
    line.settle(1, ModelFailedError())
    assert [type(outcome) for outcome in outcomes] == [ModelFailedError]
    assert line.abandoned == [line.taken[0][0], line.taken[2][0]]


@pytest.mark.parametrize("room", [2, AT_ONCE])
def test_a_part_that_finds_no_room_ends_it(room: int) -> None:
    line = Line(room)
    if room < AT_ONCE:
        with pytest.raises(QueueFullError):
            begun(room + 1, line)
        assert len(line.abandoned) == room
        return
    outcomes = begun(room + 1, line)
    line.settle(0)
    assert [type(outcome) for outcome in outcomes] == [QueueFullError]
    assert len(line.abandoned) == room - 1
