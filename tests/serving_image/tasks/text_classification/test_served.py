"""Texts through a real server: classes of a trained model, as the bare predictor scores them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
from paddlemodel_server.errors import StartError
from paddlemodel_server.model import files, signature
from paddlemodel_server.protocol.served import Place, ScoreKind
from paddlemodel_server.tasks import registry
from paddlemodel_server.tasks.text_classification.task import TextClassification

from tests import bare_predictor, cleartext
from tests.serving_image.describe.documented import check_examples
from tests.serving_image.support.flask_door import flask_door
from tests.serving_image.support.servers import Server, serving
from tests.trained_text import minilm, with_files

PRAISE = "What a delightful evening, I loved every minute of it."
BLAME = "This was a complete waste of time and money."


def expected(text: str, pair: str | None = None) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The softmax of the bare predictor's logits for the tokens of a text or a pair, without padding."""
    tokenizer = tokenizers.Tokenizer.from_file(str(minilm("sentiment") / "tokenizer.json"))
    tokenizer.no_padding()
    encoding = tokenizer.encode(text, pair)
    inputs = {"input_ids": np.array([encoding.ids]), "token_type_ids": np.array([encoding.type_ids])}
    (logits,) = bare_predictor.predict(minilm("sentiment"), inputs).values()
    scores = np.exp(logits[0].astype(np.float64))
    found: np.ndarray[Any, np.dtype[np.float64]] = scores / scores.sum()
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sentiment")
    with serving(
        minilm("sentiment"), folder, name="mood", max_batch_size=4, task='{"textClassification":{}}'
    ) as running:
        yield running


def asked(server: Server, content: Any) -> Any:
    answer = cleartext.post(f"{server.url}/predict", json=content, timeout=180)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_texts_are_classified_as_the_bare_predictor_does(server: Server) -> None:
    """With the labels of config.json; logits get a softmax, which the warm-up finds out."""
    for text, label in ((PRAISE, "praise"), (BLAME, "blame")):
        found = asked(server, {"text": text})
        assert list(found) == ["class_id", "label", "score", "top_k", "tokens", "truncated", "model"]
        assert (found["label"], found["model"]) == (label, "mood")
        for entry in found["top_k"]:
            assert entry["score"] == pytest.approx(expected(text)[entry["class_id"]], abs=1e-5)


def test_a_pair_is_read_as_one(server: Server) -> None:
    pair = {"text": PRAISE, "text_pair": BLAME}
    found, listed = asked(server, pair), asked(server, {"texts": [pair, PRAISE, {"text": " "}]})
    scores = expected(PRAISE, BLAME)
    assert found["score"] == pytest.approx(scores.max(), abs=1e-5)
    assert [entry.get("error", entry.get("label")) for entry in listed["results"]] == [
        found["label"],
        "praise",
        "The text is empty.",
    ]


def test_its_examples_are_answered_as_it_says(server: Server) -> None:
    assert check_examples(server.url) == 5


def test_both_doors_answer_alike(server: Server) -> None:
    with flask_door(server) as port:
        for content in ({"text": PRAISE}, {"texts": [BLAME, ""]}, {"text": 1}):
            first, second = (
                cleartext.post(f"{url}/predict", json=content)
                for url in (server.url, f"http://127.0.0.1:{port}")
            )
            assert first.status_code == second.status_code
            assert list(first.json()) == list(second.json())


def fitted(folder: Path, scores: ScoreKind | None = None, **fields: Any) -> TextClassification:
    chosen = registry.read(json.dumps({"textClassification": fields}))
    model = signature.read(files.locate(folder))
    return TextClassification.fit(chosen.spec, Place(model=model, folder=folder, scores=lambda: scores))


@pytest.mark.parametrize(
    ("asked_for", "found", "config", "expected_kind"),
    [
        ("Auto", "Logits", {}, "Softmax"),
        ("Auto", None, {}, "Softmax"),
        ("Auto", "Probabilities", {}, "None"),
        ("Auto", "Independent", {}, "None"),
        ("Auto", "Logits", {"problem_type": "multi_label_classification"}, "Sigmoid"),
        ("Auto", "Independent", {"problem_type": "multi_label_classification"}, "None"),
        ("Softmax", "Probabilities", {}, "Softmax"),
        ("Sigmoid", None, {}, "Sigmoid"),
        ("None", "Logits", {}, "None"),
    ],
)
def test_what_turns_outputs_into_scores(
    tmp_path: Path, asked_for: str, found: ScoreKind | None, config: dict[str, Any], expected_kind: str
) -> None:
    folder = with_files(minilm("sentiment"), tmp_path / "model", config__json=json.dumps(config))
    task = fitted(folder, found, activation=asked_for)
    assert task.activation(found) == expected_kind


def test_room_for_a_text_is_left() -> None:
    """A pair has three special tokens."""
    fitted(minilm("sentiment"), maxTokens=4, longTexts="Truncate").load()
    with pytest.raises(StartError, match="takes 3 tokens, and the tokenizer adds 3 to a text; set spec"):
        fitted(minilm("sentiment"), maxTokens=3).load()


def test_labels_come_from_the_spec_a_file_or_config_json(tmp_path: Path) -> None:
    folder = with_files(minilm("sentiment"), tmp_path / "model", names__txt="bad\ngood\n")
    assert fitted(folder).labels == ("blame", "praise")
    assert fitted(folder, labelsFile="names.txt").labels == ("bad", "good")
    assert fitted(folder, labels=["no", "yes"]).labels == ("no", "yes")
    gap = with_files(minilm("sentiment"), tmp_path / "gap", config__json='{"id2label": {"1": "a"}}')
    assert fitted(gap).labels == ()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"labels": ["one"]}, "has 1 labels, the model 2 classes (fetch_name_0 FP32 [-1, 2])"),
        ({"output": "y"}, "names the output 'y', the model has fetch_name_0"),
        ({"maxTokens": 513}, "takes 513 tokens, the model 512 (max_position_embeddings of config.json)"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_cure(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(StartError) as refusal:
        fitted(minilm("sentiment"), **fields)
    assert refusal.value.message.startswith(f"The task textClassification {said}")


def test_an_output_with_a_vector_for_each_token_is_none_of_classes() -> None:
    with pytest.raises(StartError, match=r"takes a float output of 2 dimensions \[rows, classes\]"):
        fitted(minilm())


@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.txt"])
def test_a_server_does_not_start_with_another_model_s_tokenizer(tmp_path: Path, name: str) -> None:
    other = "\n".join(f"token{at}" for at in range(40_000))
    if name == "tokenizer.json":
        other = json.dumps({"model": {"vocab": {"[UNK]": 0, "x": 40_000}}})
    left_out = {"tokenizer.json", "vocab.txt"} - {name}
    folder = with_files(
        minilm("sentiment"), tmp_path / "model", *left_out, **{name.replace(".", "__"): other}
    )
    with pytest.raises(StartError, match="but the model's table has the ids 0 to 30521; put the"):
        fitted(folder)
