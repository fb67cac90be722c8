"""The differences of counters that start again, come and go."""

import pytest
from paddlemodel_api import contract
from paddlemodel_operator.rollout.counting import Count, Counters, Series, read_counters
from paddlemodel_operator.rollout.judgement import Agreement, Window


def counters(requests: float, errors: float = 0.0) -> Counters:
    page: list[Series] = [
        (contract.REQUESTS_METRIC, {"route": "predict", "status": "200"}, requests - errors),
        (contract.REQUESTS_METRIC, {"route": "infer", "status": "503"}, errors),
        (contract.DURATIONS_METRIC, {"route": "predict", "le": "0.1"}, requests / 2),
        (contract.DURATIONS_METRIC, {"route": "predict", "le": "+Inf"}, requests),
        (contract.SECONDS_METRIC, {"route": "predict"}, requests / 10),
    ]
    return read_counters(page)


def test_what_a_page_says() -> None:
    count = Count(frozenset())
    count.add("a", counters(40, 4))
    assert count.window == Window(requests=40, errors=4, buckets=((0.1, 20), (float("inf"), 40)), seconds=4.0)


def test_a_pod_that_was_there_counts_from_its_first_reading() -> None:
    count = Count(frozenset({"a"}))
    count.add("a", counters(1000, 100))
    assert count.window.requests == 0
    count.add("a", counters(1010, 101))
    assert (count.window.requests, count.window.errors) == (10, 1)


def test_a_pod_that_came_later_counts_from_its_start_and_one_that_went_stays_counted() -> None:
    count = Count(frozenset({"a"}))
    count.add("a", counters(5))
    count.add("a", counters(9))
    count.add("b", counters(7))
    assert count.window.requests == 11
    count.add("b", counters(8))
    assert count.window.requests == 12


def test_a_server_that_has_started_again_counts_from_0() -> None:
    count = Count(frozenset({"a"}))
    count.add("a", counters(1000))
    count.add("a", counters(1020))
    count.add("a", counters(3, 1))
    assert (count.window.requests, count.window.errors) == (23, 1)


IGNORED: dict[str, Series] = {
    "health": (contract.REQUESTS_METRIC, {"route": "health", "status": "500"}, 9.0),
    "a route that nobody announced": (contract.REQUESTS_METRIC, {"route": "x", "status": "200"}, 9.0),
    "a bucket without a bound": (contract.DURATIONS_METRIC, {"route": "predict", "le": "much"}, 9.0),
    "a mirror's word of no meaning": (contract.MIRROR_METRIC, {"result": "perhaps"}, 9.0),
    "what a mirror dropped": (contract.MIRROR_METRIC, {"result": "dropped"}, 9.0),
    "another metric": ("paddle_batch_rows", {"route": "predict"}, 9.0),
}


@pytest.mark.parametrize("line", IGNORED.values(), ids=IGNORED)
def test_what_does_not_count(line: Series) -> None:
    assert read_counters([line]) == {}


def test_what_mirrors_compared() -> None:
    count = Count(frozenset())
    for pod in ("a", "b"):
        count.add(
            pod,
            read_counters(
                (contract.MIRROR_METRIC, {"result": result}, value)
                for result, value in (("agree", 90.0), ("differ", 6.0), ("error", 4.0), ("dropped", 50.0))
            ),
        )
    assert count.agreement == Agreement(compared=192, agreed=180, failed=8)
