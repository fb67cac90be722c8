"""What is compared before anything is switched on: models that are wrong in each way that we know of."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paddlemodel_server.engine.autotune import Allowed
from paddlemodel_server.engine.interface import Array, Engine
from paddlemodel_server.engine.made_up import inputs
from paddlemodel_server.engine.warmup import Prepared, prepare
from paddlemodel_server.model.hazards import Hazards

from tests.serving_image.support.models.fake_predictor import Clock, Fake, asked, model, run

Answer = Callable[[Array], Array]

DEPENDENT: dict[str, Answer] = {
    "batch norm in training mode": lambda x: (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-5),
    "mean over the batch": lambda x: x * 0 + x.mean(),
    "sorted over the batch": lambda x: np.sort(x, axis=0),
    "sums that run on": lambda x: np.cumsum(x, axis=0),
    "a state from row to row": lambda x: np.stack([x[: at + 1].mean(axis=0) for at in range(len(x))]),
    "the largest of all above ten": lambda x: -x if x.max() > 10 else x,
    "the largest of all above a thousand": lambda x: -x if x.max() > 1000 else x,
    "the smallest of all below zero": lambda x: -x if x.min() < 0 else x,
    "each row but once": lambda x: np.unique(x, axis=0),
    "those above the middle": lambda x: x[x[:, 0] > 0.5],
    "the two best of all": lambda x: np.where(x >= np.sort(x.ravel())[-2], x, 0),
    "divided by their number": lambda x: x / len(x),
    "something else beyond seven rows": lambda x: x if len(x) < 8 else -x,
    "the first row is written": lambda x: np.concatenate([x[:1] * 0, x[1:]]),
    "scattered by rank": lambda x: x[np.argsort(x[:, 0])],
}
INDEPENDENT: dict[str, Answer] = {
    "a perceptron": lambda x: np.tanh(x @ np.full((3, 3), 0.3, np.float32)),
    "a softmax": lambda x: (
        np.exp(x - x.max(1, keepdims=True)) / np.exp(x - x.max(1, keepdims=True)).sum(1, keepdims=True)
    ),
    "tiny numbers": lambda x: x * np.float32(1e-7),
    "nothing but NaN": lambda x: x * np.float32(np.nan),
    "the largest of each row": lambda x: (x == x.max(axis=1, keepdims=True)).astype(np.float32),
}


@pytest.mark.parametrize("answer", DEPENDENT.values(), ids=DEPENDENT)
def test_rows_that_hear_each_other_never_share_a_run(answer: Answer) -> None:
    prepared = run(answer)
    assert prepared.sizes == {}
    assert prepared.notes["batching"].startswith("off: ")


@pytest.mark.parametrize("answer", INDEPENDENT.values(), ids=INDEPENDENT)
def test_rows_that_do_not_hear_each_other_share_runs(answer: Answer) -> None:
    assert list(run(answer).sizes) == [1, 2, 4, 8]


@settings(max_examples=60, deadline=None)
@given(threshold=st.floats(0.6, 29_000), sign=st.sampled_from([-1.0, 1.0]), seen=st.sampled_from([1, 0.5]))
def test_no_threshold_on_the_whole_batch_goes_unnoticed(threshold: float, sign: float, seen: float) -> None:
    """Whatever the number that is asked about: rows above and below it meet in the trial."""
    answer: Answer = lambda x: x * np.float32(seen if (sign * x).max() > threshold else 2)  # noqa: E731
    assert run(answer).sizes == {}


WRONG_FAST: dict[str, Answer] = {
    "for large numbers": lambda x: np.where(np.abs(x) > 5, x, x * 2),
    "for negative numbers": lambda x: np.where(x < 0, x, x * 2),
    "for zeros": lambda x: np.where(x == 0, 1, x * 2).astype(np.float32),
    "for equal numbers": lambda x: x * 2 + np.float32(x.std() == 0),
    "for several rows": lambda x: x * 2 + np.float32(len(x) > 2),
    "of small numbers": lambda x: x * 2 * np.float32(1.01),
}


@pytest.mark.parametrize("fast", WRONG_FAST.values(), ids=WRONG_FAST)
def test_onednn_that_is_wrong_somewhere_is_off(fast: Answer) -> None:
    prepared = run(lambda x: x * 2, fast)
    assert not prepared.engine.onednn
    assert prepared.notes["oneDNN"].startswith("off: tried, and it answers a request of shapes")


@pytest.mark.parametrize("output", [(3,), (1, 3)])
def test_several_rows_are_tried_where_the_answer_has_none(output: tuple[int, ...]) -> None:
    """Seed 597257569: oneDNN sums up in place what another output still needs, which one row hides."""
    plain: Answer = lambda x: x.sum(axis=0).reshape(output)  # noqa: E731
    fast: Answer = lambda x: plain(x) * np.float32(1 if len(x) == 1 else 2)  # noqa: E731
    prepared = run(plain, fast, described=model(output=output))
    assert not prepared.engine.onednn
    assert prepared.notes["oneDNN"].startswith("off: tried, and it answers a request of shapes")
    assert run(plain, described=model(output=output)).engine.onednn


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_nudge_moves_the_last_bits_to_either_side(dtype: str) -> None:
    """A factor that all have in common would move no model that normalises."""
    numbers = np.array([1, -256, 0, 3, 5, 7, 9, 11], dtype)
    (moved,) = inputs.nudged([numbers])
    assert moved.dtype == dtype
    by = (moved - numbers)[numbers != 0] / numbers[numbers != 0] * 2**20
    assert np.allclose(np.abs(by), 1, atol=0.2)
    assert {-1, 1} == set(np.sign(by))
    assert moved[2] == 0
    assert inputs.nudged([np.array([7])])[0].tolist() == [7]


def test_a_difference_that_the_model_makes_of_rounding_is_no_fault() -> None:
    """Close to a step both answers are as good: the plain one itself moves as much when it is nudged."""
    steep: Answer = lambda x: np.tanh((x - x.mean(axis=1, keepdims=True)) * 1e4)  # noqa: E731
    rounded: Answer = lambda x: steep(x * (1 + np.float32(2e-7)))  # noqa: E731
    assert run(steep, rounded).engine.onednn


class Stale(Fake):
    """A predictor that answers its second row as it answered the last time, as kept tensors of a loop do."""

    last: Array | None = None

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        (answer,) = super().run(arrays)
        if len(answer) > 2 and self.last is not None:
            answer = np.concatenate([answer[:1], self.last[:1], answer[2:]])
        self.last = answer
        return [answer]


def kept(stale: bool, **more: Any) -> tuple[Prepared, list[Engine]]:
    clock, opened = Clock(), []

    def opens(engine: Engine) -> Fake:
        opened.append(engine)
        kind = Stale if stale and engine.keep_tensors else Fake
        return kind(lambda x: x * 2, lambda _: 0.0001 * (1 + engine.onednn), clock)

    return prepare(model(), opens, asked(**more), clock), opened


def test_kept_tensors_that_answer_stale_values_are_given_up() -> None:
    """The flag is the process's: the predictor that serves is loaded after it was taken back."""
    prepared, opened = kept(stale=True)
    assert not prepared.engine.keep_tensors
    assert prepared.notes["keepTensors"].startswith("off: tried, and it answers a request")
    assert [engine.keep_tensors for engine in opened] == [False, False, True, False]
    assert list(prepared.sizes) == [1, 2, 4, 8]
    assert kept(stale=False)[0].engine.keep_tensors


def test_every_optimisation_has_a_switch() -> None:
    off = Allowed(onednn=False, keep_tensors=False, reuse_memory=False)
    prepared, opened = kept(stale=False, allowed=off, cap=1)
    assert opened == [Engine()]
    assert (prepared.engine, prepared.sizes) == (Engine(), {})
    setting = "off: it is switched off by a setting"
    assert prepared.notes == {"oneDNN": setting, "keepTensors": setting, "batching": setting}


def test_what_the_program_rules_out_is_not_even_tried() -> None:
    tried: list[str] = []
    prepared, opened = kept(
        stale=False, hazards=Hazards(optimising="it loops", batching="it loops"), trying=tried.append
    )
    assert (opened, prepared.engine, prepared.sizes) == ([Engine()], Engine(), {})
    assert set(prepared.notes.values()) == {"off: it loops"}
    assert tried == [""]


def test_each_experiment_is_told_before_it_begins() -> None:
    """Should it end the process, the next one knows what not to try."""
    tried: list[str] = []
    kept(stale=False, trying=tried.append)
    assert tried == ["a request of the trial", "oneDNN", "keepTensors", "batching", ""]


def test_the_users_samples_take_part() -> None:
    """Only the sample has a number that the model counts over all rows."""
    answer: Answer = lambda x: x * np.float32((np.abs(x) % 7 == 4).sum() + 1)  # noqa: E731
    assert run(answer).sizes != {}
    sample = [np.array([[1, 2, 3], [4, 4, 4]], np.float32)]
    assert run(answer, options=asked(samples=(sample,))).sizes == {}
