"""Whether a model is an image classifier: every other signature is refused at the start, with a cure."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paddlemodel_api.tasks import ImageClassification as Spec
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Place, Reduction, Served, WarmUp
from paddlemodel_server.tasks import classes, reducers
from paddlemodel_server.tasks.image_classification.plan import labels
from paddlemodel_server.tasks.image_classification.task import ImageClassification

PIXELS = (-1, 3, 8, 8)
PICTURE = Tensor(name="x", dtype="float32", shape=PIXELS)
SCORES = Tensor(name="scores", dtype="float32", shape=(-1, 3))


def tensor(*shape: int, dtype: str = "float32", name: str = "x") -> Tensor:
    return Tensor(name=name, dtype=dtype, shape=shape)


def fitted(
    inputs: Tensor | tuple[Tensor, ...] = PICTURE,
    outputs: Tensor | tuple[Tensor, ...] = SCORES,
    folder: Path = Path("/nowhere"),
    **spec: Any,
) -> ImageClassification:
    model = Model(
        format="PIR",
        inputs=inputs if isinstance(inputs, tuple) else (inputs,),
        outputs=outputs if isinstance(outputs, tuple) else (outputs,),
    )
    return ImageClassification.fit(Spec(**spec), Place(model=model, folder=folder))


def refusal(**case: Any) -> str:
    with pytest.raises(StartError) as found:
        fitted(**case)
    assert found.value.reason == "TaskDoesNotFit"
    assert found.value.message.endswith(", or use the task tensors.")
    return found.value.message


@pytest.mark.parametrize(
    ("case", "what", "cure"),
    [
        pytest.param(
            {"inputs": (tensor(*PIXELS), tensor(-1, 2, name="size"))},
            "takes one input, the model has 2 (x, size)",
            "export the model with a single input",
            id="two inputs",
        ),
        pytest.param(
            {"inputs": tensor(-1, 10)},
            "takes an FP32 input of 4 dimensions, the model has x FP32 [-1, 10]",
            "export the model with an input such as FP32 [-1, 3, 224, 224]",
            id="no picture",
        ),
        pytest.param(
            {"inputs": tensor(*PIXELS, dtype="int64")},
            "takes an FP32 input of 4 dimensions, the model has x INT64",
            "export the model with an input such as",
            id="whole numbers in",
        ),
        pytest.param(
            {"inputs": tensor(-1, 7, 8, 8)}, "takes 1 or 3 channels", "grey or colour", id="7 channels"
        ),
        pytest.param(
            {"inputs": tensor(4, 3, 8, 8), "outputs": tensor(4, 3)},
            "sends one picture at a time, the model takes and gives 4: x FP32 [4, 3, 8, 8]",
            "None as its first dimension",
            id="a fixed batch",
        ),
        pytest.param(
            {"inputs": tensor(-1, 3, -1, 8)},
            "needs the field height, because the model leaves it open: x FP32 [-1, 3, -1, 8]",
            "set spec.task.imageClassification.height to",
            id="an open side",
        ),
        pytest.param(
            {"width": 9},
            "has width 9, but the model's is fixed",
            "remove spec.task.imageClassification.width",
            id="another side",
        ),
        pytest.param(
            {"outputs": tensor(-1, dtype="int64", name="class")},
            "takes a float output of 2 dimensions [rows, classes], the model has class INT64 [-1]",
            "export the model without argmax",
            id="argmax",
        ),
        pytest.param(
            {"outputs": tensor(-1, 3, dtype="int32", name="counts")},
            "the model has counts INT32 [-1, 3]",
            "export the model without argmax",
            id="whole numbers out",
        ),
        pytest.param(
            {"outputs": tensor(-1, 3, 32, 32, name="map")},
            "the model has map FP32 [-1, 3, 32, 32]",
            "export the model without argmax or anything else behind its scores",
            id="a map",
        ),
        pytest.param(
            {"outputs": tensor(-1, 1, name="p")},
            "chooses among classes, the model has one number (p FP32 [-1, 1])",
            "set spec.task.imageClassification.activation to None if it is the score of the only class",
            id="one number",
        ),
        pytest.param(
            {"outputs": tensor(8, 3)}, "one picture at a time, the model takes and gives 8", "None", id="rows"
        ),
        pytest.param(
            {"outputs": (tensor(-1, 3, 4, 4, name="features"), SCORES)},
            "answers from one output, the model has 2 (features FP32 [-1, 3, 4, 4], scores FP32 [-1, 3])",
            "name the one with the scores in spec.task.imageClassification.output, or export the model with "
            "only that one",
            id="features first",
        ),
        pytest.param(
            {"output": "logits"},
            "names the output 'logits', the model has scores",
            "correct spec.task.imageClassification.output",
            id="an output that is not there",
        ),
        pytest.param(
            {"labels": ("a", "b")},
            "has 2 labels, the model 3 classes (scores FP32 [-1, 3])",
            "let spec.task.imageClassification.labels name one label for each class",
            id="too few labels",
        ),
        pytest.param(
            {"labels": tuple("abcd")}, "has 4 labels, the model 3 classes", "one label", id="too many"
        ),
    ],
)
def test_another_signature_is_refused_with_its_cure(case: dict[str, Any], what: str, cure: str) -> None:
    message = refusal(**case)
    assert what in message
    assert cure in message


def test_one_number_may_be_the_score_of_the_only_class() -> None:
    """A softmax of one number is 1, whatever the picture shows; so the user has to say that it is a score."""
    assert fitted(outputs=tensor(-1, 1), activation="None", labels=("hot dog",))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_scores_may_be_any_floats(dtype: str) -> None:
    assert fitted(outputs=tensor(-1, 3, dtype=dtype)).output == 0


def test_the_scores_may_be_named_among_several_outputs() -> None:
    task = fitted(outputs=(tensor(-1, 4, name="features"), SCORES), output="scores")
    assert task.warm_up == WarmUp(
        shapes={"x": [1, 3, 8, 8]}, scores=1, setting="spec.task.imageClassification.activation"
    )


@pytest.mark.parametrize(
    ("shape", "spec", "row"),
    [
        ((-1, 3, -1, -1), {"height": 48, "width": 192}, [1, 3, 48, 192]),
        ((-1, -1, 4, 6), {}, [1, 3, 4, 6]),
        ((1, 1, 4, 6), {}, [1, 1, 4, 6]),
        ((-1, 4, 6, 3), {}, [1, 4, 6, 3]),
    ],
)
def test_the_warm_up_runs_with_the_picture_s_shape(
    shape: tuple[int, ...], spec: dict[str, Any], row: list[int]
) -> None:
    assert fitted(inputs=tensor(*shape), **spec).warm_up.shapes == {"x": row}


@pytest.mark.parametrize("activation", ["None", "Softmax", "Sigmoid"])
def test_the_warm_up_judges_no_scores_where_the_user_does(activation: str) -> None:
    task = fitted(activation=activation)
    assert task.warm_up == WarmUp(shapes={"x": [1, 3, 8, 8]})
    assert task.activation(None) == task.activation("Independent") == activation


def test_scores_get_a_softmax_unless_they_are_probabilities_already() -> None:
    task = fitted()
    assert task.activation("Logits") == "Softmax"
    assert task.activation(None) == "Softmax"  # no run told anything
    assert task.activation("Probabilities") == task.activation("Independent") == "None"


def test_with_a_threshold_classes_do_not_exclude_each_other() -> None:
    task = fitted(threshold=0.5)
    assert task.activation("Logits") == task.activation(None) == "Sigmoid"
    assert task.activation("Independent") == "None"


def test_what_is_cut_out_must_fit_into_the_picture() -> None:
    assert "cuts 8 x 8 pixels out of a picture whose shorter side has 7" in refusal(resize_short=7)


def test_labels_come_from_the_task_or_its_file(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("Katze\nHund \nMaus\n", encoding="utf-8")
    assert labels(Spec(labels=("a",)), tmp_path, tensor(-1, 1)) == ("a",)
    assert labels(Spec(labels_file="labels.txt"), tmp_path, SCORES) == ("Katze", "Hund", "Maus")
    assert labels(Spec(), tmp_path, SCORES) == ()


@pytest.mark.parametrize(
    ("content", "classes", "found"),
    [
        ("\ufeffcat\r\ndog\r\n\r\n", 2, ("cat", "dog")),
        ("cat\n\ndog\n \n\n", 3, ("cat", "", "dog")),
        ("cat\n\ndog\n \n\n", 5, ("cat", "", "dog", "", "")),
        ("cat\n\ndog\n \n\n", -1, ("cat", "", "dog")),
        ("cat\ndog", -1, ("cat", "dog")),
        ("\n\ndog", 3, ("", "", "dog")),
        ("sea\u2028lion\ncat\x0bfish", 2, ("sea\u2028lion", "cat\x0bfish")),
    ],
)
def test_the_line_of_a_label_is_the_number_of_its_class(
    tmp_path: Path, content: str, classes: int, found: tuple[str, ...]
) -> None:
    (tmp_path / "labels.txt").write_bytes(content.encode())
    assert labels(Spec(labels_file="labels.txt"), tmp_path, tensor(-1, classes)) == found


@pytest.mark.parametrize("content", ["cat\ndog\n", "cat\ndog", "a\nb\nc\nd\n"])
def test_a_file_with_more_or_fewer_labels_than_classes_is_refused(tmp_path: Path, content: str) -> None:
    """The end of the last line is no further label."""
    (tmp_path / "labels.txt").write_text(content)
    message = refusal(folder=tmp_path, labels_file="labels.txt")
    assert f"has {len(content.split())} labels, the model 3 classes" in message
    assert "let spec.task.imageClassification.labelsFile name one label for each class" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "The labels file labels.txt cannot be read from the model's folder"),
        (b"\xff\xfe", "cannot be read from the model's folder"),
        (b"", "The labels file labels.txt is empty; write one label per line."),
        (b"\n \n", "The labels file labels.txt is empty"),
    ],
)
def test_a_labels_file_must_be_there_and_name_something(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(StartError) as refused:
        labels(Spec(labels_file="labels.txt"), tmp_path, SCORES)
    assert refused.value.reason == "LabelsMissing"
    assert message in refused.value.message


def test_of_many_classes_workers_leave_the_best_alone() -> None:
    """What they leave gives the answer that all scores would have given, with the softmax of logits."""
    many = tensor(-1, 2000, name="scores")
    task = fitted(outputs=many, top_k=3, activation="Softmax")
    assert task.warm_up.reduction == Reduction(function="top", output=0, axis=1, count=3)
    scores = np.random.default_rng(5).normal(0, 3, (1, 2000)).astype(np.float32)
    model = Model(format="PIR", inputs=(PICTURE,), outputs=(many,))
    served = Served(name="m", model=model, task=task, max_request_bytes=1)
    left = reducers.reducer(task.warm_up.reduction, model)([scores])
    assert sum(part.nbytes for part in left) < 100
    found, whole = task.answer(served, left), classes.classes(scores, 3, (), softmax=True)
    assert found["class_id"] == whole["class_id"]
    for one, other in zip(found["top_k"], whole["top_k"], strict=True):
        assert one == other | {"score": pytest.approx(other["score"])}
    assert fitted(outputs=many, threshold=0.5).warm_up.reduction is None  # any number of them may be above
    assert fitted(outputs=tensor(-1, 1000)).warm_up.reduction is None
