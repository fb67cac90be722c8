"""Several pictures, or sounds, in one request to a real server: in order, each by its answer or its fault."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]
from PIL import Image

from tests import cleartext
from tests.serving_image.support.flask_door import flask_door
from tests.serving_image.support.servers import Server, serving
from tests.trained_sounds import TONES, dialled, telephone


@pytest.fixture(scope="module")
def pictures(
    exported: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("pictures")
    task = '{"imageClassification":{}}'
    with serving(exported("pir", "picture"), folder, name="pictures", max_batch_size=4, task=task) as running:
        yield running


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (32, 32, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def sent(url: str, bodies: Sequence[bytes]) -> httpx.Response:
    files = [("file", ("x", body, "application/octet-stream")) for body in bodies]
    return cleartext.post(f"{url}/predict", files=files, timeout=180)


def one(url: str, body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = cleartext.post(f"{url}/predict", content=body).json()
    found.pop("model", None)
    return found


def test_pictures_are_answered_in_order_each_as_alone(pictures: Server) -> None:
    bodies = [picture(1), b"no picture", picture(2), picture(1)[:200], b"", picture(3)]
    answer = sent(pictures.url, bodies)
    assert answer.status_code == 200
    found = answer.json()
    assert list(found) == ["results", "model"]
    assert found["model"] == "pictures"
    for body, result in zip(bodies, found["results"], strict=True):
        alone = one(pictures.url, body)
        assert list(result) == list(alone)
        if "error" in alone:
            assert result == alone
        else:
            assert result["class_id"] == alone["class_id"]
            assert result["score"] == pytest.approx(alone["score"], abs=1e-6)
    document: dict[str, Any] = cleartext.get(f"{pictures.url}/openapi.json").json()
    operation = document["paths"]["/predict"]["post"]
    assert "multipart/form-data" in operation["requestBody"]["content"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    for body in (found, cleartext.post(f"{pictures.url}/predict", content=picture(1)).json()):
        jsonschema_rs.validate({**schema, "components": document["components"]}, body)


def test_both_doors_answer_alike(pictures: Server) -> None:
    with flask_door(pictures) as port:
        for bodies in ([picture(1), b""], [b"x", b"y"], [picture(4)] * 65):
            first, second = (sent(url, bodies) for url in (pictures.url, f"http://127.0.0.1:{port}"))
            assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert (first.status_code, first.json()) == (
        400,
        {"error": "The request has more than 64 parts; send several requests."},
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "multipart/form-data"}, 400),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 400),
        ({"Content-Type": "multipart/form-data; boundary=x", "X-Tensor-Shape": "1"}, 400),
        ({"Content-Type": "multipart/form-data; boundary=x", "Accept": "image/png"}, 406),
        ({"Content-Type": "multipart/mixed; boundary=x"}, 415),
    ],
)
def test_other_forms_are_refused(pictures: Server, headers: dict[str, str], status: int) -> None:
    answer = cleartext.post(f"{pictures.url}/predict", content=b"a", headers=headers)
    assert answer.status_code == status


def test_sounds_of_different_lengths_are_answered_in_order(tmp_path: Path) -> None:
    """Of each the workers send the best tokens alone."""

    def call(keys: str) -> bytes:
        content = io.BytesIO()
        soundfile.write(content, dialled(keys, 3, pause=0.1), 8000, format="FLAC")
        return content.getvalue()

    task = json.dumps({"speechRecognition": {"features": {"fbank": TONES}}})
    with serving(telephone(), tmp_path, name="telephone", max_batch_size=4, task=task) as server:
        found = sent(server.url, [call("1"), call("0815" * 3), b"RIFF", call("42")]).json()["results"]
        assert [entry.get("text") for entry in found] == ["1", "081508150815", None, "42"]
        assert found[2] == {"error": "The body is not a WAV, FLAC, Ogg or MP3 sound."}
        assert found[3] == one(server.url, call("42")) | {"score": pytest.approx(found[3]["score"], abs=1e-6)}
