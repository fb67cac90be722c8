"""What a model's classes are called, and that there is more than one."""

from pathlib import Path
from typing import Any

import pytest
from paddlemodel_api.tasks import TextClassification, TokenClassification
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Tensor
from paddlemodel_server.tasks.text.names import columns, names

ONE = Tensor(name="p", dtype="float32", shape=(-1, 1))


@pytest.mark.parametrize(
    ("task", "spec", "cure"),
    [
        ("textClassification", TextClassification(), "set spec.task.textClassification.activation to None"),
        (
            "textClassification",
            TextClassification(activation="Softmax"),
            "or Sigmoid if it is the score of the",
        ),
        ("tokenClassification", TokenClassification(), "export the model with a number for each class"),
    ],
)
def test_one_number_is_no_choice_among_classes(tmp_path: Path, task: str, spec: Any, cure: str) -> None:
    """Its softmax is 1, and its class 0, whatever the text says; a reranker is such a model."""
    with pytest.raises(StartError) as caught:
        names(task, spec, tmp_path, ONE, 1)
    assert caught.value.reason == "TaskDoesNotFit"
    assert "chooses among classes, the model has one number (p FP32 [-1, 1])" in caught.value.message
    assert cure in caught.value.message


@pytest.mark.parametrize("activation", ["None", "Sigmoid"])
def test_one_number_may_be_the_score_of_the_only_class(tmp_path: Path, activation: Any) -> None:
    spec = TextClassification(activation=activation, labels=("spam",))
    assert names("textClassification", spec, tmp_path, ONE, 1) == ("spam",)


@pytest.mark.parametrize(
    ("task", "spec", "alone"),
    [
        ("textClassification", TextClassification(), "activation to None or Sigmoid if it is the score"),
        ("textClassification", TextClassification(activation="Sigmoid"), ""),
        ("tokenClassification", TokenClassification(), "export the model with a number for each class"),
    ],
)
def test_open_classes_are_left_to_the_warm_up(task: str, spec: Any, alone: str) -> None:
    """Where the signature tells how many there are, nothing is left to compare."""
    assert columns(task, spec, 1, 2, ("a", "b")) is None
    found = columns(task, spec, 1, -1, ("a", "b"))
    assert found is not None
    assert (found.task, found.output, found.count, found.names) == (task, 1, 2, "2 labels")
    assert alone in found.alone
    assert bool(alone) == bool(found.alone)
    unnamed = columns(task, spec, 0, -1, ())
    assert unnamed is not None
    assert unnamed.count is None
