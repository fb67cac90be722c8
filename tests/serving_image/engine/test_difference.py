"""One measure of how far an answer is from another."""

import numpy as np
import pytest
from paddlemodel_server.engine.difference import alike, difference, largest_part


@pytest.mark.parametrize(
    ("exact", "found", "expected"),
    [
        ([1.0, -4.0], [1.0, -3.0], 0.25),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([np.inf, 1.0], [np.inf, 1.0], 0.0),
        ([np.inf, 1.0], [1.0, 1.0], np.inf),
        ([np.inf, 1.0], [-np.inf, 1.0], np.inf),
        ([np.nan, 1.0], [np.inf, 1.0], np.inf),
        ([np.nan, 2.0], [np.nan, 1.0], 0.5),
        ([], [], 0.0),
    ],
)
def test_the_difference_is_a_part_of_the_largest_value(
    exact: list[float], found: list[float], expected: float
) -> None:
    assert difference(np.array(exact), np.array(found)).part() == expected


def test_whole_numbers_differ_by_how_many_of_them() -> None:
    assert difference(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5])).part() == 0.25
    assert difference(np.array([2**62]), np.array([2**62 + 1])).part() == 1
    assert difference(np.array([1], np.uint8), np.array([255], np.uint8)).largest == 254
    assert difference(np.array([True, False]), np.array([True, True])).beyond(rtol=9, atol=9) == 1


def test_what_cannot_be_compared_is_infinitely_far_and_says_why() -> None:
    other = difference(np.array([1]), np.array([1.0]))
    assert (other.part(), other.fault) == (np.inf, "it is float64, expected was int64")
    other = difference(np.zeros((1, 2)), np.zeros(2))
    assert (other.part(), other.fault) == (np.inf, "its shape is [2], expected was [1, 2]")
    assert largest_part([np.zeros(1)], []) == np.inf


def test_numbers_without_dimensions_are_compared_as_others() -> None:
    found = difference(np.array(1.0, np.float32), np.array(1.5, np.float32))
    assert (found.largest, found.beyond(rtol=0.1, atol=0.1)) == (0.5, 1)
    assert difference(np.array(3), np.array(4)).beyond(rtol=1.0, atol=1.0) == 1


def test_numbers_below_the_smallest_scale_are_measured_by_it() -> None:
    tiny, half = np.array([1e-9]), np.array([2e-9])
    assert difference(tiny, half).part() == pytest.approx(1e-3)
    assert difference(np.array([0.5]), np.array([0.6])).part(smallest_scale=1.0) == pytest.approx(0.1)


def test_a_tolerance_is_absolute_and_relative() -> None:
    distance = difference(np.array([0.0, 100.0, np.nan]), np.array([0.01, 101.0, np.nan]))
    assert [distance.beyond(rtol=r, atol=a) for r, a in [(0, 0), (0.01, 0), (0, 0.01), (0.01, 0.01)]] == [
        *(2, 1, 1, 0),
    ]
    assert distance.largest == 1.0
    assert distance.largest_relative == pytest.approx(0.01 / float(np.finfo(np.float32).tiny))


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ([1.0, 2.0], [1.0, 2.25], True),
        ([1.0, 2.0], [1.0, 2.5], False),
        ([1.0, np.nan], [1.0, np.nan], False),
        ([1.0, np.inf], [1.0, np.inf], False),
        ([3e38], [-3e38], False),
        ([], [], True),
    ],
)
def test_what_is_alike_is_close(one: list[float], other: list[float], found: bool) -> None:
    """It only spares the exact comparison: what is not finite has to be looked at there."""
    pair = [np.array(numbers, np.float32) for numbers in (one, other)]
    assert alike(pair[0], pair[1], 0.25) is found
    assert not found or (difference(pair[0], pair[1]).absolute <= 0.25).all()


def test_other_dtypes_and_shapes_are_never_alike() -> None:
    ones = np.ones(3, np.float32)
    for other in (np.ones(4, np.float32), np.ones(3), np.ones(3, np.int32), np.ones((1, 3), np.float32)):
        assert not alike(ones, other, 1)
        assert not alike(other, ones, 1)
