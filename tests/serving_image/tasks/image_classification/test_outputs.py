"""Real models that are no classifiers, or unusual ones, behind the task: refused at the start, or right."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests import cleartext
from tests.serving_image.support import servers
from tests.serving_image.support.servers import serving

Export = Callable[[str, str], Path]


def task(**fields: Any) -> str:
    plain = {"mean": [0, 0, 0], "std": [1, 1, 1], "topK": 3, **fields}
    return json.dumps({"imageClassification": plain})


def picture(*colour: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (10, 10), colour).save(content, "PNG")
    return content.getvalue()


def scores(server: servers.Server, *colour: int) -> dict[int, float]:
    answer = cleartext.post(f"{server.url}/predict", content=picture(*colour))
    assert answer.status_code == 200, answer.text
    return {entry["class_id"]: entry["score"] for entry in answer.json()["top_k"]}


@pytest.mark.parametrize("model_format", ["pir", "legacy"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("colour-class", "takes a float output of 2 dimensions [rows, classes], the model has "),
        ("colour-map", "takes a float output of 2 dimensions [rows, classes], the model has "),
        ("colour-features", "answers from one output, the model has 2 ("),
    ],
)
def test_a_model_without_one_output_of_scores_is_refused_at_the_start(
    exported: Export, tmp_path: Path, model_format: str, name: str, message: str
) -> None:
    """Once it was served: class 0 for whatever picture, or one of 3072 classes."""
    server = servers.start(exported(model_format, name), tmp_path, task=task())
    assert server.process.wait(servers.PATIENCE_SECONDS) == 1
    (line,) = server.logged().splitlines()
    assert json.loads(line)["reason"] == "TaskDoesNotFit"
    assert f"The task imageClassification {message}" in line


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 1}, "chooses among classes, the model answered one number; set spec.task.imageClassifi"),
        ({"width": 3, "labels": ["a", "b"]}, "has 2 labels, the model answered 3 classes; name one label"),
    ],
)
def test_classes_that_the_signature_leaves_open_are_counted_at_the_start(
    exported: Export, tmp_path: Path, fields: dict[str, Any], message: str
) -> None:
    """Once it was served: class 0 with a score of 1 for whatever picture, or classes without their names."""
    server = servers.start(exported("pir", "colour-columns"), tmp_path, task=task(**fields))
    assert server.process.wait(servers.PATIENCE_SECONDS) == 1
    lines = [json.loads(line) for line in server.logged().splitlines()]
    assert f"The task imageClassification {message}" in lines[-1]["message"]


def test_open_classes_that_fit_are_served(exported: Export, tmp_path: Path) -> None:
    fields = task(width=3, labels=["left", "middle", "right"], activation="Softmax")
    with serving(exported("pir", "colour-columns"), tmp_path, task=fields) as server:
        answer = cleartext.post(f"{server.url}/predict", content=picture(9, 9, 9)).json()
        assert {entry["label"] for entry in answer["top_k"]} == {"left", "middle", "right"}


def test_the_output_with_the_scores_can_be_named(exported: Export, tmp_path: Path) -> None:
    with serving(exported("pir", "colour-features"), tmp_path, task=task(output="fetch_name_1")) as server:
        for at, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
            found = scores(server, *colour)
            assert next(iter(found)) == at
            assert sum(found.values()) == pytest.approx(1)  # logits got a softmax
            assert found[at] > 0.99


def test_sigmoids_are_scores_already_and_the_log_says_so(exported: Export, tmp_path: Path) -> None:
    """A softmax would answer 0.42, 0.42, 0.16 for yellow, and a third each for black."""
    with serving(exported("pir", "colour-attributes"), tmp_path, task=task()) as server:
        assert scores(server, 255, 255, 0) == pytest.approx({0: 1, 1: 1, 2: 0}, abs=1e-3)
        assert scores(server, 0, 0, 0) == pytest.approx({0: 0, 1: 0, 2: 0}, abs=1e-3)
        warnings = [json.loads(line) for line in server.logged().splitlines() if "sigmoids" in line]
        (warning,) = warnings
        assert warning["level"] == "WARNING"
        assert "set spec.task.imageClassification.activation to None" in warning["message"]


@pytest.mark.parametrize("activation", ["None", "Softmax"])
def test_nothing_is_said_where_the_user_has_decided(
    exported: Export, tmp_path: Path, activation: str
) -> None:
    folder = exported("pir", "colour-attributes")
    with serving(folder, tmp_path, task=task(activation=activation)) as server:
        assert sum(scores(server, 255, 255, 0).values()) == pytest.approx(
            2 if activation == "None" else 1, abs=1e-3
        )
        assert "sigmoids" not in server.logged()
