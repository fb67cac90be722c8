"""What kind of scores a classifier gives, judged by its answers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from paddlemodel_server.engine.interface import Array
from paddlemodel_server.engine.scores import kind, sums_to_one
from paddlemodel_server.model import bfloat16
from paddlemodel_server.model.signature import Tensor

from tests.serving_image.support.models.fake_predictor import Clock, Fake, model

NOISE = np.random.default_rng(0).random((1, 3), np.float32)


def judged(answer: Callable[[Array], Array], dtype: str = "float32") -> str:
    output = Tensor(name="y", dtype=dtype, shape=(-1, 3))
    fake = Fake(answer, lambda _: 0, Clock())
    return kind(replace(model(), outputs=(output,)), fake, [NOISE], fake.run([NOISE]), 0)


def softmax(x: Array) -> Array:
    found: Array = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    return found


def sigmoid(x: Array) -> Array:
    found: Array = 1 / (1 + np.exp(-x))
    return found


def small_logits(x: Array) -> Array:
    """In 0..1 for the first picture, by chance, and there they sum to one."""
    found: Array = np.abs(x) / NOISE.sum()
    return found


def fragile(x: Array) -> Array:
    """Refuses whatever is no picture."""
    if x.min() < 0 or x.max() > 1:
        raise RuntimeError("no")
    return x


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (softmax, "Probabilities"),
        (sigmoid, "Independent"),
        (lambda x: np.clip(x / 6 + 0.5, 0, 1), "Independent"),  # a hard sigmoid
        (lambda x: x * 10, "Logits"),
        (lambda x: -x, "Logits"),
        (lambda x: x * np.nan, "Logits"),
        (small_logits, "Logits"),
        (fragile, "Independent"),
    ],
    ids=["softmax", "sigmoid", "hard sigmoid", "large", "negative", "nan", "small logits", "fragile"],
)
def test_scores_are_what_they_are_for_every_input(answer: Callable[[Array], Array], found: str) -> None:
    assert judged(answer) == found


def test_the_model_runs_again_only_until_its_kind_is_known() -> None:
    for answer, runs in ((softmax, 2), (lambda x: x * 10, 1), (small_logits, 2), (sigmoid, 3)):
        fake = Fake(answer, lambda _: 0, Clock())
        kind(model(), fake, [NOISE], fake.run([NOISE]), 0)
        assert len(fake.rows) == runs


def test_ids_are_judged_by_other_ids() -> None:
    """They cannot be made extreme: the logits of the first text lie in 0..1 by chance."""
    ids = Tensor(name="x", dtype="int64", shape=(-1, 3), id_limit=100)
    first = np.array([[1, 2, 3]])

    def logits(x: Array) -> Array:
        if (x == first).all():
            return np.array([[0.2, 0.4]], np.float32)
        found: Array = (x[:, :2] / 10 - 5).astype(np.float32)
        return found

    described = replace(model(), inputs=(ids,))
    for answer, expected in (
        (logits, "Logits"),
        (lambda x: sigmoid(x[:, :2].astype(np.float32) - 50), "Independent"),
        (lambda x: softmax(x[:, :2].astype(np.float32)), "Probabilities"),
    ):
        fake = Fake(answer, lambda _: 0, Clock())
        assert kind(described, fake, [first], fake.run([first]), 0) == expected


def test_scores_of_each_token_are_probabilities_where_those_of_each_sum_to_one() -> None:
    assert sums_to_one(np.full((1, 5, 4), 0.25, np.float32))
    assert not sums_to_one(np.full((1, 4, 5), 0.25, np.float32))


@pytest.mark.parametrize(("row", "found"), [([0.25, 0.75], "Probabilities"), ([0.25, 0.25], "Independent")])
def test_bfloat16_is_judged_by_the_numbers_that_its_bits_mean(row: list[float], found: str) -> None:
    bits = bfloat16.bits(np.array([row]))
    assert judged(lambda _: bits, dtype="bfloat16") == found


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([[0.25, 0.75], [1, 0]], True),
        ([[0.25, 0.25]], False),
        ([[2, -1]], False),
        ([[np.nan, 1]], False),
        ([0.5, 0.5], False),
    ],
)
def test_probabilities_are_recognised(scores: list[Any], expected: bool) -> None:
    assert sums_to_one(np.array(scores, np.float32)) is expected
