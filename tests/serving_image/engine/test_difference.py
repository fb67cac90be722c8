"""One measure of how far an answer is from another."""

import numpy as np
import pytest
from paddlemodel_server.engine.difference import difference, largest_part


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
