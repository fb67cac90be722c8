"""Tables through a real server: SLANet_plus, with the structure and the corners that PaddleX gives."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import cleartext
from tests.serving_image.describe.documented import check_answer
from tests.serving_image.support import oracles
from tests.serving_image.support.flask_door import flask_door
from tests.serving_image.support.models.trained_tables import table, tables, tables_model
from tests.serving_image.support.servers import Server, serving

ORACLE = json.loads((Path(*oracles.__path__) / "paddlex_tables.json").read_text(encoding="utf-8"))
QUICK: dict[str, Any] = {"warmup_seconds": 0, "timeout_seconds": 120, "max_batch_size": 1}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tables_model(), tmp_path_factory.mktemp("tables"), name="tables", **QUICK) as running:
        yield running


def found(server: Server, body: bytes) -> Any:
    answer = cleartext.post(f"{server.url}/predict", content=body, timeout=180)
    assert answer.status_code == 200, answer.text
    return answer.json()


def compare(answer: Any, kept: Any) -> None:
    """The same HTML, and corners that differ by a pixel at most, where one of them was cut off."""
    assert f"<html><body>{answer['html']}</body></html>" == kept["html"]
    boxes, size = np.array(kept["boxes"]).reshape(-1, 4, 2), [answer["width"], answer["height"]]
    mine = np.array([cell["box"] for cell in answer["cells"]])
    assert np.abs(mine - boxes.clip(0, size)).max() <= 1
    assert answer["score"] == pytest.approx(kept["score"], abs=1e-3)


def test_tables_have_the_structure_that_paddlex_gives(server: Server) -> None:
    drawn = sha256(b"".join(tables())).hexdigest()
    assert drawn == ORACLE["drawn"], "let paddlex_tables.py answer them anew"
    for body, kept in zip(tables(), ORACLE["SLANet_plus"], strict=True):
        compare(found(server, body), kept)


def test_an_answer_has_the_table_and_its_cells(server: Server) -> None:
    answer = found(server, table(7))
    assert list(answer) == ["html", "cells", "score", "width", "height", "model"]
    assert answer["html"].startswith('<table><tr><td colspan="2"></td></tr><tr><td></td><td></td></tr>')
    assert answer["html"].count("<td") == len(answer["cells"])
    check_answer(server.url, table(7))


def test_several_tables_in_one_form(server: Server) -> None:
    files = [("file", ("x", body, "image/png")) for body in (table(0), b"no picture", table(6))]
    results = cleartext.post(f"{server.url}/predict", files=files, timeout=180).json()["results"]
    assert results[1] == {"error": "The body is not a JPEG, PNG, WebP or BMP image."}
    for body, result in ((table(0), results[0]), (table(6), results[2])):
        assert result["html"] == found(server, body)["html"]


def test_both_doors_answer_alike(server: Server) -> None:
    with flask_door(server) as port:
        for body, status in ((table(6), 200), (table(6)[:300], 400), (b"no picture", 415)):
            first, second = (
                cleartext.post(f"{url}/predict", content=body, timeout=180)
                for url in (server.url, f"http://127.0.0.1:{port}")
            )
            assert (first.status_code, first.content) == (status, second.content)


def test_corners_are_a_share_of_the_picture_where_the_model_is_slanet(tmp_path: Path) -> None:
    with serving(tables_model("SLANet"), tmp_path, name="tables", **QUICK) as server:
        for number, kept in enumerate(ORACLE["SLANet"]):
            compare(found(server, table(number)), kept)
    assert len(ORACLE["SLANet"]) > 1
