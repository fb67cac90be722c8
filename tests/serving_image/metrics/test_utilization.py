"""How busy workers were and how long requests waited, by counters that are given."""

from collections.abc import Iterable

import pytest
from paddlemodel_server.metrics.sliding_mean import Window
from paddlemodel_server.metrics.utilization import Seen, Utilization

SECOND = 10**9


def after(*seen: Seen) -> Utilization:
    """One step a second."""
    pressure = Utilization()
    for now, one in enumerate(seen):
        pressure.step(float(now), one)
    return pressure


def busy(*ns: Iterable[int], ready: int = 1) -> list[Seen]:
    return [Seen(busy_ns=[*of_workers], ready=ready, left=0, waited_seconds=0, depth=0) for of_workers in ns]


def queue(*steps: tuple[int, float, float]) -> list[Seen]:
    """Steps of the depth, those that have left, and what these have waited."""
    return [
        Seen(busy_ns=[0], ready=1, left=left, waited_seconds=waited, depth=depth)
        for depth, left, waited in steps
    ]


@pytest.mark.parametrize(
    ("seen", "ratio"),
    [
        pytest.param(busy([0]), 0, id="one scrape tells nothing"),
        pytest.param(busy([0], [SECOND // 2], [SECOND]), 0.5, id="half of the time"),
        pytest.param(busy([0, 0], [SECOND, 0], ready=2), 0.5, id="one of two workers"),
        pytest.param(busy([0], [2 * SECOND]), 1, id="never above 1"),
        pytest.param(busy([5 * SECOND], [5 * SECOND]), 0, id="what was before says nothing"),
        pytest.param(busy([SECOND, 0], [0, SECOND // 2], ready=1), 0.5, id="a worker died"),
        pytest.param(busy([SECOND], [2 * SECOND], [2 * SECOND - 5], [3 * SECOND]), 2 / 3, id="counted late"),
        pytest.param(
            [*busy([0], [9 * SECOND], ready=0), *busy([9 * SECOND], [9 * SECOND + SECOND // 4])],
            0.25,
            id="what was before the first was ready is no load",
        ),
        pytest.param(busy([0], [SECOND], ready=0), 0, id="nobody is ready"),
        pytest.param(busy([0], *[[SECOND]] * 40), 0, id="half a minute later"),
    ],
)
def test_the_busy_ratio(seen: list[Seen], ratio: float) -> None:
    assert after(*seen).busy_ratio == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("seen", "seconds"),
    [
        pytest.param(queue((0, 0, 0), (0, 0, 0)), 0, id="no requests"),
        pytest.param(queue((0, 0, 0), (0, 10, 5)), 0.5, id="the mean of those that have left"),
        pytest.param(queue((0, 4, 8), (0, 14, 9)), 0.1, id="only of those that left in the window"),
        pytest.param(queue((0, 0, 0), (3, 0, 0), (3, 0, 0), (3, 0, 0)), 2, id="nothing leaves: their age"),
        pytest.param(queue((0, 0, 0), (2, 0, 0), (2, 0, 0), (4, 0, 0)), 1, id="the mean age of old and new"),
        pytest.param(queue((0, 0, 0), (2, 0, 0), (2, 2, 2)), 1, id="first come, first served"),
        pytest.param(queue((0, 0, 0), (5, 0, 0), (5, 0, 0), (1, 0, 0)), 2, id="some left without a run"),
        pytest.param(queue((0, 0, 0), (5, 0, 0), (5, 0, 0), (0, 0, 0)), 0, id="all left without a run"),
        pytest.param(queue((0, 0, 0), (5, 9000, 9), (5, 18000, 18)), 0.001, id="a fast queue is never empty"),
        pytest.param([*queue((0, 0, 0), (0, 10, 5)), *queue((0, 10, 5)) * 40], 0, id="half a minute later"),
    ],
)
def test_what_requests_wait(seen: list[Seen], seconds: float) -> None:
    assert after(*seen).queue_seconds == pytest.approx(seconds)


def test_a_queue_that_stands_still_is_seen_though_all_went_fast_before() -> None:
    fast = queue(*((2, 1000.0 * n, n) for n in range(20)))
    standing = queue(*[(60, 19_000.0, 19.0)] * 11)
    assert after(*fast).queue_seconds == pytest.approx(0.001)
    assert after(*fast, *standing).queue_seconds == pytest.approx(10, rel=0.05)


def test_a_window_is_the_mean_of_its_last_half_minute() -> None:
    window = Window()
    for now in range(100):
        window.add(now, 100 if now < 85 else 0)
    assert window.mean == 50
    window.clear()
    assert window.mean is None
