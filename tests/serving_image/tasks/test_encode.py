"""Scores to classes."""

import json
from pathlib import Path

import numpy as np
import pytest
from paddlemodel_server import protocol
from paddlemodel_server.errors import NotFiniteError, StartError
from paddlemodel_server.model import bfloat16
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.tasks import encode
from paddlemodel_server.tasks.spec import ImageClassification

SCORES = np.array([[0.1, 0.6, 0.3]], np.float32)


def test_the_best_classes_come_first_with_their_labels() -> None:
    answer = encode.classes(SCORES, ImageClassification(top_k=2), ("cat", "dog"), softmax=False)
    assert answer["class_id"] == 1
    assert answer["label"] == "dog"
    assert answer["score"] == pytest.approx(0.6)
    assert [entry["class_id"] for entry in answer["top_k"]] == [1, 2]
    assert answer["top_k"][1]["label"] is None


def test_logits_become_probabilities_without_overflow() -> None:
    logits = np.array([[1000.0, 1001.0]], np.float32)
    answer = encode.classes(logits, ImageClassification(), (), softmax=True)
    assert answer["score"] == pytest.approx(1 / (1 + np.exp(-1)))
    assert sum(entry["score"] for entry in answer["top_k"]) == pytest.approx(1)


def test_equal_scores_are_ordered_by_class() -> None:
    answer = encode.classes(np.zeros((1, 4)), ImageClassification(top_k=3), (), softmax=True)
    assert [entry["class_id"] for entry in answer["top_k"]] == [0, 1, 2]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_no_class(value: float) -> None:
    with pytest.raises(NotFiniteError):
        encode.classes(np.array([[0.5, value]]), ImageClassification(), (), softmax=True)


def test_scores_in_bfloat16_are_the_numbers_that_their_bits_mean() -> None:
    """The bits of a negative number are larger than those of any positive one."""
    image = Tensor(name="x", dtype="float32", shape=(1, 3, 4, 4))
    scores = Tensor(name="y", dtype="bfloat16", shape=(1, 3))
    served = protocol.Served(
        name="m",
        model=Model(format="PIR", inputs=(image,), outputs=(scores,)),
        task=ImageClassification(activation="None"),
        max_request_bytes=1000,
    )
    bits = bfloat16.bits(np.array([[0.25, 0.75, -1]]))
    answer = protocol.render(served, protocol.PREDICT, protocol.Request(arrays=[]), [bits])
    found = json.loads(answer.body)
    assert (found["class_id"], found["score"]) == (1, 0.75)


def test_labels_come_from_the_task_or_its_file(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("Katze\nHund \n\n", encoding="utf-8")
    assert encode.labels(ImageClassification(labels=("a",)), tmp_path) == ("a",)
    assert encode.labels(ImageClassification(labels_file="labels.txt"), tmp_path) == ("Katze", "Hund")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("\ufeffcat\r\ndog\r\n\r\n", ("cat", "dog")),
        ("cat\n\ndog\n \n\n", ("cat", "", "dog")),
        ("\n\ndog", ("", "", "dog")),
        ("sea\u2028lion\ncat\x0bfish", ("sea\u2028lion", "cat\x0bfish")),
        ("\n \n", ()),
        ("", ()),
    ],
)
def test_the_line_of_a_label_is_the_number_of_its_class(
    tmp_path: Path, content: str, found: tuple[str, ...]
) -> None:
    (tmp_path / "labels.txt").write_bytes(content.encode())
    assert encode.labels(ImageClassification(labels_file="labels.txt"), tmp_path) == found


def test_a_class_of_an_empty_line_has_no_label() -> None:
    answer = encode.classes(SCORES, ImageClassification(), ("cat", "", "dog"), softmax=False)
    assert [entry["label"] for entry in answer["top_k"]] == [None, "dog", "cat"]


def test_a_labels_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(StartError) as refusal:
        encode.labels(ImageClassification(labels_file="labels.txt"), tmp_path)
    assert refusal.value.reason == "LabelsMissing"
    assert "labels.txt" in refusal.value.message
