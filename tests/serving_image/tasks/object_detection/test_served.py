"""Detectors with the contracts of PP-YOLOE, PicoDet and RT-DETR through real servers; they know shapes.

None of them is told its task: infer_cfg.yml and inference.yml beside them say it.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests import bare_predictor, cleartext
from tests.serving_image.support.models.trained_shapes import LABELS, SIDE, drawn, encoded, shapes
from tests.serving_image.support.servers import Server, serving

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
SIZES = ((SIDE, SIDE), (90, 120), (200, 75))


def wanted(name: str, pixels: np.ndarray[Any, Any]) -> list[list[float]]:
    """The bare predictor's rows with at least half a point, by the reference's steps."""
    height, width = pixels.shape[:2]
    scale = min(2 * SIDE / max(height, width), SIDE / min(height, width))
    size = (round(height * scale), round(width * scale)) if name == "picodet" else (SIDE, SIDE)
    image = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_CUBIC).astype(np.float64) / 255
    if name == "picodet":
        image = (image - MEAN) / STD
        image = np.pad(image, ((0, -size[0] % 32), (0, -size[1] % 32), (0, 0)))
    inputs = {
        "image": image.transpose(2, 0, 1)[None].astype(np.float32),
        "scale_factor": np.array([[size[0] / height, size[1] / width]], np.float32),
    }
    if name == "rtdetr":
        inputs["im_shape"] = np.array([size], np.float32)
    rows: Any = next(v for v in bare_predictor.predict(shapes(name), inputs).values() if v.ndim == 2)
    found = rows[rows[:, 1] >= 0.5]
    limit = np.array([width, height, width, height])
    found[:, 2:] = found[:, 2:].clip(0, limit)
    return [list(map(float, row)) for row in found[np.argsort(-found[:, 1], kind="stable")]]


def as_rows(answer: dict[str, Any]) -> list[list[float]]:
    return [
        [entry["class_id"], entry["score"], *(entry["box"][c] for c in ("xmin", "ymin", "xmax", "ymax"))]
        for entry in answer["objects"]
    ]


def check(server: Server, name: str) -> None:
    for number, (height, width) in enumerate(SIZES):
        pixels, _ = drawn(20_000 + number, height, width)
        answer = cleartext.post(f"{server.url}/predict", content=encoded(pixels)).json()
        assert (answer["width"], answer["height"], answer["model"]) == (width, height, name)
        rows = wanted(name, pixels)
        np.testing.assert_allclose(
            np.array(as_rows(answer)).reshape(-1, 6), np.array(rows).reshape(-1, 6), atol=0.05
        )
        assert [entry["label"] for entry in answer["objects"]] == [LABELS[int(row[0])] for row in rows]


@pytest.mark.parametrize("name", ["ppyoloe", "picodet", "rtdetr"])
def test_each_family_answers_as_the_bare_predictor_does(name: str, tmp_path: Path) -> None:
    together = 8 if name == "ppyoloe" else 1  # the others are sent one picture after the other
    with serving(shapes(name), tmp_path, name=name, max_batch_size=together) as server:
        facts = cleartext.get(f"{server.url}/").json()
        source = "inference.yml" if name == "rtdetr" else "infer_cfg.yml"
        assert (facts["task"], facts["task_source"]) == ("objectDetection", source)
        check(server, name)
        if name == "ppyoloe":
            check_accuracy(server)
            check_company(server)
            check_bodies(server)


def check_accuracy(server: Server) -> None:
    """Most shapes are found where they were drawn, and hardly any where there are none."""
    drawn_shapes = found_shapes = invented = 0
    for seed in range(30_000, 30_040):
        pixels, truth = drawn(seed)
        objects = cleartext.post(f"{server.url}/predict", content=encoded(pixels)).json()["objects"]
        rest = [(entry["class_id"], list(entry["box"].values())) for entry in objects]
        drawn_shapes += len(truth)
        for kind, corners in truth:
            near = [r for r in rest if r[0] == kind and np.abs(np.subtract(r[1], corners)).max() < 8]
            if near:
                found_shapes += 1
                rest.remove(near[0])
        invented += len(rest)
    assert found_shapes >= 0.6 * drawn_shapes
    assert invented <= 0.15 * drawn_shapes


def check_company(server: Server) -> None:
    """Pictures that wait together get their own boxes, whoever shares the run."""
    pictures = [encoded(drawn(seed)[0]) for seed in range(40_000, 40_012)]

    def answer(body: bytes) -> Any:
        return cleartext.post(f"{server.url}/predict", content=body).json()["objects"]

    alone = [answer(body) for body in pictures]
    assert any(len(found) != len(alone[0]) for found in alone)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(answer, pictures * 4))
    for found, right in zip(together, alone * 4, strict=True):
        assert [entry["label"] for entry in found] == [entry["label"] for entry in right]
        np.testing.assert_allclose(
            as_rows({"objects": found}) or [[]], as_rows({"objects": right}) or [[]], atol=1e-3
        )


def check_bodies(server: Server) -> None:
    other = cleartext.post(f"{server.url}/predict", json={})
    assert other.status_code == 415
    assert "This model takes the bytes of one image" in other.json()["error"]
    broken = cleartext.post(f"{server.url}/predict", content=encoded(drawn(1)[0])[:100])
    assert broken.status_code == 400
    empty = cleartext.post(f"{server.url}/predict", content=encoded(np.full((40, 40, 3), 128, np.uint8)))
    assert empty.json() == {"objects": [], "width": 40, "height": 40, "model": "ppyoloe"}
    document = cleartext.get(f"{server.url}/openapi.json").json()
    assert document["paths"]["/predict"]["post"]["summary"] == "Find objects in a picture"
    entry = document["components"]["schemas"]["Objects"]["properties"]["objects"]["items"]
    assert set(entry["properties"]) == {"class_id", "label", "score", "box"}
    assert json.loads(json.dumps(document))
