"""Which requests run together: tables of decisions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paddlemodel_server.engine.run_sizes import best_size, padded_size, warm_sizes
from paddlemodel_server.worker.batching import Waiting

CHEAP = {1: 1.0, 2: 1.0, 4: 1.0, 8: 1.0}  # a run costs the same whatever its size: a tiny model
LINEAR = {1: 1.0, 2: 2.0, 4: 4.0, 8: 8.0}  # batching gains nothing: a convolutional network on a CPU
USEFUL = {1: 1.0, 2: 1.2, 4: 1.6, 8: 2.4}  # batching gains something: a GPU


@pytest.mark.parametrize(
    ("rows", "sizes", "expected"),
    [
        pytest.param(1, CHEAP, 1, id="one-row"),
        pytest.param(3, CHEAP, 4, id="padding-is-free"),
        pytest.param(100, CHEAP, 8, id="never-more-than-warmed"),
        pytest.param(8, LINEAR, 1, id="no-gain-keeps-runs-short"),
        pytest.param(8, USEFUL, 8, id="gain"),
        pytest.param(3, USEFUL, 4, id="padding-pays"),
        pytest.param(5, USEFUL, 4, id="padding-does-not-pay"),
        pytest.param(2, {1: 1.0, 8: 100.0}, 1, id="a-slow-large-run"),
    ],
)
def test_the_best_size_answers_most_rows_per_second(
    rows: int, sizes: dict[int, float], expected: int
) -> None:
    assert best_size(rows, sizes) == expected


@pytest.mark.parametrize(("rows", "expected"), [(1, 1), (3, 4), (8, 8), (9, 9)])
def test_rows_are_padded_to_a_warmed_size(rows: int, expected: int) -> None:
    assert padded_size(rows, CHEAP) == expected


@pytest.mark.parametrize(("cap", "sizes"), [(1, [1]), (6, [1, 2, 4, 6]), (16, [1, 2, 4, 8, 16])])
def test_warm_sizes(cap: int, sizes: list[int]) -> None:
    assert warm_sizes(cap) == sizes


def waiting(*requests: tuple[str, str, int], together: int = 1) -> Waiting[str]:
    """Requests (name, kind, rows); a request's slot is its place. `together`: how many come at a time."""
    queue: Waiting[str] = Waiting()
    slots: list[int] = []
    for at, (name, kind, rows) in enumerate(requests):
        slots.append(at)
        if len(slots) == together or at + 1 == len(requests) or requests[at + 1][1:] != (kind, rows):
            queue.add(name, slots, kind, rows, float(slots[0]))
            slots = []
    return queue


def taken(queue: Waiting[str], sizes: dict[int, float]) -> list[list[int]]:
    runs = []
    while queue.count:
        runs.append([slot for job in queue.take(sizes) for slot in job.slots])
    return runs


def test_only_the_same_shapes_run_together_and_the_oldest_first() -> None:
    queue = waiting(("a", "small", 1), ("b", "large", 1), ("c", "small", 1), ("d", "large", 1))
    assert taken(queue, CHEAP) == [[0, 2], [1, 3]]


def test_without_sizes_every_request_runs_alone() -> None:
    assert taken(waiting(("a", "k", 1), ("b", "k", 1)), {}) == [[0], [1]]


def test_requests_stay_whole() -> None:
    queue = waiting(("a", "k", 3), ("b", "k", 3), ("c", "k", 3), ("d", "k", 20), ("e", "k", 1))
    assert taken(queue, CHEAP) == [[0, 1], [2], [3], [4]]


@pytest.mark.parametrize("rows", [1, 2])
def test_requests_that_came_together_may_part(rows: int) -> None:
    queue = waiting(*[("http_worker", "k", rows)] * 11, together=11)
    assert taken(queue, CHEAP) == (
        [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10]] if rows == 1 else [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    )


def test_without_a_number_of_rows_every_request_runs_alone() -> None:
    assert taken(waiting(*[("http_worker", "k", 0)] * 3, together=3), CHEAP) == [[0], [1], [2]]


def test_a_full_run_starts_at_once_and_others_wait_for_company() -> None:
    queue = waiting(("a", "k", 1), ("b", "k", 1))
    assert queue.wake_at(2, max_delay=5) == 0
    assert queue.wake_at(3, max_delay=5) == 5


def test_requests_of_a_lost_http_worker_are_forgotten() -> None:
    queue = waiting(("a", "k", 1), ("b", "k", 1), ("c", "other", 1))
    queue.drop(lambda source: source in {"a", "c"})
    assert (queue.count, taken(queue, CHEAP)) == (1, [[1]])


@given(
    st.lists(st.tuples(st.sampled_from("xyz"), st.integers(1, 20)), max_size=60),
    st.sampled_from([CHEAP, LINEAR, USEFUL, {}]),
    st.integers(1, 9),
)
def test_every_request_is_taken_once_and_in_order(
    requests: list[tuple[str, int]], sizes: dict[int, float], together: int
) -> None:
    queue = waiting(*(("http_worker", kind, rows) for kind, rows in requests), together=together)
    runs = taken(queue, sizes)
    order = [slot for run in runs for slot in run]
    for run in runs:
        assert len({requests[slot][0] for slot in run}) == 1
        assert len(run) == 1 or sum(requests[slot][1] for slot in run) <= max(sizes)
    assert sorted(order) == list(range(len(requests)))
    for kind in "xyz":
        same = [at for at in order if requests[at][0] == kind]
        assert same == sorted(same)
