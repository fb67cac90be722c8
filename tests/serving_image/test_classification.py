"""Pictures through a real server, compared with the bare predictor: small models and real trained ones."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests import bare_predictor
from tests.models import text_line, trained_model
from tests.serving_image.servers import Server, serving

PLAIN = '"mean":[0,0,0],"std":[1,1,1]'


def picture() -> bytes:
    pixels = np.random.default_rng(3).integers(0, 255, (32, 32, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def pixels() -> np.ndarray[Any, np.dtype[np.float32]]:
    image = np.asarray(Image.open(io.BytesIO(picture())), np.float32)
    return (image / np.float32(255)).transpose(2, 0, 1)[None].astype(np.float32)


@pytest.mark.parametrize(("model_format", "name"), [("pir", "picture-one"), ("legacy", "picture")])
def test_a_picture_is_classified_as_the_bare_predictor_does(
    exported: Callable[[str, str], Path], tmp_path: Path, model_format: str, name: str
) -> None:
    """One model has a fixed batch of one, the other an open one; both answer logits."""
    folder = exported(model_format, name)
    (logits,) = bare_predictor.predict(folder, {"image": pixels()}).values()
    wanted = np.exp(logits[0]) / np.exp(logits[0]).sum()
    task = '{"type":"ImageClassification","labels":["zero","one"],"topK":10,"resize":"Stretch",' + PLAIN + "}"
    with serving(folder, tmp_path, name="pictures", task=task) as server:
        answer = httpx.post(f"{server.url}/predict", content=picture())
        assert answer.status_code == 200
        body = answer.json()
        assert list(body) == ["class_id", "label", "score", "top_k", "model"]
        assert body["model"] == "pictures"
        assert body["class_id"] == int(wanted.argmax())
        assert body["top_k"][0]["score"] == body["score"]
        for entry in body["top_k"]:
            assert entry["score"] == pytest.approx(wanted[entry["class_id"]], abs=1e-5)
            assert entry["label"] == {0: "zero", 1: "one"}.get(entry["class_id"])
        check_refusals(server)


def check_refusals(server: Server) -> None:
    """The same server, wrong bodies."""
    for content, headers, status in (
        (b"", {}, 415),
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"GIF89a", {"Content-Type": "image/gif"}, 415),
        (picture()[:200], {"Content-Type": "image/png"}, 400),
    ):
        answer = httpx.post(f"{server.url}/predict", content=content, headers=headers)
        assert (answer.status_code, list(answer.json())) == (status, ["error"])
    form = {"Content-Type": "application/x-www-form-urlencoded"}  # what curl --data-binary says
    assert httpx.post(f"{server.url}/predict", content=picture(), headers=form).status_code == 200


def test_a_trained_classifier_reads_which_way_up(tmp_path: Path) -> None:
    folder = trained_model("textline-orientation")
    task = (
        '{"type":"ImageClassification","labels":["0","180"],"topK":2,"resize":"Pad","channelOrder":"BGR",'
        '"mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5],"height":48,"width":192}'
    )
    with serving(folder, tmp_path, name="textline", task=task) as server:
        for upside_down, label in ((False, "0"), (True, "180")):
            line = text_line(upside_down=upside_down)
            answer = httpx.post(f"{server.url}/predict", content=line).json()
            assert answer["label"] == label
            (scores,) = bare_predictor.predict(folder, {"x": bare_predictor.textline_tensor(line)}).values()
            for entry in answer["top_k"]:
                assert entry["score"] == pytest.approx(scores[0][entry["class_id"]], abs=2e-2)
