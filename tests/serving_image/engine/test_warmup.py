"""What is measured at the start, with a predictor that fails as Paddle fails."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from paddlemodel_server.engine.budget import Memory
from paddlemodel_server.engine.interface import Array, Engine
from paddlemodel_server.engine.paddle_errors import said
from paddlemodel_server.engine.warmup import Known, prepare
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model
from paddlemodel_server.protocol.served import Columns, Ragged, WarmUp

from tests.serving_image.support.models.fake_predictor import Clock, Fake, asked, fails, model, run


def test_the_faster_of_two_equal_answers_is_kept() -> None:
    assert run().engine.onednn
    assert not run(fast_seconds=lambda _: 0.02).engine.onednn


@pytest.mark.parametrize(
    "fast",
    [
        fails("ConvertPirAttribute2RuntimeAttribute"),
        lambda x: x * 2 + 0.1,
        lambda x: x[:, :2],
        lambda x: x * np.nan,
    ],
    ids=["it-fails", "it-differs", "it-has-another-shape", "it-answers-nan"],
)
def test_onednn_is_off_where(fast: Callable[[Array], Array]) -> None:
    assert not run(fast=fast).engine.onednn


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"count": 4},
            "The task t has 4 names, the model answered 3 classes; rename, or use the task tensors.",
        ),
        ({"count": 3}, ""),
        ({"count": None, "alone": "set it"}, ""),
    ],
)
def test_open_columns_are_counted_in_the_first_answer(columns: dict[str, Any], said: str) -> None:
    expected = Columns(task="t", output=0, names="4 names", cure="rename", **columns)
    options = asked(task=WarmUp(columns=expected))
    if not said:
        assert run(options=options).sizes
        return
    with pytest.raises(StartError) as refusal:
        run(options=options)
    assert (refusal.value.reason, refusal.value.message) == ("TaskDoesNotFit", said)


@pytest.mark.parametrize("count", [None, 1, 2])
def test_a_single_column_is_no_choice(count: int | None) -> None:
    """With a name, none, or too many: others would not help. Where it is one, `alone` is empty."""
    expected = Columns(task="t", output=0, count=count, names="names", cure="rename", alone="set it")
    described = model(shape=(-1, 1), output=(-1, -1))
    with pytest.raises(StartError, match="answered one number; set it, or use the task tensors"):
        run(described=described, options=asked(task=WarmUp(columns=expected)))
    taken = replace(expected, count=count and 1, alone="")
    assert run(described=described, options=asked(task=WarmUp(columns=taken))).sizes


@pytest.mark.parametrize(("seconds", "kept"), [(0.0001, True), (0.0005, False), (0.01, False)])
def test_only_a_tiny_model_keeps_its_tensors(seconds: float, kept: bool) -> None:
    prepared = run(seconds=lambda _: seconds, fast_seconds=lambda _: 2 * seconds)
    assert prepared.engine.keep_tensors == kept
    legacy = run(seconds=lambda _: seconds, described=replace(model(), format="Legacy"))
    assert not legacy.engine.keep_tensors


def test_a_choice_made_before_is_not_measured_again() -> None:
    opened: list[Engine] = []
    clock = Clock()
    fake = Fake(lambda x: x, lambda _: 0.01, clock)

    def opens(engine: Engine) -> Fake:
        opened.append(engine)
        return fake

    known = Known(onednn=True, sizes={1: 0.5, 4: 0.6})
    prepared = prepare(model(), opens, asked(known=known), clock)
    assert opened == [Engine(onednn=True)]
    assert fake.rows == [1, 1, 4]  # an example is found, then each known size runs once
    assert prepared.sizes == known.sizes


def test_larger_runs_are_warmed_while_they_pay() -> None:
    assert list(run(seconds=lambda _: 0.01, fast_seconds=lambda _: 0.01).sizes) == [1, 2, 4, 8]
    linear = lambda rows: 0.01 * rows  # noqa: E731 - shorter than a function
    assert list(run(seconds=linear, fast_seconds=linear).sizes) == [1, 2, 4]


@pytest.mark.parametrize(
    ("most", "warmed"),
    [(10_000, [1, 2, 4, 8]), (1800, [1, 2, 4, 8]), (1650, [1, 2, 4]), (900, [1, 2]), (10, [1, 2])],
)
def test_larger_runs_are_not_tried_where_they_would_not_fit(most: int, warmed: list[int]) -> None:
    """A row takes 100 bytes of 800; the kernel would kill rather than refuse. One and two have run before."""
    taken: list[int] = []

    def same(x: Array) -> Array:
        taken.append(800 + 100 * len(x))
        return x

    def peak() -> int:
        found = max(taken, default=800)  # since it was last asked; what is held now counts
        taken.clear()
        return found

    options = asked(cap=8, memory=Memory(peak=peak, most=lambda: most))
    assert list(run(same, options=options).sizes) == warmed


@pytest.mark.parametrize(
    ("plain", "described"),
    [
        pytest.param(lambda x: x - x.mean(axis=0), model(), id="rows-change-each-other"),
        pytest.param(lambda x: x.sum(axis=0), model(output=(-1,)), id="an-output-is-no-batch"),
        pytest.param(lambda x: x, model(shape=(1, 3), output=(1, 3)), id="one-row-only"),
        pytest.param(lambda x: x, model(shape=(1, 3), output=(-1, 3)), id="one-row-in"),
    ],
)
def test_requests_run_alone_where(plain: Callable[[Array], Array], described: Model) -> None:
    prepared = run(plain, described=described)
    assert prepared.sizes == {}
    assert prepared.run_seconds == pytest.approx(0.005)


def test_a_model_that_fails_on_two_rows_runs_them_alone() -> None:
    def one(x: Array) -> Array:
        if len(x) > 1:
            raise RuntimeError("(InvalidArgument) batch")
        return x

    assert run(one).sizes == {}


def test_open_dimensions_are_tried_until_the_model_runs() -> None:
    seen: list[tuple[int, ...]] = []

    def only_32(x: Array) -> Array:
        seen.append(x.shape)
        if x.shape[2] != 32:
            raise RuntimeError("(InvalidArgument) sizes")
        return x.reshape(len(x), -1)

    prepared = run(only_32, described=model((-1, 3, -1, -1), (-1, -1)), options=asked(cap=2))
    assert prepared.sizes
    assert seen[:3] == [(1, 3, 64, 64), (1, 3, 224, 224), (1, 3, 320, 320)]


def test_a_task_names_the_size_of_open_dimensions() -> None:
    seen: list[tuple[int, ...]] = []

    def note(x: Array) -> Array:
        seen.append(x.shape)
        return x.reshape(len(x), -1)

    run(
        note,
        described=model((-1, 3, -1, -1), (-1, -1)),
        options=asked(cap=1, task=WarmUp(shapes={"x": [1, 3, 48, 192]})),
    )
    assert {shape[1:] for shape in seen} == {(3, 48, 192)}


def test_a_model_that_never_runs_is_served_only_if_its_sizes_may_be_to_blame() -> None:
    prepared = run(fails(), described=model((-1, -1), (-1, -1)))
    assert (prepared.sizes, prepared.engine.onednn) == ({}, False)
    with pytest.raises(StartError) as refusal:
        run(fails(), fails())
    assert refusal.value.reason == "ModelDoesNotRun"
    assert "(InvalidArgument) no" in refusal.value.message


def test_a_model_that_does_not_load_is_one_sentence() -> None:
    def opens(_: Engine) -> Any:
        raise ValueError(
            "C++ Traceback:\n0 paddle::x\nError Message Summary:\nNotFoundError: [Hint: no op]\n"
        )

    with pytest.raises(StartError) as refusal:
        prepare(model(), opens, asked(cap=1), Clock())
    assert refusal.value.reason == "ModelDoesNotLoad"
    assert refusal.value.message == "Paddle cannot load the model: NotFoundError: [Hint: no op]."


SIGMOIDS = "the model's scores lie from 0 to 1 and do not sum to one"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda x: x * 0 + np.float32(1 / 3), "Probabilities"),
        (lambda x: 1 / (1 + np.exp(-x)), "Independent"),
        (lambda x: x * 0.25, "Logits"),
    ],
    ids=["softmax", "sigmoid", "logits"],
)
def test_only_the_scores_that_a_task_asks_about_are_judged(
    answer: Callable[[Array], Array], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    task = WarmUp(scores=0, setting="spec.task.some.activation")
    assert run(answer, options=asked(task=task)).scores == kind
    warned = [record.getMessage() for record in caplog.records if record.getMessage().startswith(SIGMOIDS)]
    if kind == "Independent":
        (warning,) = warned
        assert warning.endswith(
            "set spec.task.some.activation to None to say so, or to Softmax if they are logits"
        )
    else:
        assert warned == []
    assert run(answer).scores is None


def test_a_task_s_own_size_that_fails_is_no_guess() -> None:
    """Where the task decides the open dimensions, a failing run means that the two do not fit."""
    described, task = model((-1, -1), (-1, -1)), WarmUp(shapes={"x": [1, 7]})
    with pytest.raises(StartError) as refusal:
        run(fails(), described=described, options=asked(task=task))
    assert refusal.value.reason == "ModelDoesNotRun"


def test_an_error_without_text_is_named() -> None:
    assert said(KeyError()) == "KeyError"
    assert said(None) == "None"


class Detector(Fake):
    """Twice each row whose first number is above a threshold, and for each row whether it is."""

    def __init__(self, threshold: float, *, coupled: bool = False) -> None:
        super().__init__(lambda x: x, lambda _: 0.01, Clock())
        self.threshold = threshold
        self.coupled = coupled

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        (x,) = arrays
        found = np.abs(x[:, 0]) > (np.abs(x).mean() if self.coupled else self.threshold)
        self.clock.now += 0.01
        return [2 * x[found], found.astype(np.int32)]


@pytest.mark.parametrize(
    ("detector", "sizes", "note"),
    [
        pytest.param(Detector(0.3), [1, 2, 4, 8], "on: ", id="found"),
        pytest.param(Detector(0.3, coupled=True), [], "off: rows of one run change", id="coupled"),
        pytest.param(Detector(1e9), [], "off: the model found nothing", id="nothing-found"),
    ],
)
def test_rows_of_a_detector_are_parted_by_its_counts(detector: Detector, sizes: list[int], note: str) -> None:
    """They share runs where each has the boxes in company that it has alone, and some row has boxes."""
    options = asked(task=WarmUp(ragged=Ragged(counts=1, outputs=[0])))
    prepared = prepare(model(), lambda _: detector, options, detector.clock)
    assert list(prepared.sizes) == sizes
    assert prepared.notes["batching"].startswith(note)
