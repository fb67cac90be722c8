"""What runs after what, and with which pixels; which folders of models the task takes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Place
from paddlemodel_server.protocol.task.stages import StageRequest
from paddlemodel_server.tasks import registry
from paddlemodel_server.tasks.ocr import crops
from paddlemodel_server.tasks.ocr.page import MOST_LINES, Page
from paddlemodel_server.tasks.ocr.task import Ocr
from paddlemodel_server.tasks.text_detection.polygons import Line

CHARACTERS = ["a", "b", "c"]


def model(side: tuple[int, ...], *output: int, channels: int = 3) -> Model:
    inputs = (Tensor(name="x", dtype="float32", shape=(-1, channels, *side)),)
    return Model(
        format="PIR", inputs=inputs, outputs=(Tensor(name="y", dtype="float32", shape=(-1, *output)),)
    )


FINDER, READER, TURNER = model((-1, -1), 1, -1, -1), model((48, -1), -1, 4), model((80, 160), 2)
FURTHER = {"recognition": READER, "orientation": TURNER}


def fitted(finder: Model = FINDER, further: dict[str, Model] = FURTHER, **fields: Any) -> Ocr:
    places = {name: {"uri": f"file:///{name}"} for name in FURTHER}
    chosen = registry.read(json.dumps({"ocr": {"reading": {"characters": CHARACTERS}, **places, **fields}}))
    others = {name: Place(model=one, folder=Path()) for name, one in further.items()}
    task = registry.fit(chosen, Place(model=finder, folder=Path(), further=others))
    assert isinstance(task, Ocr)
    return task


def page(*boxes: list[list[int]], stage: str = "orientation") -> StageRequest:
    """A request whose lines have been found and cut out."""
    found = Page(np.random.default_rng(1).integers(0, 256, (400, 300, 3)).astype(np.uint8))
    found.find([Line(box, 0.9) for box in boxes])
    found.cut_next()
    return StageRequest(arrays=[], stage=stage, kept=found)


def box(left: int, top: int, right: int, low: int) -> list[list[int]]:
    return [[left, top], [right, top], [right, low], [left, low]]


def steps(text: str, score: float) -> list[np.ndarray[Any, Any]]:
    """What the reduction leaves of a line's scores: a character every other step."""
    classes = np.array([[CHARACTERS.index(c) + 1 if c != " " else 0 for c in " ".join(text)]])
    return [classes.astype(np.int32), np.full(classes.shape, score, np.float32)]


def test_lines_are_found_turned_and_read() -> None:
    task, size = fitted(), (64, 320)
    request = StageRequest(arrays=[], stage="detection", kept=Page(np.full((*size, 3), 200, np.uint8)))
    scores = np.zeros((1, 1, *size), np.float32)
    scores[0, 0, 20:40, 30:200] = 0.99
    turning = task.next(request, [scores])
    assert turning is not None
    assert (turning.stage, turning.model, turning.reduced) == ("orientation", 2, False)
    assert [part[0].shape for part in turning.parts or []] == [(1, 3, 80, 160)]
    reading = task.next(turning, [np.array([[0.9, 0.1]], np.float32)])
    assert reading is not None
    assert (reading.stage, reading.model, reading.reduced) == ("recognition", 1, True)
    assert reading.held == request.kept.bytes > request.kept.pixels.nbytes
    assert task.next(reading, steps("abc", 0.5)) is None
    assert request.kept.texts == [("abc", 0.5)]


def test_without_the_third_model_lines_are_read_as_they_stand() -> None:
    task = fitted(further={"recognition": READER})
    assert list(task.further) == ["recognition"]
    assert list(fitted().further) == ["recognition", "orientation"]
    request = page(box(0, 0, 99, 19), box(0, 30, 99, 49), stage="recognition")
    request.kept.texts = []
    assert task.next(request, [*steps("a", 0.9), *steps("b", 0.8)]) is None
    assert request.kept.texts == [("a", pytest.approx(0.9)), ("b", pytest.approx(0.8))]


@pytest.mark.parametrize("at", [0, 1])
def test_a_model_of_turns_may_have_other_outputs(at: int) -> None:
    """Workers leave all of them, those of one line behind those of the line before."""
    names = ("features", "angles") if at else ("angles", "features")
    outputs = tuple(Tensor(name=name, dtype="float32", shape=(-1, 2)) for name in names)
    turner = Model(format="PIR", inputs=TURNER.inputs, outputs=outputs)
    task = fitted(further={**FURTHER, "orientation": turner}, turning={"output": "angles"})
    request = page(box(10, 10, 109, 29), box(10, 40, 109, 59))
    before = [crop.copy() for crop in request.kept.crops]
    features = np.array([[7.0, -7.0]], np.float32)
    found = []
    for scores in ([[0.1, 0.9]], [[0.9, 0.1]]):
        pair = [np.array(scores, np.float32), features]
        found += pair[::-1] if at else pair
    assert task.next(request, found) is not None
    np.testing.assert_array_equal(request.kept.crops[0], np.rot90(before[0], 2))
    np.testing.assert_array_equal(request.kept.crops[1], before[1])


def test_a_line_on_its_head_is_turned_before_it_is_read() -> None:
    task = fitted()
    as_it_is, turned = page(box(10, 10, 109, 29)), page(box(10, 10, 109, 29))
    kept = as_it_is.kept.crops[0]
    task.next(turned, [np.array([[0.1, 0.9]], np.float32)])
    assert (turned.kept.crops[0] == kept[::-1, ::-1]).all()
    task.next(as_it_is, [np.array([[0.9, 0.1]], np.float32)])
    assert (as_it_is.kept.crops[0] == kept).all()


def test_a_page_of_many_lines_is_read_some_at_a_time() -> None:
    """So that what waits of it is bounded."""
    task = fitted(further={"recognition": READER})
    request: StageRequest | None = page(
        *[box(0, 4 * at, 90, 4 * at + 6) for at in range(2 * MOST_LINES + 1)], stage="recognition"
    )
    counts = []
    while request is not None:
        kept: Page = request.kept
        counts.append(len(kept.crops))
        request = task.next(request, steps("a", 1.0) * len(kept.crops))
    assert counts == [MOST_LINES, MOST_LINES, 1]
    assert len(kept.texts) == 2 * MOST_LINES + 1


def test_what_was_read_badly_is_left_out() -> None:
    request = page(box(0, 0, 99, 19), box(0, 30, 99, 49), box(0, 60, 99, 79))
    request.kept.texts = [("good", 0.9), ("bad", 0.2), ("nobody knows", None)]
    served: Any = None
    found = fitted(scoreThreshold=0.5).result(served, request, [])
    assert [line["text"] for line in found["lines"]] == ["good", "nobody knows"]
    assert (found["text"], found["width"], found["height"]) == ("good\nnobody knows", 300, 400)


def test_lines_are_cut_out_and_laid_down() -> None:
    """Pixel by pixel where the polygon is upright; what is higher than wide by half, from its right."""
    pixels = np.random.default_rng(2).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    assert (crops.cut(pixels, box(10, 20, 50, 40)) == pixels[20:40, 10:50]).all()
    tall = crops.cut(pixels, box(10, 5, 30, 45))
    assert (tall == np.rot90(pixels[5:45, 10:30])).all()
    square = crops.cut(pixels, box(10, 10, 30, 39))
    assert square.shape == (29, 20, 3)


def test_polygons_without_pixels_are_no_lines() -> None:
    assert not crops.has_pixels([[5, 5], [5, 5], [5, 5], [5, 5]])
    assert not crops.has_pixels(box(5, 5, 5, 30))
    request = page(box(5, 5, 5, 30), box(0, 30, 99, 49))
    assert len(request.kept.lines) == len(request.kept.crops) == 1


@pytest.mark.parametrize(
    ("further", "sentence"),
    [
        ({}, "names none"),
        ({"orientation": TURNER}, "names orientation"),
        ({**FURTHER, "reader": READER}, "names recognition, orientation, reader"),
        ({"recognition": TURNER}, "spec.task.ocr.recognition: The task textRecognition takes"),
        ({"recognition": model((48, -1), -1, 9)}, "correct spec.task.ocr.reading.characters"),
        ({"recognition": model((48, -1), -1, 4, channels=1)}, "textRecognition has one channel"),
        ({**FURTHER, "orientation": READER}, "spec.task.ocr.orientation: The task textLineOrientation takes"),
    ],
)
def test_what_does_not_fit_is_named(further: dict[str, Model], sentence: str) -> None:
    with pytest.raises(StartError) as refusal:
        fitted(further=further)
    assert sentence in refusal.value.message


def test_a_first_model_that_finds_no_lines_is_named() -> None:
    with pytest.raises(StartError, match=r"spec\.model: The task textDetection takes a float output"):
        fitted(finder=TURNER)
