"""Who leads: the election against a table of one Lease, with clocks that the tests turn."""

import asyncio
import copy
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paddlemodel_operator.base.errors import ApiError
from paddlemodel_operator.cluster.api import Api
from paddlemodel_operator.cluster.election import RETRY, VALID, Election
from paddlemodel_operator.settings import Settings

from tests.operator.support.election.lease_table import LEASE, SECONDS, Server, World


@pytest.fixture
def world() -> World:
    return World()


async def test_the_first_one_leads_and_the_second_one_waits(world: World) -> None:
    first, second = world.candidate("a"), world.candidate("b", skew=5)
    await first.step()
    await second.step()
    assert (first.remaining(), second.remaining() > 0) == (VALID * SECONDS, False)
    assert world.server.spec["holderIdentity"] == "a"
    assert world.server.spec["leaseDurationSeconds"] == SECONDS
    assert world.server.writes == 1


async def test_a_renewal_keeps_it_and_is_one_request(world: World) -> None:
    first = world.candidate("a")
    await first.step()
    acquired = world.server.spec["acquireTime"]
    world.server.time = 2
    await first.step()
    assert first.remaining() == VALID * SECONDS
    assert (world.server.spec["acquireTime"], world.server.spec["leaseTransitions"]) == (acquired, 0)
    assert world.server.spec["renewTime"] == "2026-01-01T00:00:02.000000Z"
    assert world.server.writes == 2


async def test_a_renewal_counts_from_before_it_was_sent(world: World) -> None:
    """Or the others, who count from when it was done, could be earlier."""
    first = world.candidate("a")
    await first.step()
    world.server.latency = 4
    await first.step()
    assert first.remaining() == VALID * SECONDS - 4


@pytest.mark.parametrize("skew", [-10, 0, 10])
async def test_who_waits_counts_by_its_own_clock_from_the_last_change(world: World, skew: float) -> None:
    """Whatever time of day the holder wrote: hours ago, or in hours."""
    first, second = world.candidate("a"), world.candidate("b", skew)
    await first.step()
    await second.step()
    world.server.time = 6
    await first.step()
    world.server.time = 7
    await second.step()
    world.server.time = 7 + SECONDS - 0.1
    await second.step()
    assert second.remaining() <= 0
    world.server.time = 7 + SECONDS
    await second.step()
    assert second.remaining() > 0
    assert (world.server.spec["holderIdentity"], world.server.spec["leaseTransitions"]) == ("b", 1)


async def test_one_that_was_frozen_may_not_write_and_gives_way(world: World) -> None:
    first, second = world.candidate("a"), world.candidate("b")
    await first.step()
    await second.step()
    world.server.time = SECONDS
    assert first.remaining() <= 0  # Before it has asked anybody.
    await second.step()
    await first.step()
    assert (first.remaining() > 0, second.remaining() > 0) == (False, True)
    assert world.server.spec["holderIdentity"] == "b"


async def test_what_is_given_back_is_taken_at_once(world: World) -> None:
    first, second = world.candidate("a"), world.candidate("b")
    await first.step()
    await second.step()
    await first._release()
    assert first.remaining() <= 0
    await second.step()
    assert second.remaining() > 0


async def test_nobody_gives_back_what_another_one_holds(world: World) -> None:
    first, second = world.candidate("a"), world.candidate("b")
    await first.step()
    await second.step()
    await second._release()
    assert world.server.spec["holderIdentity"] == "a"


async def test_a_server_that_is_down_ends_the_right_to_write_and_then_it_goes_on(world: World) -> None:
    first = world.candidate("a")
    await first.step()
    world.server.fault = ApiError(0, "Unreachable", "")
    world.server.time = 9
    await first.step()
    assert first.remaining() == pytest.approx(1)
    world.server.time = 11
    await first.step()
    assert first.remaining() <= 0
    world.server.fault = None
    await first.step()
    assert first.remaining() > 0
    assert world.server.spec["leaseTransitions"] == 0


async def test_a_renewal_whose_answer_was_lost_is_known_again(world: World) -> None:
    """Its own newer version: the next write fails with a conflict, and a look says who holds it."""
    first, second = world.candidate("a"), world.candidate("b")
    await first.step()
    await second.step()
    acquired = world.server.spec["acquireTime"]
    world.server.lost, world.server.time = True, 5
    await first.step()
    assert first.remaining() == VALID * SECONDS - 5  # It may not count on what it was not told.
    assert world.server.spec["renewTime"] == "2026-01-01T00:00:05.000000Z"
    world.server.lost, world.server.time = False, 7
    await first.step()
    assert first.remaining() == VALID * SECONDS
    assert (world.server.spec["acquireTime"], world.server.spec["leaseTransitions"]) == (acquired, 0)
    await second.step()
    assert second.remaining() <= 0


async def test_a_lease_that_was_made_and_not_told_so_is_taken_up(world: World) -> None:
    first = world.candidate("a")
    world.server.lost = True
    await first.step()
    assert (first.remaining() > 0, world.server.spec["holderIdentity"]) == (False, "a")
    world.server.lost, world.server.time = False, 2
    await first.step()
    assert first.remaining() == VALID * SECONDS
    assert (world.server.writes, world.server.spec["leaseTransitions"]) == (2, 0)


async def test_a_person_may_label_or_delete_the_lease(world: World) -> None:
    first = world.candidate("a")
    await first.step()
    assert world.server.lease is not None
    world.server.write(world.server.lease)
    world.server.time = 5
    await first.step()
    assert first.remaining() == VALID * SECONDS
    world.server.lease = None
    world.server.time = 9
    await first.step()
    assert first.remaining() == VALID * SECONDS
    assert world.server.spec["holderIdentity"] == "a"


async def test_a_lease_that_a_person_has_emptied_is_taken(world: World) -> None:
    world.server.write({"metadata": {}, "spec": {}})
    await (first := world.candidate("a")).step()
    assert first.remaining() > 0


async def test_who_sees_another_holder_stops_at_once(world: World) -> None:
    """Somebody has written it by hand, say: what is left of our own time counts no more."""
    first = world.candidate("a")
    await first.step()
    assert world.server.lease is not None
    world.server.lease["spec"]["holderIdentity"] = "b"
    world.server.write(world.server.lease)
    await first.step()
    assert first.remaining() <= 0
    assert world.server.spec["holderIdentity"] == "b"


MOVES = st.lists(
    st.tuples(
        st.integers(0, 2),  # who
        st.sampled_from(["step", "step", "step", "die", "release"]),
        st.sampled_from([0.0, 1.0, 2.0, 2.0, 5.0, 9.9, 10.0, 15.0, 40.0]),  # seconds before it
        st.sampled_from([0.0, 0.0, 0.5, 4.0, 12.0]),  # of each request
        st.sampled_from(["", "", "", "lost", "409", "500"]),  # what goes wrong
    ),
    max_size=60,
)


@given(MOVES)
@settings(max_examples=150)
def test_never_do_two_lead(moves: list[tuple[int, str, float, float, str]]) -> None:
    """Frozen for any time, dead and started anew, behind slow and failing servers, in any order."""

    async def play() -> None:
        world = World()
        names_ = iter(range(1000))
        candidates = [world.candidate(f"c-{next(names_)}", skew=number - 1) for number in range(3)]
        for who, action, pause, latency, fault in moves:
            world.server.time += pause
            world.server.latency = latency
            world.server.fault = ApiError(int(fault), "", "") if fault.isdecimal() else None
            world.server.lost = fault == "lost"
            if action == "die":
                candidates[who] = world.candidate(f"c-{next(names_)}", skew=who)
            elif action == "release":
                await candidates[who]._release()
            else:
                await candidates[who].step()
            assert sum(one.remaining() > 0 for one in candidates) <= 1

    asyncio.run(play())


async def until(check: Any) -> None:
    async with asyncio.timeout(60):
        while not check():  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.01)


async def test_the_work_begins_and_ends_with_the_lease() -> None:
    """On the real clock: begun, again after a failure of ours, ended by a loss, given back at the end."""
    server, log = Server(), list[str]()

    async def lead() -> None:
        log.append("begin")
        if len(log) == 1:
            raise ValueError("a fault of ours")
        try:
            await asyncio.Event().wait()
        finally:
            log.append("end")

    task = asyncio.create_task(Election(cast("Api", server), LEASE, "a", 1).run(lead))
    await until(lambda: log == ["begin", "begin"])
    assert server.lease is not None
    theirs = copy.deepcopy(server.lease)
    theirs["spec"] |= {"holderIdentity": "b", "leaseDurationSeconds": 1}
    server.write(theirs)
    await until(lambda: log == ["begin", "begin", "end", "begin"])  # b never renews
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert log[-1] == "end"
    assert server.spec["holderIdentity"] == ""


def test_another_one_takes_over_within_20_seconds() -> None:
    """At worst a renewal is seen one pause after it was made, and its end is waited for to the moment."""
    assert (1 + RETRY) * Settings().lease_seconds <= 18
