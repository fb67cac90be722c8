"""Who has to go where there are too many connections, without sockets."""

from dataclasses import dataclass, field

from paddlemodel_server.http.timeouts import ConnectionLimit


@dataclass
class Transport:
    """A transport with so many bytes that its client has not read."""

    unread: int = 0
    told: list[str] = field(default_factory=list)

    def is_closing(self) -> bool:
        return bool(self.told)

    def get_write_buffer_size(self) -> int:
        return self.unread

    def close(self) -> None:
        self.told.append("close")

    def abort(self) -> None:
        self.told.append("abort")


@dataclass
class Owed:
    """What a client owes, and since when."""

    what: str
    since: float


@dataclass(eq=False)
class Connection:
    """A client that owes us its next request, or, without `what`, waits for our answer."""

    since: float
    what: str = "request"
    unread: int = 0

    def __post_init__(self) -> None:
        self.owed = Owed(self.what, self.since)
        self.transport = Transport(self.unread)

    @property
    def told(self) -> list[str]:
        return self.transport.told


def full(*connections: Connection) -> ConnectionLimit:
    limit = ConnectionLimit(len(connections))
    assert all(limit.enter(connection) for connection in connections)
    assert [connection.told for connection in connections] == [[]] * len(connections)
    return limit


def test_who_keeps_us_waiting_longest_gives_way() -> None:
    first, second = Connection(since=2), Connection(since=1)
    newcomer = Connection(since=3)
    assert full(first, second).enter(newcomer)
    assert (first.told, second.told, newcomer.told) == ([], ["close"], [])


def test_who_does_not_read_its_answer_is_not_waited_for() -> None:
    """Closing would keep the connection until the client has read, so that the limit would be none."""
    hoarder, idle = Connection(since=1, what="reading", unread=1), Connection(since=2)
    limit = full(hoarder, idle)
    assert limit.enter(Connection(since=3))
    assert (hoarder.told, idle.told) == (["abort"], [])


def test_who_waits_for_us_stays_and_the_newcomer_is_refused() -> None:
    waiting = [Connection(since=n, what="") for n in range(3)]
    assert not full(*waiting).enter(Connection(since=9))
    assert [connection.told for connection in waiting] == [[]] * 3


def test_who_left_takes_no_room() -> None:
    staying, leaving = Connection(since=2), Connection(since=1)
    limit = full(staying, leaving)
    limit.leave(leaving)
    assert limit.enter(Connection(since=3))
    assert (staying.told, leaving.told) == ([], [])
