"""Texts through a real server: Baidu's LAC finds words and names, as the same network in numpy does."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from paddlemodel_server.errors import StartError
from paddlemodel_server.model import files, signature
from paddlemodel_server.protocol.served import Place
from paddlemodel_server.tasks import registry
from paddlemodel_server.tasks.token_classification.task import TokenClassification

from tests import cleartext
from tests.serving_image.describe.documented import check_examples
from tests.serving_image.support.servers import Server, serving
from tests.trained_text import minilm
from tests.trained_tokens import labels, lac

BAIDU = "百度是一家高科技公司,李彦宏2000年在北京创建。"
TEXTS = (BAIDU, "王小明昨天在上海买了三本书。", "我爱北京天安门!", "2008年8月8日,奥运会在中国举行。")
TASK = '{"tokenClassification":{"labelsFile":"labels.txt","output":"fetch_name_0"}}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("lac")
    with serving(lac(), folder, name="lac", max_batch_size=4, task=TASK, timeout_seconds=300) as running:
        yield running


def asked(server: Server, content: Any) -> Any:
    answer = cleartext.post(f"{server.url}/predict", json=content, timeout=300)
    assert answer.status_code == 200, answer.text
    return answer.json()


def spelled(text: str, entities: list[dict[str, Any]]) -> list[str]:
    """The label of each character, as `labels` has it."""
    found = ["O"] * len(text)
    for entity in entities:
        assert text[entity["start"] : entity["end"]] == entity["text"]
        for at in range(entity["start"], entity["end"]):
            found[at] = f"{entity['label']}-{'B' if at == entity['start'] else 'I'}"
    return found


def test_names_are_found_in_their_places(server: Server) -> None:
    found = asked(server, {"text": BAIDU})
    assert list(found) == ["entities", "tokens", "truncated", "model"]
    named = [(e["label"], e["text"]) for e in found["entities"] if e["label"].isupper()]
    assert named == [("ORG", "百度"), ("PER", "李彦宏"), ("TIME", "2000年"), ("LOC", "北京")]
    assert found["entities"][0] == {"label": "ORG", "text": "百度", "score": None, "start": 0, "end": 2}


def test_every_character_is_labelled_as_the_same_network_in_numpy_does(server: Server) -> None:
    results = asked(server, {"texts": [*TEXTS, "", "😀" + BAIDU]})["results"]
    for text, result in zip(TEXTS, results, strict=False):
        assert spelled(text, result["entities"]) == labels(text)
    assert results[4] == {"error": "The text is empty."}
    assert results[5]["entities"][-1]["end"] == len(BAIDU) + 1  # an emoji is one code point


def test_its_examples_are_answered_as_it_says(server: Server) -> None:
    assert check_examples(server.url) == 5


def test_scores_instead_of_labels_have_a_softmax(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    task = TASK.replace("fetch_name_0", "fetch_name_1")
    folder = tmp_path_factory.mktemp("scores")
    with serving(lac(), folder, name="lac", warmup_seconds=0, task=task) as server:
        found = asked(server, {"text": BAIDU})["entities"]
    named = {entity["text"]: entity for entity in found}
    assert named["李彦宏"]["label"] == "PER"
    assert 0.5 < named["李彦宏"]["score"] <= 1


def fitted(**fields: Any) -> TokenClassification:
    spec = registry.read(json.dumps({"tokenClassification": fields})).spec
    model = signature.read(files.locate(lac()))
    return TokenClassification.fit(spec, Place(model=model, folder=lac()))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"labelsFile": "labels.txt"}, "answers from one output, the model has 2 (fetch_name_0 INT64"),
        (
            {"output": "fetch_name_0"},
            "needs the labels of the model's classes, and config.json",
        ),
        (
            {"output": "fetch_name_1", "labels": ["O"]},
            "has 1 labels, the model 57 classes (fetch_name_1",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_a_cure(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(StartError) as refusal:
        fitted(**fields)
    assert refusal.value.message.startswith(f"The task tokenClassification {said}")


def test_vectors_are_no_labels() -> None:
    spec = registry.read('{"tokenClassification":{"labels":["O"]}}').spec
    model = signature.read(files.locate(minilm("pooled")))
    with pytest.raises(StartError, match=r"takes a float output \[rows, tokens, classes\] or whole numbers"):
        TokenClassification.fit(spec, Place(model=model, folder=minilm("pooled")))
