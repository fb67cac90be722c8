"""When a worker that has grown is replaced, and in which order."""

import pytest
from paddlemodel_server.supervisor.recycling import (
    PAUSE_SECONDS,
    Limit,
    Recycler,
    Retire,
    Seen,
    Start,
    Step,
    limit,
)
from paddlemodel_server.supervisor.sizing import SHARE_OF_MEMORY, Choice

MIB = 1 << 20
BOUNDS = Limit(bytes=500 * MIB, spare=True)
TIGHT = Limit(bytes=500 * MIB, spare=False)


def seen(*mib: int) -> list[Seen]:
    """Ready workers at the places 0, 1, …; a place with 0 MiB has none."""
    return [Seen(index=index, bytes=size * MIB) for index, size in enumerate(mib) if size]


def choice(workers: int, http_workers: int = 1) -> Choice:
    return Choice(http_workers=http_workers, workers=workers, because="")


@pytest.mark.parametrize(
    ("chosen", "memory_mib", "warm_mib", "workers", "gpu", "expected"),
    [
        pytest.param(None, 4096, 300, 2, False, (1629, True, False), id="memory-less-one-copy-shared-out"),
        pytest.param(None, 1024, 300, 1, False, (493, True, False), id="room-for-two"),
        pytest.param(None, 800, 300, 1, False, (592, False, False), id="no-room-for-two"),
        pytest.param(None, 400, 300, 1, False, (232, False, True), id="hardly-room-for-one"),
        pytest.param(None, 100, 300, 1, False, (0, False, True), id="room-for-none"),
        pytest.param(None, 4096, 300, 1, True, (3558, False, False), id="a-gpu-may-not-hold-two"),
        pytest.param(400, 4096, 300, 2, False, (400, True, False), id="chosen"),
        pytest.param(400, 1000, 300, 2, False, (400, False, False), id="chosen-without-room"),
        pytest.param(310, 4096, 300, 2, False, (310, True, True), id="chosen-too-low"),
    ],
)
def test_the_limit_follows_from_the_memory(
    chosen: int | None,
    memory_mib: int,
    warm_mib: int,
    workers: int,
    gpu: bool,
    expected: tuple[int, bool, bool],
) -> None:
    manifest = None if chosen is None else chosen * MIB
    found = limit(manifest, memory_mib * MIB, warm_mib * MIB, choice(workers), gpu=gpu)
    assert (found.bytes // MIB, found.spare, found.useless) == expected
    if chosen is None and found.spare:
        needed = found.bytes * workers + warm_mib * MIB + 128 * MIB
        assert needed <= memory_mib * MIB * SHARE_OF_MEMORY


def test_nothing_happens_below_the_limit() -> None:
    assert Recycler().step(0, seen(400, 500), BOUNDS, 2) is None


def test_a_useless_limit_is_not_enforced() -> None:
    assert Recycler().step(0, seen(600), Limit(bytes=0, spare=False, useless=True), 1) is None


def test_the_successor_is_ready_before_the_worker_goes() -> None:
    recycler = Recycler()
    assert recycler.step(0, seen(400, 600), BOUNDS, 2) == Start(index=2)
    assert recycler.step(1, seen(400, 600), BOUNDS, None) is None
    assert recycler.step(2, seen(400, 600, 300), BOUNDS, None) == Retire(index=1, again=False, alone=False)
    assert recycler.busy
    assert recycler.ended(1)
    assert not recycler.busy


def test_the_largest_goes_first_and_one_at_a_time() -> None:
    recycler = Recycler()
    assert recycler.step(0, seen(600, 700), TIGHT, None) == Retire(index=1, again=True, alone=False)
    assert recycler.step(PAUSE_SECONDS * 9, seen(600), TIGHT, None) is None
    assert recycler.ended(1)
    assert recycler.step(PAUSE_SECONDS * 9, seen(600, 300), TIGHT, None) == Retire(
        index=0, again=True, alone=False
    )


def test_without_room_for_two_the_only_worker_goes_alone() -> None:
    assert Recycler().step(0, seen(600), TIGHT, 1) == Retire(index=0, again=True, alone=True)


def test_without_a_free_place_it_goes_first() -> None:
    assert Recycler().step(0, seen(600, 400), BOUNDS, None) == Retire(index=0, again=True, alone=False)


def test_a_successor_that_fails_leaves_the_worker_in_place() -> None:
    recycler = Recycler()
    recycler.step(0, seen(600), BOUNDS, 1)
    assert not recycler.ended(1)
    assert not recycler.busy
    assert recycler.step(1, seen(600), BOUNDS, 1) is None  # not at once again
    assert recycler.step(PAUSE_SECONDS, seen(600), BOUNDS, 1) == Start(index=1)


def test_a_worker_that_dies_meanwhile_needs_no_second_successor() -> None:
    recycler = Recycler()
    recycler.step(0, seen(600), BOUNDS, 1)
    assert not recycler.ended(0)
    assert not recycler.busy


def test_another_worker_s_death_changes_nothing() -> None:
    recycler = Recycler()
    recycler.step(0, seen(600, 400), BOUNDS, 2)
    assert recycler.ended(1)
    assert recycler.busy


def replaced_at(recycler: Recycler, until: int) -> list[int]:
    """The seconds at which a worker that is always too large is replaced."""
    found = []
    for second in range(until):
        step: Step = recycler.step(second, seen(600), TIGHT, None)
        if step:
            found.append(second)
            recycler.ended(0)
    return found


def test_a_worker_that_grows_at_once_is_replaced_ever_more_rarely() -> None:
    assert replaced_at(Recycler(), 20_000) == [0, 60, 180, 420, 900, 1860, 3780, 7380, 10980, 14580, 18180]


def test_after_a_calm_time_the_pause_is_short_again() -> None:
    recycler = Recycler()
    for now in (0, 60, 10_000):
        assert recycler.step(now, seen(600), TIGHT, None)
        recycler.ended(0)
    assert recycler.step(10_060, seen(600), TIGHT, None)
