"""The fuzzer's own parts: seeds repeat, every block is drawn, and a wrong answer is not missed."""

from collections import Counter

import numpy as np
import pytest

from tests.fuzz import compare, generator
from tests.fuzz.blocks import BLOCKS, ROWS

ANSWER = np.array([[1.0, 2.0], [3.0, 400.0]], np.float32)


def test_a_seed_is_the_same_program_and_requests_every_time() -> None:
    one, other = generator.program(17), generator.program(17)
    assert one == other
    assert one != generator.program(18)
    for first, second in zip(generator.requests(one), generator.requests(other), strict=True):
        assert first.keys() == second.keys()
        assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_run_draws_every_block_and_every_kind_of_input() -> None:
    programs = [generator.program(seed) for seed in range(300)]
    drawn = Counter(block for one in programs for block in one.blocks)
    assert set(drawn) == set(BLOCKS)
    assert min(drawn.values()) >= 5
    assert {dtype for one in programs for dtype in (i.dtype for i in one.inputs)} == set(generator.DTYPES)
    assert {one.pir for one in programs} == {True, False}
    assert {one.inputs[0].dims[0] for one in programs} == {ROWS, 2}


def test_legacy_programs_have_no_block_that_they_cannot_have() -> None:
    legacy = [one for one in map(generator.program, range(300)) if not one.pir]
    assert not {block for one in legacy for block in one.blocks if BLOCKS[block].pir}


def test_requests_have_few_rows_and_more_than_a_run_takes() -> None:
    for seed in range(50):
        program = generator.program(seed)
        rows = [len(request["x"]) for request in generator.requests(program)]
        assert len(rows) == generator.REQUESTS
        if program.inputs[0].dims[0] == ROWS:
            assert rows[-1] == generator.MANY_ROWS
            assert set(rows[:-1]) <= set(generator.ROW_COUNTS)


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        pytest.param(ANSWER.copy(), False, id="the same"),
        pytest.param(ANSWER + np.float32(4e-3), False, id="rounding of the largest number"),
        pytest.param(ANSWER + np.float32(2e-2), True, id="more than rounding"),
        pytest.param(ANSWER[::-1], True, id="rows in another order"),
        pytest.param(ANSWER[:1], True, id="a row is missing"),
        pytest.param(ANSWER.astype(np.float64), True, id="another dtype"),
        pytest.param(np.where(ANSWER == 3, np.nan, ANSWER), True, id="not a number"),
    ],
)
def test_what_counts_as_wrong(found: compare.Array, wrong: bool) -> None:
    assert bool(compare.fault([ANSWER], [found])) == wrong


def test_whole_numbers_must_be_equal_and_so_must_infinities() -> None:
    assert compare.fault([np.array([1, 2])], [np.array([1, 3])])
    assert not compare.fault([np.array([1, 2])], [np.array([1, 2])])
    infinite = np.array([np.inf, -np.inf, np.nan])
    assert not compare.fault([infinite], [infinite.copy()])
    assert compare.fault([infinite], [-infinite])
    assert compare.fault([infinite], [])


def test_what_rounding_alone_moves_is_no_fault() -> None:
    """Seed 307712928 differed by 9e-5 with oneDNN: its group norm divides by what rounding left."""
    off = ANSWER * (1 + 1e-4)
    assert compare.fault([ANSWER], [off], compare.allowed([ANSWER], [ANSWER]))
    assert not compare.fault([ANSWER], [off], compare.allowed([ANSWER], [ANSWER * (1 - 2e-4)]))
    assert compare.allowed([ANSWER], [ANSWER * 2]) == [compare.MOST]
    assert compare.allowed([ANSWER, np.array([1])], [ANSWER, np.array([2])]) == [compare.TOLERANCE] * 2
    # An output that rounding moves allows nothing to its neighbour.
    assert compare.fault([ANSWER] * 2, [ANSWER, off], compare.allowed([ANSWER] * 2, [ANSWER * 2, ANSWER]))
