"""Whether a model is a segmentation net, and what becomes of its answers; others are refused with a cure."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paddlemodel_api.tasks import SemanticSegmentation as Spec
from paddlemodel_server.errors import NotFiniteError, ServingError, StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol import PREDICT
from paddlemodel_server.protocol.served import Place, Reduction, Served
from paddlemodel_server.tasks import reducers
from paddlemodel_server.tasks.semantic_segmentation.task import SemanticSegmentation
from PIL import Image

JSON, PNG = "application/json", "image/png"


def tensor(name: str, *shape: int, dtype: str = "float32") -> Tensor:
    return Tensor(name=name, dtype=dtype, shape=shape)


OPEN, FIXED = tensor("x", -1, 3, -1, -1), tensor("x", -1, 3, 64, 96)
CHOSEN, SCORES = tensor("y", -1, -1, -1, dtype="int32"), tensor("y", -1, 19, -1, -1)


def fitted(
    *outputs: Tensor, input_: Tensor = OPEN, folder: Path = Path("/nowhere"), **spec: Any
) -> SemanticSegmentation:
    model = Model(format="PIR", inputs=(input_,), outputs=outputs or (SCORES,))
    return SemanticSegmentation.fit(Spec(**spec), Place(model=model, folder=folder))


@pytest.mark.parametrize(
    ("output", "reduction"),
    [
        (CHOSEN, Reduction(function="narrow")),
        (tensor("y", -1, 1, -1, -1, dtype="int64"), Reduction(function="narrow")),
        (SCORES, Reduction(function="label", axis=1)),
        (tensor("y", 1, 2, 64, 64, dtype="bfloat16"), Reduction(function="label", axis=1)),
    ],
)
def test_classes_and_scores_fit(output: Tensor, reduction: Reduction) -> None:
    assert fitted(output).warm_up.reduction == reduction


def test_sizes_follow_the_model_where_nothing_says_them() -> None:
    assert fitted().warm_up.shapes == {"x": [1, 3, 256, 256]}
    assert fitted(input_=FIXED).warm_up.shapes == {"x": [1, 3, 64, 96]}
    assert fitted(size_divisor=96).warm_up.shapes == {"x": [1, 3, 288, 288]}
    assert fitted(resize="Fit", height=100, width=300).warm_up.shapes == {"x": [1, 3, 100, 100]}
    half = tensor("x", -1, 3, 64, -1)
    assert fitted(input_=half, resize="Stretch", width=32).warm_up.shapes == {"x": [1, 3, 64, 32]}
    grey = tensor("x", -1, 1, -1, -1)
    assert fitted(input_=grey).warm_up.shapes == {"x": [1, 1, 256, 256]}


@pytest.mark.parametrize(
    ("outputs", "spec", "words"),
    [
        ((tensor("y", -1, 19),), {}, "answers from a class for each pixel, whole numbers"),
        ((tensor("y", -1, -1, -1),), {}, "the model has y FP32 [-1, -1, -1]"),
        ((tensor("y", -1, 2, 8, 8, dtype="int32"),), {}, "with output_op argmax, softmax or none"),
        ((tensor("y", -1, 8, 8, dtype="bool"),), {}, "the model has y BOOL"),
        ((tensor("y", -1, 1, -1, -1),), {}, "chooses among classes, the model has one score for each pixel"),
        ((tensor("y", -1, -1, -1, -1),), {}, "needs to know how many classes there are"),
        ((tensor("y", -1, 257, 8, 8),), {}, "has 256 classes at most, as an indexed PNG has, the model 257"),
        ((tensor("y", 8, 19, 8, 8),), {}, "sends one picture at a time, the model takes and gives 8"),
        ((CHOSEN, SCORES), {}, "name the one with the classes or their scores in spec.task.semanticSeg"),
        ((SCORES,), {"output": "z"}, "names the output 'z', the model has y"),
        ((SCORES,), {"labels": ["a", "b"]}, "has 2 labels, the model 19 classes"),
        ((SCORES,), {"resize": "Stretch", "height": 9}, "needs the field width, because the model leaves it"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_cure(
    outputs: tuple[Tensor, ...], spec: dict[str, Any], words: str
) -> None:
    with pytest.raises(StartError) as refusal:
        fitted(*outputs, **spec)
    assert refusal.value.reason == "TaskDoesNotFit"
    assert words in refusal.value.message
    assert refusal.value.message.endswith(", or use the task tensors.")


@pytest.mark.parametrize(
    ("input_", "spec", "words"),
    [
        (
            FIXED,
            {"resize": "Keep"},
            "gives pictures many sizes with resize Keep, the model takes one: x",
        ),
        (FIXED, {"resize": "Fit"}, "set spec.task.semanticSegmentation.resize to Stretch or Pad"),
        (FIXED, {"resize": "Pad", "height": 32}, "has height 32, but the model's is fixed"),
        (FIXED, {"max_side": 32}, "has maxSide, but the model's sides are fixed"),
        (FIXED, {"size_divisor": 32}, "has sizeDivisor, but the model's sides are fixed"),
        (tensor("x", -1, 3, 64, -1), {}, "needs the field width"),
        (tensor("x", -1, 4, -1, -1), {}, "takes an FP32 input [rows, 1 or 3 channels, height, width]"),
        (tensor("x", -1, 3, -1, -1, dtype="uint8"), {}, "the model has x UINT8"),
        (tensor("x", -1, 3, 8, 8, 8), {}, "the model has x FP32 [-1, 3, 8, 8, 8]"),
    ],
)
def test_an_input_that_does_not_fit_is_refused(input_: Tensor, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(StartError) as refusal:
        fitted(input_=input_, **spec)
    assert words in refusal.value.message


def test_labels_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("road\n\nsky\n")
    task = fitted(CHOSEN, folder=tmp_path, labels_file="names.txt")
    assert task.labels == ("road", "", "sky")
    with pytest.raises(StartError, match="has 3 labels, the model 19 classes"):
        fitted(folder=tmp_path, labels_file="names.txt")


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/json, image/png", JSON),
        ("image/png, application/json;q=0.9", PNG),
        ("image/png", PNG),
        ("image/*", PNG),
        ("text/html, image/png;q=0.2, */*;q=0.1", PNG),
        ("image/png;q=0, */*", JSON),
        ("application/json;q=0, */*", PNG),
        ("image/jpeg", 406),
        ("image/png;q=0", 406),
    ],
)
def test_accept_chooses_the_answer(accept: str | None, media: str | int) -> None:
    task = fitted()
    headers = {} if accept is None else {"accept": accept}
    if isinstance(media, str):
        assert task.accepts(served(task), PREDICT, headers).media == media
        return
    with pytest.raises(ServingError, match="possible here: application/json, image/png") as refusal:
        task.accepts(served(task), PREDICT, headers)
    assert refusal.value.status == media


def test_a_form_of_several_is_answered_in_json_alone() -> None:
    task, form = fitted(), {"content-type": "multipart/form-data; boundary=x"}
    for accept in ("*/*", "image/png, application/json;q=0.1"):
        assert task.accepts(served(task), PREDICT, form | {"accept": accept}).media == JSON
    with pytest.raises(ServingError, match=r"possible here: application/json\.") as refusal:
        task.accepts(served(task), PREDICT, form | {"accept": "image/png"})
    assert refusal.value.status == 406


def served(task: SemanticSegmentation) -> Served:
    model = Model(format="PIR", inputs=(), outputs=())
    return Served(name="m", model=model, task=task, max_request_bytes=9)


def result(task: SemanticSegmentation, picture: tuple[int, int], output: np.ndarray[Any, Any]) -> Any:
    """The mask for a picture of one colour, when the model answers so."""
    content = io.BytesIO()
    Image.new("RGB", picture[::-1], "teal").save(content, "PNG")
    request = task.request(content.getvalue())
    request.media = PNG
    reduction = task.plan.reduction
    reduced = reducers.FUNCTIONS[reduction.function](output, reduction.axis)
    return np.asarray(Image.open(io.BytesIO(task.render(served(task), request, reduced).body)))


def test_a_mask_goes_back_to_the_picture_s_size_by_the_nearest_pixel() -> None:
    small = np.array([[[3, 5], [7, 9]]], np.int64)
    assert result(fitted(CHOSEN), (4, 6), small).tolist() == [
        [3, 3, 3, 5, 5, 5],
        [3, 3, 3, 5, 5, 5],
        [7, 7, 7, 9, 9, 9],
        [7, 7, 7, 9, 9, 9],
    ]
    scores = np.zeros((1, 19, 2, 2), np.float32)
    scores[0, [1, 2, 3, 18], [0, 0, 1, 1], [0, 1, 0, 1]] = 1
    assert result(fitted(), (2, 2), scores).tolist() == [[1, 2], [3, 18]]
    channel = fitted(tensor("y", -1, 1, -1, -1, dtype="int64"))
    assert result(channel, (2, 2), small[None]).tolist() == [[3, 5], [7, 9]]


def test_what_fills_a_picture_up_is_in_no_mask() -> None:
    task = fitted(CHOSEN, resize="Pad", height=4, width=4)
    mask = np.full((1, 4, 4), 255)
    mask[0, :2] = 1
    assert result(task, (8, 16), mask).tolist() == np.ones((8, 16)).tolist()


def test_what_is_no_mask_is_no_answer() -> None:
    with pytest.raises(ServingError, match="a class that is none from 0 to 255"):
        result(fitted(CHOSEN), (2, 2), np.array([[[0, 256], [0, 0]]]))
    with pytest.raises(ServingError, match="a class that is none from 0 to 255"):
        result(fitted(CHOSEN), (2, 2), np.array([[[0, -1], [0, 0]]]))
    with pytest.raises(NotFiniteError):
        result(fitted(), (2, 2), np.full((1, 19, 2, 2), np.nan, np.float32))
