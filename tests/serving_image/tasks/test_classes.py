"""Scores to classes."""

import json
from pathlib import Path

import numpy as np
import pytest
from paddlemodel_api.tasks import ImageClassification as Spec
from paddlemodel_server import protocol
from paddlemodel_server.errors import NotFiniteError
from paddlemodel_server.model import bfloat16
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Place
from paddlemodel_server.tasks.classes import above, classes
from paddlemodel_server.tasks.image_classification.task import ImageClassification

SCORES = np.array([[0.1, 0.6, 0.3]], np.float32)


def test_the_best_classes_come_first_with_their_labels() -> None:
    answer = classes(SCORES, 2, ("cat", "dog"), softmax=False)
    assert answer["class_id"] == 1
    assert answer["label"] == "dog"
    assert answer["score"] == pytest.approx(0.6)
    assert [entry["class_id"] for entry in answer["top_k"]] == [1, 2]
    assert answer["top_k"][1]["label"] is None


def test_logits_become_probabilities_without_overflow() -> None:
    logits = np.array([[1000.0, 1001.0]], np.float32)
    answer = classes(logits, 5, (), softmax=True)
    assert answer["score"] == pytest.approx(1 / (1 + np.exp(-1)))
    assert sum(entry["score"] for entry in answer["top_k"]) == pytest.approx(1)


def test_equal_scores_are_ordered_by_class() -> None:
    answer = classes(np.zeros((1, 4)), 3, (), softmax=True)
    assert [entry["class_id"] for entry in answer["top_k"]] == [0, 1, 2]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_no_class(value: float) -> None:
    with pytest.raises(NotFiniteError):
        classes(np.array([[0.5, value]]), 5, (), softmax=True)
    with pytest.raises(NotFiniteError):
        above(np.array([[0.5, value]]), 0.5, ())


def test_all_probable_classes_are_named_and_perhaps_none() -> None:
    found = above(np.array([[0.5, 0.1, 0.9, 0.5]]), 0.5, ("cat", "dog"))
    assert [(entry["class_id"], entry["label"]) for entry in found["classes"]] == [
        (2, None),
        (0, "cat"),
        (3, None),
    ]
    assert above(np.array([[0.5, 0.1]]), 0.6, ()) == {"classes": []}
    (entry,) = above(np.array([[0.0, -1.0]]), 0.5, (), sigmoid=True)["classes"]
    assert (entry["class_id"], entry["score"]) == (0, 0.5)


def test_scores_in_bfloat16_are_the_numbers_that_their_bits_mean() -> None:
    """The bits of a negative number are larger than those of any positive one."""
    image = Tensor(name="x", dtype="float32", shape=(1, 3, 4, 4))
    scores = Tensor(name="y", dtype="bfloat16", shape=(1, 3))
    model = Model(format="PIR", inputs=(image,), outputs=(scores,))
    task = ImageClassification.fit(Spec(activation="None"), Place(model=model, folder=Path()))
    served = protocol.Served(name="m", model=model, task=task, max_request_bytes=1000)
    bits = bfloat16.bits(np.array([[0.25, 0.75, -1]]))
    answer = protocol.render(served, protocol.PREDICT, protocol.Request(arrays=[]), [bits])
    found = json.loads(answer.body)
    assert (found["class_id"], found["score"]) == (1, 0.75)


def test_a_class_of_an_empty_line_has_no_label() -> None:
    answer = classes(SCORES, 5, ("cat", "", "dog"), softmax=False)
    assert [entry["label"] for entry in answer["top_k"]] == [None, "dog", "cat"]
