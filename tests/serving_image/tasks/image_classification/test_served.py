"""Pictures through a real server, compared with the bare predictor: small models and real trained ones."""

import gzip
import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import bare_predictor, cleartext
from tests.models import text_line, trained_model
from tests.serving_image.support.command_line import command
from tests.serving_image.support.flask_door import flask_door
from tests.serving_image.support.servers import Server, serving

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
    labels = json.dumps(["zero", "one", *[""] * 8])
    task = f'{{"imageClassification":{{"labels":{labels},"topK":10,"resize":"Stretch",{PLAIN}}}}}'
    with serving(folder, tmp_path, name="pictures", task=task) as server:
        answer = cleartext.post(f"{server.url}/predict", content=picture())
        assert answer.status_code == 200
        body = answer.json()
        assert list(body) == ["class_id", "label", "score", "top_k", "model"]
        assert body["model"] == "pictures"
        assert body["class_id"] == int(wanted.argmax())
        assert body["top_k"][0]["score"] == body["score"]
        for entry in body["top_k"]:
            assert entry["score"] == pytest.approx(wanted[entry["class_id"]], abs=1e-5)
            assert entry["label"] == {0: "zero", 1: "one"}.get(entry["class_id"])
        (tmp_path / "cat.png").write_bytes(picture())
        assert (
            json.loads(command("predict", server.url, tmp_path / "cat.png"))["class_id"] == body["class_id"]
        )
        check_other_bodies(server)
        check_flask_door(server)


PNG = {"Content-Type": "image/png"}
BODIES: dict[str, tuple[bytes, dict[str, str], int]] = {
    "picture": (picture(), PNG, 200),
    "curl": (picture(), {"Content-Type": "application/x-www-form-urlencoded"}, 200),  # of --data-binary
    "gzip": (gzip.compress(picture()), PNG | {"Content-Encoding": "gzip"}, 200),
    "deflate": (zlib.compress(picture()), PNG | {"Content-Encoding": "deflate"}, 200),
    "no-gzip": (picture(), PNG | {"Content-Encoding": "gzip"}, 400),
    "id": (picture(), PNG | {"X-Request-Id": "seven-7"}, 200),
    "empty": (b"", {}, 415),
    "json": (b"{}", {"Content-Type": "application/json"}, 415),
    "gif": (b"GIF89a", {"Content-Type": "image/gif"}, 415),
    "cut": (picture()[:200], PNG, 400),
    "sized": (picture(), PNG | {"Inference-Header-Content-Length": "0"}, 400),
    "shaped": (picture(), PNG | {"X-Tensor-Shape": "1,3,32,32"}, 400),
    "accept": (picture(), PNG | {"Accept": "application/octet-stream"}, 406),
}


def check_other_bodies(server: Server) -> None:
    """The same server, the same picture in other ways, and wrong bodies."""
    for name, (content, headers, status) in BODIES.items():
        answer = cleartext.post(f"{server.url}/predict", content=content, headers=headers)
        assert (name, answer.status_code) == (name, status), answer.text
        assert next(iter(answer.json())) == ("class_id" if status == 200 else "error")
        if name == "shaped":
            assert "leave the header out" in answer.json()["error"]


def check_flask_door(server: Server) -> None:
    """The same server's other door gives the same answers."""
    with flask_door(server) as port:
        for name, (content, headers, _) in BODIES.items():
            first, second = (
                cleartext.post(f"{url}/predict", content=content, headers=headers)
                for url in (server.url, f"http://127.0.0.1:{port}")
            )
            assert (name, first.status_code, first.content) == (name, second.status_code, second.content)
            for header in ("content-type", "content-length", "x-request-id"):
                assert first.headers.get(header) == second.headers.get(header)


def test_a_trained_classifier_reads_which_way_up(tmp_path: Path) -> None:
    folder = trained_model("textline-orientation")
    task = (
        '{"imageClassification":{"labels":["0","180"],"topK":2,"resize":"Pad","channelOrder":"BGR",'
        '"mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5],"height":48,"width":192}}'
    )
    with serving(folder, tmp_path, name="textline", warmup_seconds=0, task=task) as server:
        for upside_down, label in ((False, "0"), (True, "180")):
            line = text_line(upside_down=upside_down)
            answer = cleartext.post(f"{server.url}/predict", content=line).json()
            assert answer["label"] == label
            (scores,) = bare_predictor.predict(folder, {"x": bare_predictor.textline_tensor(line)}).values()
            for entry in answer["top_k"]:
                assert entry["score"] == pytest.approx(scores[0][entry["class_id"]], abs=2e-2)
