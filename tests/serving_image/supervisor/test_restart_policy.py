"""What follows from a worker's death."""

import signal

import pytest
from paddlemodel_server.metrics.catalog import ENDINGS
from paddlemodel_server.supervisor.restart_policy import (
    CRASHES,
    SHORT_LIVES,
    Death,
    History,
    InVain,
    last_word,
)

SEGFAULT = Death(exit_code=-signal.SIGSEGV)
KILLED = Death(exit_code=-signal.SIGKILL)
OUT_OF_MEMORY = Death(exit_code=-signal.SIGKILL, out_of_memory=True)
STUCK = Death(exit_code=-signal.SIGKILL, stuck=True)
LOADING = Death(exit_code=-signal.SIGKILL, loading=True)


def after(*ready_seconds: float | None) -> History:
    history = History()
    for seconds in ready_seconds:
        history = history.after(seconds)
    return history


@pytest.mark.parametrize(
    ("lives", "hopeless", "wait"),
    [
        pytest.param([None], False, 0.0, id="the-first-is-replaced-at-once"),
        pytest.param([None] * 3, False, 1.0, id="then-with-growing-pauses"),
        pytest.param([None] * (CRASHES - 1), False, 2.0, id="one-more-chance"),
        pytest.param([None] * CRASHES, True, 4.0, id="never-ready"),
        pytest.param([None] * (CRASHES - 1) + [1.0, None], False, 0.0, id="ready-once-is-a-new-count"),
        pytest.param([5.0] * (SHORT_LIVES - 1), False, 2.0, id="short-lives-wait-too"),
        pytest.param([5.0] * SHORT_LIVES, True, 4.0, id="ready-but-never-for-long"),
        pytest.param([5.0] * (SHORT_LIVES - 1) + [3600.0, 5.0], False, 0.0, id="a-long-life-forgives"),
        pytest.param([3600.0] * 50, False, 0.0, id="an-worker-that-dies-now-and-then-is-replaced-for-ever"),
    ],
)
def test_when_to_start_again_and_when_to_give_up(
    lives: list[float | None], hopeless: bool, wait: float
) -> None:
    history = after(*lives)
    assert (history.hopeless, history.wait_seconds) == (hopeless, wait)


@pytest.mark.parametrize(
    ("death", "words"),
    [
        (SEGFAULT, "signal SIGSEGV"),
        (KILLED, "signal SIGKILL"),
        (OUT_OF_MEMORY, "signal SIGKILL, out of memory"),
        (STUCK, "signal SIGKILL, since its run did not end"),
        (LOADING, "signal SIGKILL, since its load did not end"),
        (Death(exit_code=7), "exit code 7"),
    ],
)
def test_how_in_words(death: Death, words: str) -> None:
    assert str(death) == words
    assert death.kind in ENDINGS


@pytest.mark.parametrize(
    ("death", "cure"),
    [
        (SEGFAULT, "export it again with the Paddle version of this image"),
        (
            OUT_OF_MEMORY,
            "limit, which is 512 MiB, or set PADDLEMODEL_WORKERS or PADDLEMODEL_MAX_BATCH_SIZE lower.",
        ),
        (KILLED, "It was killed from outside"),
        (STUCK, "Raise PADDLEMODEL_TIMEOUT_SECONDS"),
        (LOADING, "Raise PADDLEMODEL_LOAD_TIMEOUT_SECONDS"),
        (Death(exit_code=-signal.SIGILL), "choose another node"),
        (Death(exit_code=1), "The cause is in the container's log."),
    ],
)
def test_the_last_word_names_model_fault_and_cure(death: Death, cure: str) -> None:
    word = last_word("resnet50", after(*[None] * CRASHES), death, 512 << 20)
    assert word.startswith(
        f"The process that loads the model resnet50 ended 5 times in a row, the last time by {death}. "
    )
    assert cure in word


def test_a_model_that_loads_and_then_dies_is_told_apart() -> None:
    word = last_word("resnet50", after(*[2.0] * SHORT_LIVES), SEGFAULT, 1 << 30)
    assert "The process that runs the model resnet50 ended 10 times, each soon after its start" in word


@pytest.mark.parametrize(
    ("death", "of_requests"),
    [
        (Death(exit_code=-signal.SIGSEGV, in_run=True), True),
        (Death(exit_code=-signal.SIGABRT, in_run=True), True),
        (Death(exit_code=-signal.SIGKILL, out_of_memory=True, in_run=True), True),
        (Death(exit_code=-signal.SIGKILL, stuck=True, in_run=True), True),
        (Death(exit_code=-signal.SIGSEGV), False),
        (Death(exit_code=-signal.SIGKILL, in_run=True), False),
        (Death(exit_code=-signal.SIGTERM, in_run=True), False),
        (Death(exit_code=4, in_run=True), False),
    ],
)
def test_requests_are_to_blame_only_for_crashes_in_their_run(death: Death, of_requests: bool) -> None:
    assert death.of_requests is of_requests


FATAL = Death(exit_code=-signal.SIGSEGV, in_run=True, first_run=True)
LATER = Death(exit_code=-signal.SIGSEGV, in_run=True)
STARVED = Death(exit_code=-signal.SIGKILL, out_of_memory=True, in_run=True, first_run=True)


def told(*deaths: Death) -> list[str]:
    in_vain = InVain()
    found = [in_vain.after("cats", death, 1 << 30) for death in deaths]
    return [sentence for sentence in found if sentence]


def test_a_model_that_answers_nobody_is_told_of_once() -> None:
    """Its deaths count in no crash loop, since one client can cause them; but people must hear of it."""
    (sentence,) = told(*[FATAL] * 20)
    assert sentence.startswith("5 processes in a row that run the model cats ended in their first run")
    assert "the last by signal SIGSEGV" in sentence
    assert sentence.endswith("export it again with the Paddle version of this image.")
    assert "Raise the container's memory limit, which is 1024 MiB" in told(*[STARVED] * 5)[0]


@pytest.mark.parametrize("between", [LATER, SEGFAULT, KILLED, STUCK])
def test_an_answer_in_between_makes_it_a_matter_of_single_requests(between: Death) -> None:
    assert told(*[FATAL] * 4, between, *[FATAL] * 4) == []
