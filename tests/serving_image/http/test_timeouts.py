"""What clients are waited for, until when, and who goes where there are too many, by a clock of the test."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from paddlemodel_server.http.timeouts import Awaited, ConnectionLimit, Deadline

from tests.serving_image.support.cycles import Transport


@dataclass
class Timer:
    when: float
    ring: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """Time passes when the test says so, and timers ring at their moment."""

    def __init__(self) -> None:
        self.now = 100.0
        self._timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        self._timers.append(Timer(when, callback))
        return self._timers[-1]

    def pass_by(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [timer for timer in self.waiting if timer.when <= until]:
            first = min(due, key=lambda timer: timer.when)
            self._timers.remove(first)
            self.now = max(self.now, first.when)
            first.ring()
        self.now = until

    @property
    def waiting(self) -> list[Timer]:
        return [timer for timer in self._timers if not timer.cancelled]


class Client:
    """One deadline, and what was late."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.late: list[tuple[Awaited, float]] = []
        self.deadline = Deadline(self.clock, lambda what: self.late.append((what, self.clock.now)))


@pytest.fixture
def client() -> Client:
    return Client()


def test_what_does_not_come_is_late_once_and_not_waited_for_any_more(client: Client) -> None:
    client.deadline.wait(Awaited.HEAD, 10)
    assert (client.deadline.what, client.deadline.since) == (Awaited.HEAD, 100)
    client.clock.pass_by(9)
    assert client.late == []
    client.clock.pass_by(100)
    assert client.late == [(Awaited.HEAD, 110)]
    assert client.deadline.what is None


def test_drips_win_no_time(client: Client) -> None:
    for _ in range(20):
        client.deadline.wait(Awaited.BODY, 10)
        client.clock.pass_by(1)
    assert client.late[0] == (Awaited.BODY, 110)


def test_what_has_come_is_not_late(client: Client) -> None:
    client.deadline.wait(Awaited.BODY, 10)
    client.clock.pass_by(5)
    client.deadline.clear()
    client.clock.pass_by(100)
    assert client.late == []


def test_a_longer_wait_moves_no_timer_and_is_kept_to(client: Client) -> None:
    client.deadline.wait(Awaited.HEAD, 10)
    client.deadline.clear()
    client.deadline.wait(Awaited.REQUEST, 75)
    assert len(client.clock.waiting) == 1
    client.clock.pass_by(74)
    assert client.late == []
    client.clock.pass_by(2)
    assert client.late == [(Awaited.REQUEST, 175)]


def test_a_shorter_wait_rings_sooner(client: Client) -> None:
    client.deadline.wait(Awaited.REQUEST, 75)
    client.deadline.wait(Awaited.LEAVING, 0.1)
    client.clock.pass_by(1)
    assert [what for what, _ in client.late] == [Awaited.LEAVING]
    assert len(client.clock.waiting) == 0


def test_a_thousand_requests_in_a_row_set_one_timer(client: Client) -> None:
    for _ in range(1000):
        client.deadline.clear()
        client.deadline.wait(Awaited.REQUEST, 75)
    assert len(client.clock.waiting) == 1


def test_a_connection_that_is_gone_leaves_no_timer(client: Client) -> None:
    client.deadline.wait(Awaited.BODY, 10)
    client.deadline.end()
    assert len(client.clock.waiting) == 0
    client.clock.pass_by(100)
    assert client.late == []


class Limited:
    """A connection whose client is waited for, or, without `what`, waits for our answer."""

    def __init__(self, since: float, what: Awaited | None = Awaited.REQUEST, unread: int = 0) -> None:
        clock = Clock()
        clock.now = since
        self.deadline = Deadline(clock, print)
        if what:
            self.deadline.wait(what, 10)
        self.transport = Transport()
        self.transport.unread = unread

    @property
    def closed(self) -> list[str]:
        return self.transport.did


def full(*connections: Limited) -> ConnectionLimit:
    limit = ConnectionLimit(len(connections))
    assert all(limit.enter(connection) for connection in connections)
    assert [connection.closed for connection in connections] == [[]] * len(connections)
    return limit


def test_who_keeps_us_waiting_longest_gives_way() -> None:
    first, second = Limited(since=2), Limited(since=1)
    newcomer = Limited(since=3)
    assert full(first, second).enter(newcomer)
    assert (first.closed, second.closed, newcomer.closed) == ([], ["close"], [])


def test_who_does_not_read_its_answer_is_not_waited_for() -> None:
    """Closing would keep the connection until the client has read, so that the limit would be none."""
    hoarder, idle = Limited(since=1, what=Awaited.READING, unread=1), Limited(since=2)
    limit = full(hoarder, idle)
    assert limit.enter(Limited(since=3))
    assert (hoarder.closed, idle.closed) == (["abort"], [])


def test_who_waits_for_us_stays_and_the_newcomer_is_refused() -> None:
    waiting = [Limited(since=n, what=None) for n in range(3)]
    assert not full(*waiting).enter(Limited(since=9))
    assert [connection.closed for connection in waiting] == [[]] * 3


def test_who_left_takes_no_room() -> None:
    staying, leaving = Limited(since=2), Limited(since=1)
    limit = full(staying, leaving)
    limit.leave(leaving)
    assert limit.enter(Limited(since=3))
    assert (staying.closed, leaving.closed) == ([], [])
