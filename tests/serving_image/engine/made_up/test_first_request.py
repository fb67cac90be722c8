"""A model is refused for its first run only where it runs with nothing that can be made up."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from paddlemodel_server.engine.interface import Array
from paddlemodel_server.engine.made_up import first_request
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor

from tests.serving_image.support.models.fake_predictor import Clock

Answer = Callable[[Sequence[Array]], list[Array]]


class Taking:
    """A predictor that takes what its function takes."""

    def __init__(self, answer: Answer) -> None:
        self.run = answer

    def shrink(self) -> None:
        pass


def model(*inputs: Tensor) -> Model:
    return Model(format="PIR", inputs=inputs, outputs=(Tensor(name="y", dtype="float32", shape=(-1, 3)),))


ROWS = Tensor(name="x", dtype="float32", shape=(-1, 3))


def places(dtype: str = "int64") -> Tensor:
    return Tensor(name="i", dtype=dtype, shape=(-1,))


def gathered(arrays: Sequence[Array]) -> list[Array]:
    """Rows of the first input that the second one names; Paddle's words where there is no such row."""
    rows, at = arrays
    if (at >= len(rows)).any():
        raise RuntimeError("(OutOfRange) The element of Index must be less than the size of input dim size")
    return [rows[at]]


def in_groups(size: int) -> Answer:
    def run(arrays: Sequence[Array]) -> list[Array]:
        if len(arrays[0]) % size:
            raise RuntimeError("(InvalidArgument) The 'shape' attribute in ReshapeOp is invalid.")
        return [arrays[0].reshape(-1, size, 3).mean(1)]

    return run


def found(described: Model, answer: Answer, *samples: list[Array]) -> list[Array] | None:
    example = first_request.found(described, Taking(answer), samples, {}, Clock())
    return None if example is None else example.inputs


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_whole_numbers_may_be_places_in_the_rows_of_another_input(dtype: str) -> None:
    """As in graphs (edges) and in detectors (which picture a box is of): in one row, only 0 is one."""
    inputs = found(model(ROWS, places(dtype)), gathered)
    assert inputs is not None
    assert inputs[1].tolist() == [0]
    assert inputs[1].dtype == dtype
    assert inputs[0].any()


@pytest.mark.parametrize("size", [2, 3, 5, 7, 8, 16])
def test_rows_may_belong_together(size: int) -> None:
    """Frames of a film that the model puts into one: it runs, but of no single row."""
    assert found(model(ROWS), in_groups(size)) is None


def test_a_sample_of_several_rows_may_be_taken_as_a_whole_only() -> None:
    assert found(model(ROWS), in_groups(4), [np.ones((8, 3), np.float32)]) is None
    sample = [np.ones((5, 3), np.float32), np.array([4, 2])]
    assert found(model(ROWS, places()), gathered, sample) is None


def test_a_sample_that_is_taken_neither_way_is_refused_with_its_own_shapes() -> None:
    with pytest.raises(StartError) as refusal:
        found(model(ROWS), in_groups(4), [np.ones((6, 3), np.float32)])
    assert refusal.value.reason == "SampleFails"
    assert "of shapes [[6, 3]]: (InvalidArgument) The 'shape' attribute" in refusal.value.message


@pytest.mark.parametrize("given", [{}, {"x": [1, 3]}])
def test_a_model_that_runs_with_nothing_is_refused_for_what_it_said_first(
    given: dict[str, list[int]],
) -> None:
    def run(arrays: Sequence[Array]) -> list[Array]:
        raise RuntimeError(f"(InvalidArgument) {len(arrays[0])} rows")

    with pytest.raises(StartError) as refusal:
        first_request.found(model(ROWS), Taking(run), (), given, Clock())
    assert (refusal.value.reason, refusal.value.message) == (
        "ModelDoesNotRun",
        "The model fails on its first run: (InvalidArgument) 1 rows.",
    )


def test_what_a_task_sends_one_by_one_must_run_one_by_one() -> None:
    with pytest.raises(StartError, match="fails on its first run"):
        first_request.found(model(ROWS), Taking(in_groups(2)), (), {"x": [1, 3]}, Clock())
