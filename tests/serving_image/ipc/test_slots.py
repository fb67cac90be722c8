"""Tensors in shared memory: what is written is read, alone and joined."""

import mmap
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.ipc import layouts, slots
from paddlemodel_server.ipc.slots import Slots

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
    written = memory.write(2, arrays, (5, 1))
    deadline_ns, cancelled, layout = memory.announced(2)
    assert (deadline_ns, cancelled, layout) == (5, 0, written)
    for found, array in zip(memory.views(2, layout), arrays, strict=True):
        assert found.dtype == array.dtype
        assert np.array_equal(found, array)


def test_slots_are_gathered_and_scattered() -> None:
    memory = made()
    for slot in (3, 0, 1):
        memory.write(slot, [np.full((2, 3), slot, np.float32), np.full((2,), slot, np.int64)])
    layout = memory.announced(3).layout
    joined = memory.gather([3, 0, 1], layout, 0)
    assert joined.tolist() == [[3.0] * 3] * 2 + [[0.0] * 3] * 2 + [[1.0] * 3] * 2
    memory.scatter([3, 0, 1], [joined * 2, np.arange(6)], rows=2)
    for at, slot in enumerate((3, 0, 1)):
        answer = memory.announced(slot).layout
        doubled, numbers = memory.views(slot, answer)
        assert doubled.tolist() == [[slot * 2.0] * 3] * 2
        assert numbers.tolist() == [2 * at, 2 * at + 1]


def test_a_slot_names_its_request() -> None:
    memory = made()
    memory.write(1, [np.zeros(1)], (7_000_000_000, 2_000_000_000), "x" * slots.ID_BYTES)
    assert memory.request_id(1) == "x" * slots.ID_BYTES
    assert memory.waited(1, 5_000_000_000) == 3
    assert memory.waited(1, 8_000_000_000) == -1
    assert np.array_equal(memory.views(1, memory.announced(1).layout)[0], np.zeros(1))
    memory.write(1, [np.zeros(1)])
    assert memory.request_id(1) == ""


@pytest.mark.parametrize("scattered", [False, True])
def test_an_answer_tells_about_its_run(scattered: bool) -> None:
    memory = made()
    times = slots.run_times(3_000_000_000, 1_234_567, 3600 * 10**9)
    if scattered:
        memory.scatter([1], [np.zeros((1, 2))], 1, times)
    else:
        memory.write(1, [np.zeros(1)], times)
    assert memory.ran(1) == (3.0, 0.001234, 3600.0)


def test_a_run_of_hours_fits() -> None:
    memory = made()
    memory.write(1, [np.zeros(1)], slots.run_times(1, 0, 10**15))
    assert memory.ran(1).run_seconds == pytest.approx(4294.967295)


def test_copies_outlive_their_slot() -> None:
    memory = made()
    memory.write(1, [np.arange(6, dtype=np.float32).reshape(2, 3)])
    layout = memory.announced(1).layout
    (copy,) = memory.copies(1, layout)
    memory.write(1, [np.zeros((2, 3), np.float32)])
    assert copy.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


def test_who_is_late_or_gone_is_told_from_who_waits() -> None:
    memory = made()
    memory.write(0, [np.zeros(1)], (2_000_000_000, 1_000_000_000))
    assert memory.waited(0, 1_500_000_000) == 0.5
    assert memory.waited(0, 2_000_000_001) == -1
    memory.cancel(0)
    assert memory.waited(0, 1_500_000_000) == -1


def test_layouts_are_learned_by_their_numbers() -> None:
    memory, numbers, known = made(), layouts.Numbers(), slots.Known()
    first = memory.write(0, [np.zeros((2, 3), np.float32)])
    second = memory.write(1, [np.zeros((2, 4), np.float32)])
    for slot, layout in ((0, first), (1, second), (0, first)):
        assert known.layout(numbers.of(layout), memory, slot) is layout
    memory.write(2, [np.zeros((2, 4), np.float32)])
    assert known.layout(numbers.of(second), memory, 2) is second


def test_beyond_the_last_number_the_signature_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layouts.Numbers, "MOST", 1)
    memory, numbers, known = made(), layouts.Numbers(), slots.Known()
    written = [memory.write(at, [np.zeros((1, 1 + at), np.float32)]) for at in range(3)]
    assert [numbers.of(layout) for layout in written] == [1, 0, 0]
    assert [known.layout(numbers.of(layout), memory, at) for at, layout in enumerate(written)] == written


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
    assert memory.announced(1).cancelled
    memory.write(1, [np.zeros(1)])
    assert not memory.announced(1).cancelled


def test_large_slots_give_their_memory_back() -> None:
    fd = slots.create(2, 4 << 20)
    memory = Slots(fd, 2, 4 << 20)
    layout = memory.write(1, [np.ones(3 << 20, np.uint8)])
    grown = os.fstat(fd).st_blocks
    memory.give_back(1, layout.end)
    assert os.fstat(fd).st_blocks < grown // 2
    os.close(fd)


def test_a_withdrawn_request_gives_its_memory_back_before_its_worker_has_replied() -> None:
    fd = slots.create(2, 4 << 20)
    memory = Slots(fd, 2, 4 << 20)
    memory.write(0, [np.ones(3 << 20, np.uint8)])
    kept = os.fstat(fd).st_blocks
    layout = memory.write(1, [np.ones(3 << 20, np.uint8)], (9, 1), "seven")
    memory.cancel(1, layout.end)
    assert os.fstat(fd).st_blocks < kept + kept // 2
    assert memory.announced(1) == (9, 1, layout)
    assert memory.request_id(1) == "seven"
    assert not memory.views(1, layout)[0][layouts.CONTROL.size + mmap.PAGESIZE :].any()
    assert memory.views(0, layout)[0].all()
    os.close(fd)


def test_a_request_says_whether_it_wants_the_reduction() -> None:
    """And never shares a run with one that wants all outputs."""
    memory, arrays = made(), [np.zeros((1, 3), np.float32)]
    whole, reduced = memory.write(0, arrays), memory.write(1, arrays, reduced=True)
    assert [memory.announced(at).layout for at in (0, 1)] == [whole, reduced]
    assert (whole.reduced, reduced.reduced) == (False, True)
    assert whole.kind != reduced.kind
    assert whole.rows == reduced.rows == 1


@pytest.mark.parametrize("reduced", [False, True])
def test_a_request_says_which_model_it_is_for(reduced: bool) -> None:
    memory, arrays = made(), [np.zeros((1, 3), np.float32)]
    written = [memory.write(at, arrays, reduced=reduced, model=at) for at in range(3)]
    assert [memory.announced(at).layout for at in range(3)] == written
    assert [(one.model, one.reduced) for one in written] == [(0, reduced), (1, reduced), (2, reduced)]
    assert len({one.kind for one in written}) == 3
    assert {one.rows for one in written} == {1}
    assert memory.write(0, []).model == 0


@pytest.mark.parametrize(
    ("shapes", "rows"),
    [([(2, 3), (2,)], 2), ([(2, 3), (1,)], 0), ([()], 0)],
    ids=["batch", "uneven", "scalar"],
)
def test_rows_are_counted_only_where_all_agree(shapes: list[tuple[int, ...]], rows: int) -> None:
    assert layouts.layout_of(tuple((np.dtype("float32"), shape) for shape in shapes)).rows == rows
