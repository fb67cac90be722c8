"""A segmentation net through a real server: masks as JSON and PNG, in company, in forms, by the command."""

import io
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from PIL import Image

from tests import cleartext
from tests.serving_image.support.command_line import command
from tests.serving_image.support.flask_door import flask_door
from tests.serving_image.support.models.trained_masks import LABELS, masked, segmentation
from tests.serving_image.support.models.trained_shapes import encoded
from tests.serving_image.support.servers import Server, serving

PNG = {"Accept": "image/png"}
TASK = '{"semanticSegmentation":{"labels":["background","rectangle","ellipse"]}}'


def read(content: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("masks")
    with serving(segmentation("softmax"), folder, name="masks", max_batch_size=4, task=TASK) as running:
        yield running


def test_the_classes_of_a_picture_as_json_and_as_png(server: Server) -> None:
    picture, truth = masked(60_000, 90, 120)
    answer = cleartext.post(f"{server.url}/predict", content=encoded(picture))
    assert answer.status_code == 200
    found = answer.json()
    assert list(found) == ["classes", "mask", "width", "height", "model"]
    assert (found["width"], found["height"], found["model"]) == (120, 90, "masks")
    mask = read(b64decode(found["mask"]))
    assert mask.shape == (90, 120)
    assert (mask == truth).mean() > 0.98
    for entry in found["classes"]:
        assert entry["label"] == LABELS[entry["class_id"]]
        assert entry["fraction"] == pytest.approx(float((mask == entry["class_id"]).mean()))
    alone = cleartext.post(f"{server.url}/predict", content=encoded(picture), headers=PNG)
    assert (alone.headers["content-type"], alone.content) == ("image/png", b64decode(found["mask"]))
    document: dict[str, Any] = cleartext.get(f"{server.url}/openapi.json").json()
    content = document["paths"]["/predict"]["post"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "image/png"}
    schema = {**content["application/json"]["schema"], "components": document["components"]}
    jsonschema_rs.validate(schema, found)
    wrong = found | {"classes": [found["classes"][0] | {"class_id": 256}]}
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(schema, wrong)


def test_both_doors_answer_alike(server: Server) -> None:
    good = encoded(masked(60_001, 40, 50)[0])
    requests: list[tuple[bytes, dict[str, str], int]] = [
        (good, {}, 200),
        (good, PNG, 200),
        (good, {"Accept": "image/jpeg"}, 406),
        (good[:300], PNG, 400),
        (b"no picture", PNG, 415),
        (b"{}", PNG | {"Content-Type": "application/json"}, 415),
    ]
    with flask_door(server) as port:
        for body, headers, status in requests:
            first, second = (
                cleartext.post(f"{url}/predict", content=body, headers=headers)
                for url in (server.url, f"http://127.0.0.1:{port}")
            )
            assert (first.status_code, first.content) == (status, second.content)
            assert first.headers["content-type"] == second.headers["content-type"]
            if status != 200:
                assert list(first.json()) == ["error"]


def test_pictures_that_wait_together_get_their_own_masks(server: Server) -> None:
    bodies = [encoded(masked(61_000 + seed, 60 + seed, 80)[0]) for seed in range(8)]

    def mask(body: bytes) -> np.ndarray[Any, Any]:
        return read(cleartext.post(f"{server.url}/predict", content=body, headers=PNG).content)

    alone = [mask(body) for body in bodies]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(mask, bodies * 3))
    for found, right in zip(together, alone * 3, strict=True):
        assert found.shape == right.shape
        assert (found == right).mean() > 0.999  # scores that are equal but for rounding
    assert len({right.tobytes() for right in alone}) == len(alone)


def test_several_pictures_in_one_form(server: Server) -> None:
    bodies = [encoded(masked(62_000, 30, 50)[0]), b"no picture", encoded(masked(62_001, 70, 20)[0])]
    files = [("file", ("x", body, "image/png")) for body in bodies]
    found = cleartext.post(f"{server.url}/predict", files=files).json()["results"]
    assert found[1] == {"error": "The body is not a JPEG, PNG, WebP or BMP image."}
    for body, result in zip(bodies[::2], found[::2], strict=True):
        one = cleartext.post(f"{server.url}/predict", content=body, headers=PNG).content
        assert (read(b64decode(result["mask"])) == read(one)).mean() > 0.999
    refused = cleartext.post(f"{server.url}/predict", files=files, headers=PNG)
    assert refused.status_code == 406
    assert refused.json() == {"error": "Accept is 'image/png'; possible here: application/json."}


def test_the_command_saves_the_mask(server: Server, tmp_path: Path) -> None:
    picture = tmp_path / "road.png"
    picture.write_bytes(encoded(masked(63_000, 40, 60)[0]))
    goal = tmp_path / "mask.png"
    assert command("predict", server.url, picture, "--save", goal) == ""
    assert (
        goal.read_bytes()
        == cleartext.post(f"{server.url}/predict", content=picture.read_bytes(), headers=PNG).content
    )
    before = picture.read_bytes()
    assert "is there already" in command("predict", server.url, picture, "--save", picture, code=1)
    assert picture.read_bytes() == before
