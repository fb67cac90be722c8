"""Maps become polygons, and pictures the sizes of tensors: tables of what PaddleX does."""

from typing import Any

import numpy as np
import pytest
from paddlemodel_api.tasks import TextDetection as Spec
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Place
from paddlemodel_server.tasks.text_detection import sizes
from paddlemodel_server.tasks.text_detection.polygons import Line, in_order, lines
from paddlemodel_server.tasks.text_detection.task import TextDetection


@pytest.mark.parametrize(
    ("spec", "size", "wanted"),
    [
        pytest.param({}, (480, 640), (480, 640), id="as-it-is"),
        pytest.param({}, (500, 650), (512, 640), id="the-nearest-multiple"),
        pytest.param({}, (16 + 480, 48 + 640), (512, 704), id="halves-go-to-the-even-multiple"),
        pytest.param({}, (20, 100), (64, 320), id="a-small-one-grows"),
        pytest.param({}, (2000, 5760), (544, 1600), id="a-large-one-shrinks"),
        pytest.param({"limit_type": "Max", "limit_side": 960}, (1000, 3000), (320, 960), id="at-most"),
        pytest.param({"limit_type": "Max", "limit_side": 960}, (100, 300), (96, 288), id="at-most-is-less"),
        pytest.param({"max_side": 4000}, (10, 8000), (32, 4000), id="never-none"),
    ],
)
def test_a_picture_gets_a_size(spec: dict[str, Any], size: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert sizes.size(*size, Spec(**spec)) == wanted


def test_a_tiny_picture_is_filled_up_with_black() -> None:
    pixels = np.full((10, 40, 3), 9, np.uint8)
    found = sizes.padded(pixels)
    assert found.shape == (32, 40, 3)
    assert found[:10].min() == 9
    assert found[10:].max() == 0
    assert sizes.padded(np.zeros((10, 60, 3), np.uint8)).shape == (10, 60, 3)


def marked(*rectangles: tuple[int, int, int, int], score: float = 0.9) -> np.ndarray[Any, Any]:
    """A map of 100 x 200 pixels with these (left, top, right, bottom) in it."""
    found = np.zeros((100, 200), np.float32)
    for left, top, right, bottom in rectangles:
        found[top:bottom, left:right] = score
    return found


def test_a_mark_becomes_a_larger_rectangle_in_pixels_of_the_picture() -> None:
    """80 x 10 pixels, as contours count them, grow by 1.5 * area / perimeter on each side."""
    (line,) = lines(marked((50, 40, 131, 51)), (200, 800), Spec())
    grown = 1.5 * 80 * 10 / 180
    corners = [
        (50 - grown, 40 - grown),
        (130 + grown, 40 - grown),
        (130 + grown, 50 + grown),
        (50 - grown, 50 + grown),
    ]
    assert np.abs(np.array(line.box) - np.array(corners) * [4, 2]).max() <= 4
    assert line.score == pytest.approx(0.9, abs=1e-6)


@pytest.mark.parametrize(
    ("scores", "spec", "count"),
    [
        pytest.param(marked((50, 40, 130, 50)), {}, 1, id="found"),
        pytest.param(marked((50, 40, 130, 50), score=0.5), {}, 0, id="too-faint"),
        pytest.param(marked((50, 40, 130, 50), score=0.5), {"box_threshold": 0.4}, 1, id="faint-is-enough"),
        pytest.param(
            marked((50, 40, 130, 50), score=0.25), {"box_threshold": 0.1}, 0, id="below-the-threshold"
        ),
        pytest.param(marked((50, 40, 130, 42)), {}, 0, id="too-thin"),
        pytest.param(marked(), {}, 0, id="nothing"),
        pytest.param(marked((10, 10, 90, 20), (10, 50, 90, 60)), {"max_lines": 1}, 1, id="one-at-most"),
        pytest.param(marked((10, 10, 50, 20), (51, 10, 90, 20)), {}, 2, id="a-gap"),
        pytest.param(marked((10, 10, 50, 20), (51, 10, 90, 20)), {"dilation": True}, 1, id="a-gap-is-closed"),
    ],
)
def test_marks_are_chosen(scores: np.ndarray[Any, Any], spec: dict[str, Any], count: int) -> None:
    assert len(lines(scores, scores.shape, Spec(**spec))) == count


def test_corners_stay_inside_of_the_picture() -> None:
    (line,) = lines(marked((0, 0, 200, 100)), (100, 200), Spec())
    assert line.box == [[0, 0], [200, 0], [200, 100], [0, 100]]


def test_lines_in_a_row_are_read_from_left_to_right() -> None:
    """Their tops may differ by less than ten pixels."""
    tops = [(300, 12), (10, 8), (150, 17), (10, 60), (200, 55)]
    found = in_order([Line([[x, y], [x + 9, y], [x + 9, y + 9], [x, y + 9]], 1.0) for x, y in tops])
    assert [line.box[0] for line in found] == [[10, 8], [150, 17], [300, 12], [10, 60], [200, 55]]


def tensor(*shape: int, dtype: str = "float32") -> Tensor:
    return Tensor(name="x", dtype=dtype, shape=shape)


@pytest.mark.parametrize(
    ("given", "output", "what"),
    [
        pytest.param(tensor(-1, 10), tensor(-1, 1, -1, -1), "takes an FP32 input [rows, 1 or 3", id="input"),
        pytest.param(
            tensor(-1, 3, -1, -1, dtype="uint8"), tensor(-1, 1, -1, -1), "takes an FP32", id="bytes"
        ),
        pytest.param(tensor(4, 3, -1, -1), tensor(4, 1, -1, -1), "sends one picture at a time", id="rows"),
        pytest.param(tensor(-1, 3, -1, -1), tensor(-1, 2), "a score for each pixel", id="a-classifier"),
        pytest.param(tensor(-1, 3, -1, -1), tensor(-1, 19, -1, -1), "a score for each pixel", id="classes"),
    ],
)
def test_a_model_that_finds_no_text_is_refused(
    given: Tensor, output: Tensor, what: str, tmp_path: Any
) -> None:
    model = Model(format="PIR", inputs=(given,), outputs=(output,))
    with pytest.raises(StartError, match=r"The task textDetection .*, or use the task tensors\.") as refusal:
        TextDetection.fit(Spec(), Place(model=model, folder=tmp_path))
    assert what in refusal.value.message


def test_a_model_of_one_size_gets_it(tmp_path: Any) -> None:
    model = Model(format="PIR", inputs=(tensor(-1, 3, 640, 480),), outputs=(tensor(-1, 1, 640, 480),))
    task = TextDetection.fit(Spec(), Place(model=model, folder=tmp_path))
    assert task.size(100, 3000) == (640, 480)
