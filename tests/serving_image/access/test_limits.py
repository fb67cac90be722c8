"""Limits as numbers: what is let through when, and how they are written."""

import os
import random
from collections.abc import Iterator

import pytest
from paddlemodel_server.access import limits
from paddlemodel_server.access.keys import Client
from paddlemodel_server.access.limiter import Limiter
from paddlemodel_server.access.limits import Limit
from paddlemodel_server.errors import RateLimitedError
from paddlemodel_server.ipc import limit_table
from paddlemodel_server.ipc.limit_table import LimitTable

SECOND = 1_000_000_000
ALICE, BOB = Client("alice"), Client("bob")


class Clock:
    now = 5 * SECOND

    def __call__(self) -> int:
        return self.now


class World:
    """A limiter whose time the test decides."""

    def __init__(self, fd: int, *found: Limit) -> None:
        self.clock = Clock()
        self.table = LimitTable(fd, len(found))
        self.limiter = Limiter(found, None, self.table, self.clock)

    def ask(self, peer: str = "10.0.0.1", client: Client | None = ALICE) -> RateLimitedError | None:
        try:
            self.limiter.check(self.limiter.charges(peer, None, client))
        except RateLimitedError as error:
            return error
        return None

    def passed(self, times: int, **who: object) -> int:
        return sum(self.ask(**who) is None for _ in range(times))  # type: ignore[arg-type]


@pytest.fixture
def fd() -> Iterator[int]:
    found = limit_table.create(2, bytes(limit_table.SALT_BYTES))
    yield found
    os.close(found)


def limit(per: str, requests: int = 10, seconds: int = 10, burst: int = 3) -> Limit:
    return Limit(per=per, requests=requests, seconds=seconds, burst=burst)


def test_a_burst_and_then_a_rate(fd: int) -> None:
    world = World(fd, limit("Client"))
    assert world.passed(10) == 3
    world.clock.now += SECOND
    assert world.passed(10) == 1
    world.clock.now += SECOND - 1
    assert world.passed(10) == 0
    world.clock.now += 1
    assert world.passed(10) == 1
    world.clock.now += 3600 * SECOND  # what is not asked for is not saved up beyond the burst
    assert world.passed(10) == 3


def test_over_any_time_never_more_than_burst_and_rate(fd: int) -> None:
    world, chance, times = World(fd, limit("Client")), random.Random(1), []
    for _ in range(3000):
        world.clock.now += chance.randrange(SECOND)
        times += [world.clock.now] * world.passed(chance.randrange(4))
    for first in range(0, len(times), 7):
        for last in range(first, min(len(times), first + 60)):
            assert last - first + 1 <= 3 + (times[last] - times[first]) / SECOND


def test_each_client_and_each_address_has_its_own(fd: int) -> None:
    world = World(fd, limit("Client"), limit("Address", burst=5))
    assert [world.passed(9, client=ALICE), world.passed(9, client=BOB)] == [3, 2]
    assert world.passed(9, peer="10.0.0.2", client=BOB) == 1


def test_the_model_has_one_for_all(fd: int) -> None:
    world = World(fd, limit("Model"))
    assert world.passed(2, client=ALICE) + world.passed(9, client=BOB, peer="10.0.0.9") == 3


def test_what_is_refused_costs_nothing(fd: int) -> None:
    """Neither the limit that refuses nor another one; else a client that keeps asking would never pass."""
    world = World(fd, limit("Client", burst=1), limit("Model", burst=100))
    charges = world.limiter.charges("10.0.0.1", None, ALICE)
    assert world.passed(1000) == 1
    assert world.table.left(charges[1], world.clock.now) == 99
    world.clock.now += SECOND
    assert world.passed(1000) == 1


def test_a_request_without_a_valid_key_costs_its_address_and_nobody_else(fd: int) -> None:
    world = World(fd, limit("Address"), limit("Model"))
    for _ in range(3):
        world.limiter.check(world.limiter.unknown("10.0.0.1", None))
    with pytest.raises(RateLimitedError):
        world.limiter.check(world.limiter.unknown("10.0.0.1", None))
    assert world.passed(9, peer="10.0.0.2") == 3


def test_what_a_client_is_told(fd: int) -> None:
    world = World(fd, limit("Client", requests=2, seconds=60, burst=1), limit("Model", burst=50))
    assert world.ask() is None
    world.clock.now += 12 * SECOND
    error = world.ask()
    assert error is not None
    assert error.message == (
        "More requests than this client may send: 2 in 60 seconds; try again in 18 seconds."
    )
    assert error.headers == (
        ("RateLimit-Policy", '"client";q=2;w=60'),
        ("RateLimit", '"client";r=0;t=18'),
        ("Retry-After", "18"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "[1]",
        '[{"per":"Client"}]',
        '[{"per":"Everybody","requests":1,"seconds":1}]',
        '[{"per":["Client"],"requests":1,"seconds":1}]',
        '[{"per":"Client","requests":0,"seconds":1}]',
        '[{"per":"Client","requests":1.5,"seconds":1}]',
        '[{"per":"Client","requests":true,"seconds":1}]',
        '[{"per":"Client","requests":1,"seconds":86401}]',
        '[{"per":"Client","requests":1,"seconds":1,"burst":0}]',
        '[{"per":"Client","requests":1,"seconds":1,"rate":1}]',
        "[" + ",".join(['{"per":"Model","requests":1,"seconds":1}'] * 9) + "]",
    ],
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's and ours
        limits.read(text)


def test_a_burst_is_all_of_the_requests_by_default() -> None:
    (found,) = limits.read('[{"per":"Model","requests":7,"seconds":60}]')
    assert found == Limit(per="Model", requests=7, seconds=60, burst=7)
