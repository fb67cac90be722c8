"""How many requests are chosen to be mirrored, and that nothing but chance and the clock decides."""

import random
from collections.abc import Iterator

import pytest
from paddlemodel_server.mirror.share import MOST, SUDDEN, Share


def arrivals(rate: int, seconds: int, begin: float = 0.0) -> Iterator[float]:
    """Evenly spaced requests."""
    return (begin + number / rate for number in range(rate * seconds))


def chosen(share: Share, times: Iterator[float]) -> list[bool]:
    return [share.has(now) for now in times]


@pytest.mark.parametrize("percent", [5, 100])
@pytest.mark.parametrize("rate", [1, 20, 30])
def test_a_server_with_few_requests_mirrors_as_many_as_were_asked_for(percent: int, rate: int) -> None:
    """A slow model in the shadow has every answer compared."""
    share = Share(percent / 100, random.Random(1).random)
    found = sum(chosen(share, arrivals(rate, 200)))
    expected = rate * 200 * percent / 100
    assert found == expected if percent == 100 else abs(found - expected) < 5 * expected**0.5 + 1


@pytest.mark.parametrize(("percent", "rate"), [(100, 200), (100, 10_000), (5, 10_000)])
def test_a_busy_server_mirrors_no_more_than_the_limit(percent: int, rate: int) -> None:
    share = Share(percent / 100, random.Random(2).random)
    chosen(share, arrivals(rate, 2))
    found = sum(chosen(share, arrivals(rate, 20, begin=2.0)))
    assert found == pytest.approx(20 * MOST, rel=0.15)


def test_a_sudden_load_is_bounded_in_its_first_second_too() -> None:
    share = Share(1.0, random.Random(3).random)
    chosen(share, arrivals(1, 5))
    assert sum(chosen(share, arrivals(10_000, 1, begin=5.0))) == SUDDEN * MOST


def test_after_a_busy_time_all_are_chosen_again() -> None:
    share = Share(1.0, random.Random(4).random)
    chosen(share, arrivals(10_000, 2))
    soon = arrivals(10, 120, begin=2.0)  # after what is passed over of the busy time's requests
    chosen(share, soon)
    assert all(chosen(share, arrivals(10, 3, begin=122.0)))


def test_requests_that_come_in_a_pattern_are_chosen_alike() -> None:
    """Every tenth is another one, as of a client that sends the first page of each document so."""
    share = Share(1.0, random.Random(5).random)
    found = chosen(share, arrivals(2000, 30))
    first = sum(found[at] for at in range(0, len(found), 10))
    assert first == pytest.approx(sum(found) / 10, rel=0.2)


def test_the_first_of_a_burst_have_no_better_chance() -> None:
    """Twenty at once, ten times a second."""
    share = Share(1.0, random.Random(6).random)
    times = [second + burst / 10 for second in range(60) for burst in range(10) for _ in range(20)]
    found = chosen(share, iter(times))[200:]  # what follows the first second, which has the whole share
    places = [sum(found[at::20]) for at in range(20)]
    assert max(places) < 1.3 * sum(places) / 20
    assert min(places) > 0.7 * sum(places) / 20
