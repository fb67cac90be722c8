"""The adapter's benchmark judges rightly; it measures real servers, which need no imitation here."""

from dataclasses import replace

import pytest

from benchmarks.adapter import pods, report
from benchmarks.adapter.asking import Round
from benchmarks.adapter.report import Results
from benchmarks.adapter.steps import Step, Steps
from benchmarks.adapter.world import Fleet

GOOD = Round(
    latencies_ms=[float(number) for number in range(1, 101)],
    wrong=0,
    seconds=10.0,
    cpu_seconds=4.0,
    memory_mb=80.0,
)


def results(*rounds: Round) -> Results:
    step = Step(name="list the pods of a model", each_ms=2.0, times=500)
    return Results(
        fleet=Fleet(500, 4),
        machine="a machine",
        rounds={"ours": {"spread": [*rounds], "burst": [*rounds]}},
        steps=Steps(ours=[step], full_parser=replace(step, name="another parser")),
    )


def verdicts(found: Results) -> list[str]:
    _, _, targets = report.text(found).partition("targets\n")
    return [line.split()[-1] for line in targets.splitlines()]


def test_percentiles_are_of_what_was_measured() -> None:
    assert (GOOD.percentile(0.5), GOOD.percentile(0.99)) == (51.0, 100.0)


def test_a_good_round_meets_every_target() -> None:
    assert verdicts(results(replace(GOOD, latencies_ms=[99.0]))) == ["met"] * 4


@pytest.mark.parametrize(
    ("bad", "number"),
    [
        pytest.param(replace(GOOD, seconds=15.1), 0, id="too-late"),
        pytest.param(replace(GOOD, latencies_ms=[100.1]), 1, id="too-slow"),
        pytest.param(replace(GOOD, memory_mb=100.1), 2, id="too-large"),
        pytest.param(replace(GOOD, wrong=1), 3, id="wrong"),
    ],
)
def test_a_missed_target_says_so(bad: Round, number: int) -> None:
    found = verdicts(results(bad))
    assert found[number] == "MISSED"


def test_one_wrong_round_among_good_ones_is_told() -> None:
    found = report.text(results(GOOD, replace(GOOD, wrong=2), GOOD))
    assert "2 WRONG" in found


def test_what_no_step_explains_is_the_rest() -> None:
    lines = report.text(results(GOOD)).splitlines()
    (listed,) = (line for line in lines if line.startswith("list the pods"))
    (rest,) = (line for line in lines if line.startswith("the rest"))
    assert listed.split()[-3:] == ["2.000", "500", "1.00"]
    assert rest.split()[-1] == "3.00"


def test_every_pod_has_an_address_of_its_own() -> None:
    assert len({pods.address(number) for number in range(2000)}) == 2000
