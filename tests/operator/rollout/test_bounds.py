"""What is sure after so many requests."""

from math import inf

import pytest
from paddlemodel_operator.rollout.bounds import Latencies, difference, slower, wilson


@pytest.mark.parametrize(
    ("count", "of", "z", "low", "high"),
    [
        (1, 20, 1.96, 0.0089, 0.2361),  # the worked example of Newcombe's and Brown's papers, to four digits
        (81, 263, 1.96, 0.2553, 0.3662),
        (0, 20, 1.96, 0.0, 0.1611),
        (20, 20, 1.96, 0.8389, 1.0),
        (0, 0, 4.0, 0.0, 1.0),
    ],
)
def test_wilsons_bounds(count: int, of: int, z: float, low: float, high: float) -> None:
    found = wilson(count, of, z)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_newcombes_difference() -> None:
    # Newcombe 1998, Statistics in Medicine 17, page 875: 56/70 and 48/80, method 10.
    assert difference((56, 70), (48, 80), 1.96) == pytest.approx(0.0524, abs=5e-5)
    assert difference((0, 0), (1, 10)) == -1.0


def _all_at(latency: float, requests: int = 10_000) -> Latencies:
    edges = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, inf)
    return Latencies([(edge, requests if latency <= edge else 0) for edge in edges], latency * requests)


@pytest.mark.parametrize("latency", [0.0015, 0.0021, 0.0031, 0.0049, 0.0071, 0.012])
def test_twice_as_slow_is_seen_wherever_the_buckets_end(latency: float) -> None:
    least, most = slower(_all_at(2 * latency), _all_at(latency))
    assert least > 1.5 * most


@pytest.mark.parametrize("edge", [0.002, 0.005, 0.01, 0.02])
def test_a_little_slower_over_an_edge_is_only_a_little(edge: float) -> None:
    least, most = slower(_all_at(1.02 * edge), _all_at(0.98 * edge))
    assert least < 1.25 * most


def test_nothing_is_sure_of_nothing() -> None:
    assert slower(Latencies([]), _all_at(0.01)) == (0.0, inf)
    assert slower(_all_at(0.01), Latencies([])) == (0.0, inf)


def test_what_is_above_all_edges_counts() -> None:
    assert _all_at(0.08).quantile(0.95) > 0.05
