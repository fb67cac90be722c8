"""What a worker leaves of outputs: what the task would have made of the whole, row by row."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paddlemodel_server.errors import NotFiniteError, StartError
from paddlemodel_server.model import bfloat16
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol import Array
from paddlemodel_server.protocol.served import Ragged, Reduction
from paddlemodel_server.tasks import classes, reducers, rows

BOXES = Ragged(counts=1, outputs=[0])


def model(dtype: str = "float32", outputs: int = 1) -> Model:
    tensors = tuple(Tensor(name=f"y{at}", dtype=dtype, shape=(-1, -1, 5)) for at in range(outputs))
    return Model(format="PIR", inputs=(), outputs=tensors)


@pytest.mark.parametrize("axis", [-1, 1, 2])
def test_the_best_class_and_its_score(axis: int) -> None:
    """On any axis, with the first of equals, as argmax has it."""
    scores = np.random.default_rng(1).integers(0, 4, (3, 4, 5)).astype(np.float32)
    classes, highest = reducers.reducer(Reduction(function="best", axis=axis), model())([scores])
    assert classes.dtype == np.int32
    assert classes.tolist() == scores.argmax(axis).tolist()
    assert highest.tolist() == scores.max(axis).tolist()


@pytest.mark.parametrize(("classes", "dtype"), [(256, "uint8"), (257, "int32")])
def test_labels_are_small_numbers(classes: int, dtype: str) -> None:
    scores = np.random.default_rng(2).random((2, classes, 3, 4), np.float32)
    labels, finite = reducers.label(scores, 1)
    assert (labels.dtype.name, labels.tolist()) == (dtype, scores.argmax(1).tolist())
    assert finite.tolist() == [True, True]


def test_chosen_classes_are_carried_in_a_byte_each() -> None:
    classes = np.array([[[0, 255]], [[256, 1]], [[-1, 1]]], np.int64)
    found, fits = reducers.reducer(Reduction(function="narrow"), model("int64"))([classes])
    assert (found.dtype.name, found.shape, found[0].tolist()) == ("uint8", (3, 1, 2), [[0, 255]])
    assert fits.tolist() == [True, False, False]


@given(st.lists(st.integers(-999, 999), min_size=1, max_size=30), st.integers(1, 40), st.sampled_from("nSs"))
@example([0, 0, 0, 0, 0, 1, 0, 0, 0, 0], 3, "n")  # more equal ones than are asked for
@example([160, 200], 1, "s")  # whose probabilities are equal, but not they
def test_the_best_classes_are_those_of_all_scores(numbers: list[int], count: int, how: str) -> None:
    """With any activation, and of equals the first; row by row."""
    scores = np.array([numbers, numbers[::-1]], np.float32) / 4
    reduced = reducers.reducer(Reduction(function="top", axis=1, count=count), model())([scores])
    for row in range(2):
        whole = classes.classes(scores[row : row + 1], count, ["a"], softmax=how == "S", sigmoid=how == "s")
        parts = [part[row : row + 1] for part in reduced]
        found = classes.kept(parts, ["a"], softmax=how == "S", sigmoid=how == "s")
        assert [one["class_id"] for one in found["top_k"]] == [one["class_id"] for one in whole["top_k"]]
        assert [one["score"] for one in found["top_k"]] == pytest.approx(
            [one["score"] for one in whole["top_k"]]
        )
        assert {**found["top_k"][0], "top_k": found["top_k"]} == found


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_not_hidden_by_better_ones(number: float) -> None:
    scores = np.arange(10, dtype=np.float32)[None].repeat(2, 0)
    scores[1, 0] = number
    reduced = reducers.top(scores, 1, 2)
    assert classes.kept([part[:1] for part in reduced], [])["class_id"] == 9
    with pytest.raises(NotFiniteError):
        classes.kept([part[1:] for part in reduced], [])


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_number_that_is_none_is_not_lost(axis: int, number: float) -> None:
    """The task refuses the row in which it stands, and no other."""
    scores = np.zeros((3, 4, 5), np.float32)
    scores[1, 2, 3] = number
    assert not np.isfinite(reducers.best(scores, axis)[1][1]).all()
    assert np.isfinite(reducers.best(scores, axis)[1][[0, 2]]).all()
    assert reducers.label(scores, axis)[1].tolist() == [True, False, True]


def test_bits_of_bfloat16_are_read_as_numbers() -> None:
    """As whole numbers the bits of negative ones would be the largest."""
    scores = np.array([[[-3.0, 1.0, 0.5, -0.25, 0.0]]], np.float32)
    bits = bfloat16.bits(scores)
    classes, highest = reducers.reducer(Reduction(function="best"), model("bfloat16"))([bits])
    assert (classes.tolist(), highest.tolist()) == ([[1]], [[1.0]])


def test_it_looks_at_the_output_that_is_named() -> None:
    outputs = [np.zeros((1, 2, 5), np.float32), np.eye(5, dtype=np.float32)[None, 3:]]
    reduce = reducers.reducer(Reduction(function="best", output=1), model(outputs=2))
    assert reduce(outputs)[0].tolist() == [[3, 4]]
    with pytest.raises(StartError, match="does not exist"):
        reducers.reducer(Reduction(function="best", output=2), model(outputs=2))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.data())
def test_boxes_go_with_their_picture(counts: list[int], data: st.DataObject) -> None:
    """Wherever rows are cut, each has the boxes that its count says; joined they are what they were."""
    boxes = np.repeat(np.arange(len(counts)), counts)[:, None] * np.ones((1, 6))
    outputs: list[Array] = [boxes, np.array(counts, np.int32)]
    assert rows.parted(outputs, len(counts), BOXES)
    middle = data.draw(st.integers(0, len(counts)))
    parts = [rows.cut(outputs, 0, middle, BOXES), rows.cut(outputs, middle, len(counts), BOXES)]
    for found, (start, end) in zip(parts, [(0, middle), (middle, len(counts))], strict=True):
        assert found[0][:, 0].tolist() == [at for at in range(start, end) for _ in range(counts[at])]
        assert found[1].tolist() == counts[start:end]
    assert [array.tolist() for array in rows.joined(parts)] == [array.tolist() for array in outputs]


@pytest.mark.parametrize(
    ("boxes", "counts"),
    [
        pytest.param(np.zeros((3, 6)), np.array([1, 1], np.int32), id="fewer-counted-than-there"),
        pytest.param(np.zeros((3, 6)), np.array([3], np.int32), id="a-count-is-missing"),
        pytest.param(np.zeros((3, 6)), np.array([4, -1], np.int32), id="a-negative-count"),
        pytest.param(np.zeros((3, 6)), np.array([1.0, 2.0]), id="counts-that-are-no-whole-numbers"),
        pytest.param(np.zeros(()), np.array([0, 0], np.int32), id="a-scalar"),
    ],
)
def test_outputs_that_contradict_their_counts_are_not_parted(boxes: Array, counts: Array) -> None:
    assert not rows.parted([boxes, counts], 2, BOXES)


def test_without_counts_each_row_has_its_own() -> None:
    assert rows.parted([np.zeros((2, 3)), np.zeros(2)], 2)
    assert not rows.parted([np.zeros((2, 3)), np.zeros(3)], 2)
    assert not rows.parted([np.zeros(())], 2)
