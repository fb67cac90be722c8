"""Tensors in shared memory: what is written is read, alone and joined."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server import slots
from paddlemodel_server.slots import Slots

SIZE = 64 * 1024


def made(count: int = 4, size: int = SIZE) -> Slots:
    fd = slots.create(count, size)
    try:
        return Slots(fd, count, size)
    finally:
        os.close(fd)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["float32", "int64", "bool", "float16", "uint8"]),
            st.lists(st.integers(0, 4), max_size=4),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_written_is_read(tensors: list[tuple[str, list[int]]]) -> None:
    memory = made()
    arrays = [np.arange(int(np.prod(shape)), dtype="uint8").reshape(shape).astype(t) for t, shape in tensors]
    used = memory.write(2, arrays, deadline_ns=5)
    deadline_ns, cancelled, layout = memory.look(2)
    assert (deadline_ns, cancelled, layout.end) == (5, 0, used)
    for found, array in zip(memory.views(2, layout), arrays, strict=True):
        assert found.dtype == array.dtype
        assert np.array_equal(found, array)


def test_slots_are_gathered_and_scattered() -> None:
    memory = made()
    for slot in (3, 0, 1):
        memory.write(slot, [np.full((2, 3), slot, np.float32), np.full((2,), slot, np.int64)])
    layout = memory.look(3)[2]
    joined = memory.gather([3, 0, 1], layout, 0)
    assert joined.tolist() == [[3.0] * 3] * 2 + [[0.0] * 3] * 2 + [[1.0] * 3] * 2
    memory.scatter([3, 0, 1], [joined * 2, np.arange(6)], rows=2)
    for at, slot in enumerate((3, 0, 1)):
        _, _, answer = memory.look(slot)
        doubled, numbers = memory.views(slot, answer)
        assert doubled.tolist() == [[slot * 2.0] * 3] * 2
        assert numbers.tolist() == [2 * at, 2 * at + 1]


def test_a_slot_never_overflows() -> None:
    memory = made()
    with pytest.raises(slots.DoesNotFitError):
        memory.write(0, [np.zeros(SIZE, np.uint8)])
    with pytest.raises(slots.DoesNotFitError):
        memory.scatter([0, 1], [np.zeros((2, SIZE), np.uint8)], rows=1)


def test_a_request_can_be_withdrawn() -> None:
    memory = made()
    memory.write(1, [np.zeros(1)])
    memory.cancel(1)
    assert memory.look(1)[1] == 1
    memory.write(1, [np.zeros(1)])
    assert memory.look(1)[1] == 0


def test_large_slots_give_their_memory_back() -> None:
    fd = slots.create(2, 4 << 20)
    memory = Slots(fd, 2, 4 << 20)
    used = memory.write(1, [np.ones(3 << 20, np.uint8)])
    grown = os.fstat(fd).st_blocks
    memory.give_back(1, used)
    assert os.fstat(fd).st_blocks < grown // 2
    os.close(fd)


@pytest.mark.parametrize(
    ("shapes", "rows"),
    [([(2, 3), (2,)], 2), ([(2, 3), (1,)], 0), ([()], 0)],
    ids=["batch", "uneven", "scalar"],
)
def test_rows_are_counted_only_where_all_agree(shapes: list[tuple[int, ...]], rows: int) -> None:
    assert slots.layout_of(tuple((np.dtype("float32"), shape) for shape in shapes)).rows == rows
