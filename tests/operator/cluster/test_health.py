"""When the operator asks to be restarted, and when it does not."""

from paddlemodel_operator.base import names
from paddlemodel_operator.cluster.health import Heartbeat

RESYNC = 600.0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def heartbeat() -> tuple[Heartbeat, Clock]:
    clock = Clock()
    return Heartbeat(clock, RESYNC), clock


def test_a_quiet_cluster_is_a_healthy_one() -> None:
    beat, clock = heartbeat()
    for _ in range(20):
        clock.now += RESYNC
        beat.resync()
    assert beat.complaints(0) == []


def test_a_resync_that_does_not_come_is_a_complaint() -> None:
    beat, clock = heartbeat()
    clock.now = 2 * RESYNC + 61
    assert beat.complaints(0) == ["no resync for 1261 s"]


def test_work_that_does_not_end_is_a_complaint() -> None:
    beat, _ = heartbeat()
    assert beat.complaints(299) == []
    assert beat.complaints(301) == ["a model has been waiting for 301 s"]


def test_a_watch_that_is_late_is_forgiven() -> None:
    beat, clock = heartbeat()
    beat.missed(names.POD, 7)
    clock.now = 30
    beat.event(names.POD, 7)
    clock.now = 100
    assert beat.complaints(0) == []


def test_a_watch_that_is_dead_is_found_by_the_next_list() -> None:
    """The other kinds are reported as ever: the age of the last event alone would not show it."""
    beat, clock = heartbeat()
    beat.event(names.POD, 5)
    beat.missed(names.POD, 7)
    clock.now = 61
    beat.event(names.SERVICE, 9)
    assert beat.complaints(0) == ["the watch of pods has missed an object for 61 s"]


def test_what_the_watch_has_reported_is_not_missed() -> None:
    beat, clock = heartbeat()
    beat.event(names.POD, 9)
    beat.missed(names.POD, 7)
    clock.now = 100
    assert beat.complaints(0) == []
