"""Text is found in pictures through a real server, where PaddleX finds it."""

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import cleartext
from tests.models import trained_model
from tests.serving_image.describe.documented import check_answer
from tests.serving_image.support import oracles
from tests.serving_image.support.oracles import drawn_pages
from tests.serving_image.support.servers import Server, serving

ORACLE = json.loads((Path(*oracles.__path__) / "paddlex_text.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("pages")
    with serving(
        trained_model("character-det"), folder, name="pages", max_batch_size=2, task='{"textDetection":{}}'
    ) as running:
        yield running


def found(server: Server, body: bytes) -> Any:
    answer = cleartext.post(f"{server.url}/predict", content=body, timeout=180)
    assert answer.status_code == 200, answer.text
    return answer.json()


def apart(box: list[list[int]], others: list[list[list[int]]]) -> int:
    """How many pixels the worst corner is off the nearest polygon's."""
    return min((int(np.abs(np.array(box) - np.array(other)).max()) for other in others), default=10**6)


def test_lines_are_where_paddlex_finds_them(server: Server) -> None:
    """Each within a pixel, in all pages that were drawn for it; as many, and with its scores.

    OpenCV's smallest rectangles are not the same to the last bit in PaddleX's version of it and in ours, and
    a score is the mean inside of one.
    """
    pages = drawn_pages.pages()
    drawn = sha256(b"".join(pages + drawn_pages.lines())).hexdigest()
    assert drawn == ORACLE["drawn"], "the pages are drawn otherwise: let paddlex_text.py answer them anew"
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda page: found(server, page), pages))
    distances: list[int] = []
    differences: list[float] = []
    for answer, kept in zip(answers, ORACLE["pages"], strict=True):
        assert len(answer["lines"]) == len(kept["boxes"])
        distances += [apart(line["box"], kept["boxes"]) for line in answer["lines"]]
        scores = np.array(sorted(line["score"] for line in answer["lines"]))
        differences += np.abs(scores - sorted(kept["scores"])).tolist()
    assert len(distances) > 150
    assert float(np.mean(np.array(distances) <= 1)) >= 0.99
    assert float(np.mean(np.array(differences) <= 1e-3)) >= 0.98
    assert max(differences) <= 1e-2


def test_an_answer_is_read_from_top_to_bottom_and_names_the_size(server: Server) -> None:
    page = Image.open(io.BytesIO(drawn_pages.page(0)))
    answer = found(server, drawn_pages.page(0))
    assert list(answer) == ["lines", "width", "height", "model"]
    assert (answer["width"], answer["height"], answer["model"]) == (*page.size, "pages")
    tops = [line["box"][0][1] for line in answer["lines"]]
    assert tops == sorted(tops)


def test_several_pages_are_answered_each_in_its_own_pixels(server: Server) -> None:
    pages = [drawn_pages.page(number) for number in range(3)]
    files = [("file", ("x", page, "image/png")) for page in pages]
    answer = cleartext.post(f"{server.url}/predict", files=files, timeout=180).json()
    for page, result in zip(pages, answer["results"], strict=True):
        alone = found(server, page)
        assert (result["width"], result["height"]) == (alone["width"], alone["height"])
        assert [line["box"] for line in result["lines"]] == [line["box"] for line in alone["lines"]]


def test_places_are_those_of_the_picture_upright(server: Server) -> None:
    """A camera stores a picture turned, and says so: width and height are those that a viewer shows."""
    page, exif = Image.open(io.BytesIO(drawn_pages.page(0))).convert("RGB"), Image.Exif()
    exif[0x0112] = 6
    stored, plain = io.BytesIO(), io.BytesIO()
    page.transpose(Image.Transpose.ROTATE_90).save(stored, "JPEG", quality=95, exif=exif)
    page.save(plain, "JPEG", quality=95)
    turned, upright = found(server, stored.getvalue()), found(server, plain.getvalue())
    assert (turned["width"], turned["height"]) == page.size
    assert all(apart(line["box"], [one["box"] for one in upright["lines"]]) <= 2 for line in turned["lines"])


@pytest.mark.parametrize("size", [(1, 1), (20, 9), (3000, 4)], ids=["a-pixel", "tiny", "a-strip"])
def test_nothing_is_found_on_white(server: Server, size: tuple[int, int]) -> None:
    body = io.BytesIO()
    Image.new("RGB", size, "white").save(body, "PNG")
    answer = found(server, body.getvalue())
    assert (answer["lines"], answer["width"], answer["height"]) == ([], *size)


def test_what_is_no_picture_is_refused(server: Server) -> None:
    answer = cleartext.post(f"{server.url}/predict", json={"image": "x"})
    assert (answer.status_code, "send the file as it is" in answer.text) == (415, True)
    assert cleartext.post(f"{server.url}/predict", content=b"no picture").status_code == 415
    assert cleartext.post(f"{server.url}/predict", content=drawn_pages.page(0)[:900]).status_code == 400


def test_the_answer_is_as_documented(server: Server) -> None:
    check_answer(server.url, drawn_pages.page(0))
