"""Whether a line is upside down: a trained model through a real server; which models fit."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paddlemodel_api.tasks import TextLineOrientation as Spec
from paddlemodel_server.errors import StartError
from paddlemodel_server.model import files, signature
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.protocol.served import Place, Served
from paddlemodel_server.tasks import registry
from paddlemodel_server.tasks.text_line_orientation.task import TextLineOrientation

from tests import bare_predictor, cleartext
from tests.models import TURNED_LINES, text_line, trained_model
from tests.serving_image.describe.documented import check_answer
from tests.serving_image.support.servers import Server, serving

TASK = json.dumps({"textLineOrientation": TURNED_LINES})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("turns")
    with serving(
        trained_model("textline-orientation"), folder, name="turns", max_batch_size=2, task=TASK
    ) as running:
        yield running


@pytest.mark.parametrize("turned", [False, True])
def test_a_line_is_told_apart_from_one_upside_down(server: Server, turned: bool) -> None:
    """With the score that the bare predictor gives for the same tensor."""
    body, folder = text_line(upside_down=turned, text="Total 42"), trained_model("textline-orientation")
    found = cleartext.post(f"{server.url}/predict", content=body).json()
    model = signature.read(files.locate(folder))
    task = registry.fit(registry.read(TASK), Place(model=model, folder=folder))
    assert isinstance(task, TextLineOrientation)
    (wanted,) = bare_predictor.predict(folder, {"x": task.arrays(body)[0]}).values()
    assert found == {"angle": 180 * turned, "score": pytest.approx(wanted.max(), abs=1e-4), "model": "turns"}
    assert found["angle"] == 180 * int(wanted.argmax())


def test_the_answer_is_as_documented(server: Server) -> None:
    check_answer(server.url, text_line())


def tensor(*shape: int, dtype: str = "float32", name: str = "x") -> Tensor:
    return Tensor(name=name, dtype=dtype, shape=shape)


PICTURE, QUARTERS = tensor(-1, 3, -1, -1), tensor(-1, 4)


def fitted(
    folder: Path, given: Tensor = PICTURE, output: Tensor = QUARTERS, **spec: Any
) -> TextLineOrientation:
    model = Model(format="PIR", inputs=(given,), outputs=(output,))
    place = Place(model=model, folder=folder, scores=lambda: "Logits")
    return TextLineOrientation.fit(Spec(**spec), place)


def test_four_scores_are_quarter_turns(tmp_path: Path) -> None:
    task = fitted(tmp_path)
    model = Model(format="PIR", inputs=(), outputs=(QUARTERS,))
    served = Served(name="m", model=model, task=task, max_request_bytes=1)
    found = task.answer(served, [np.array([[0.0, 1.0, 0.0, 3.0]], np.float32)])
    assert found == {"angle": 270, "score": pytest.approx(np.exp(3) / (2 + np.exp(1) + np.exp(3)))}


def test_a_line_is_stretched_or_filled_up(tmp_path: Path) -> None:
    """White stays white over the whole width, or up to where the line ends; beyond it there are zeros."""
    white = text_line(text=" ")  # 48 pixels high, and not wide
    stretched = fitted(tmp_path, mean=(0, 0, 0), std=(1, 1, 1)).arrays(white)[0]
    assert stretched.shape == (1, 3, 80, 160)
    assert stretched.min() == 1
    filled = fitted(tmp_path, resize="Pad", mean=(0, 0, 0), std=(1, 1, 1)).arrays(white)[0]
    assert (filled[0, 0, :, 0].min(), filled[0, 0, :, -1].max()) == (1, 0)


@pytest.mark.parametrize(
    ("case", "what"),
    [
        ({"given": tensor(-1, 10)}, "takes an FP32 input"),
        ({"output": tensor(-1, 3)}, "takes a float output [rows, 2 or 4 classes]"),
        ({"output": tensor(-1, 2, dtype="int64")}, "takes a float output"),
        ({"given": tensor(-1, 3, 80, 160), "width": 100}, "has width 100, but the model's is 160"),
    ],
)
def test_a_model_that_tells_no_turn_is_refused(tmp_path: Path, case: dict[str, Any], what: str) -> None:
    with pytest.raises(
        StartError, match=r"The task textLineOrientation .*, or use the task tensors\."
    ) as refusal:
        fitted(tmp_path, **case)
    assert what in refusal.value.message
