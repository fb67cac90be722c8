"""A page is read by one server as by two models that are asked one after the other."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, expect

from tests import cleartext
from tests.models import TURNED_LINES, trained_model
from tests.serving_image.describe.documented import check_answer, check_examples
from tests.serving_image.describe.test_page_texts import picture
from tests.serving_image.describe.visiting import visit
from tests.serving_image.support import oracles
from tests.serving_image.support.command_line import command
from tests.serving_image.support.oracles import drawn_pages, printed_pages
from tests.serving_image.support.servers import Server, metric, serving

EXAMPLE = Path(__file__).parents[4] / "examples" / "read_page.py"
# Nothing is tried, as these servers answer a few requests; a busy machine may take its time for them.
QUICK: dict[str, Any] = {"warmup_seconds": 0, "timeout_seconds": 120}
TEXTS = ["Invoice 2026-11-28", "Total amount 1,234.50 EUR", "Thank you for your order"]


@cache
def askew() -> bytes:
    page, body = Image.new("RGB", (640, 360), "white"), io.BytesIO()
    for at, text in enumerate(TEXTS):
        ImageDraw.Draw(page).text((40, 40 + 90 * at), text, "black", ImageFont.load_default(26))
    page.rotate(2, Image.Resampling.BICUBIC, fillcolor="white").save(body, "PNG")
    return body.getvalue()


ORACLE = json.loads((Path(*oracles.__path__) / "paddlex_pages.json").read_text(encoding="utf-8"))


def both() -> list[bytes]:
    return [askew(), drawn_pages.page(2)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With all three models; the folders are named as the operator does it, relative to the first."""
    finder, folder = trained_model("character-det"), tmp_path_factory.mktemp("ocr")
    further = {
        "recognition": trained_model("character-rec"),
        "orientation": trained_model("textline-orientation"),
    }
    folders = {name: os.path.relpath(model, finder) for name, model in further.items()}
    places = {name: {"uri": f"file:///models/{name}"} for name in further}
    task = json.dumps({"ocr": {**places, "turning": TURNED_LINES}})
    options = {"name": "pages", "task": task, "further_models": json.dumps(folders)}
    with serving(finder, folder, **options, **QUICK) as running:
        yield running


def read(server: Server, body: bytes) -> Any:
    answer = cleartext.post(f"{server.url}/predict", content=body, timeout=180)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_one_server_answers_as_two_models_asked_one_after_the_other(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The example's way over HTTP: the same polygons, and the same texts, also of a line a little askew."""
    one, other = tmp_path_factory.mktemp("finder"), tmp_path_factory.mktemp("reader")
    (one / "page.png").write_bytes(askew())
    with (
        serving(trained_model("character-det"), one, **QUICK) as finder,
        serving(trained_model("character-rec"), other, **QUICK) as reader,
    ):
        for body in both():
            found = cleartext.post(f"{finder.url}/predict", content=body, timeout=180).json()["lines"]
            lines = read(server, body)["lines"]
            assert [line["box"] for line in lines] == [line["box"] for line in found]
        command = [sys.executable, str(EXAMPLE), str(one / "page.png"), finder.url, reader.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    assert done.stdout.splitlines() == read(server, askew())["text"].splitlines() == TEXTS


def test_an_answer_has_lines_in_order_and_all_of_the_text(server: Server) -> None:
    answer = read(server, askew())
    assert list(answer) == ["lines", "text", "width", "height", "model"]
    assert [line["text"] for line in answer["lines"]] == TEXTS
    assert answer["text"] == "\n".join(TEXTS)
    assert (answer["width"], answer["height"], answer["model"]) == (640, 360, "pages")
    assert min(line["score"] for line in answer["lines"]) > 0.9
    check_answer(server.url, askew())


def test_pages_that_come_together_are_answered_as_alone(server: Server) -> None:
    pages = both()
    alone = [read(server, body) for body in pages]
    with ThreadPoolExecutor(len(pages)) as pool:
        together = list(pool.map(lambda body: read(server, body), pages))
    for one, other in zip(alone, together, strict=True):
        assert one["text"] == other["text"]
        for mine, theirs in zip(one["lines"], other["lines"], strict=True):
            assert mine["box"] == theirs["box"]
            assert mine["score"] == pytest.approx(theirs["score"], abs=1e-4)


def test_pages_are_read_as_paddlex_reads_them(server: Server) -> None:
    """Text by text, in its order, where its pipeline finds them; test_paddlex.py compares all pages."""
    pages = printed_pages.pages()
    assert sha256(b"".join(pages)).hexdigest() == ORACLE["drawn"]
    for body, kept in list(zip(pages, ORACLE["pages"], strict=True))[:3:2]:
        lines = read(server, body)["lines"]
        assert [line["text"] for line in lines] == kept["texts"]
        assert [line["score"] for line in lines] == pytest.approx(kept["scores"], abs=0.05)
        boxes = np.array([line["box"] for line in lines])
        assert np.abs(boxes - np.array(kept["boxes"])).max() <= 1


def test_polygons_and_texts_are_drawn_onto_the_page(
    server: Server, chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with visit(chromium, f"{server.url}/", viewport={"width": 960, "height": 1200}) as page:
        page.locator("#file").set_input_files(
            {"name": "page.png", "mimeType": "image/png", "buffer": askew()}
        )
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#status")).to_have_text("200 OK")
        expect(page.locator("#drawn polygon")).to_have_count(len(TEXTS))
        expect(page.locator("#drawn text")).to_have_text(TEXTS)
        expect(page.locator("td", has_text="recognition: input")).to_have_count(1)
        picture(page, "ocr.png", request, tmp_path)


def test_a_page_on_its_head_is_read(server: Server) -> None:
    """The first line is the last one then; each stands on its head, and is turned before it is read."""
    body = io.BytesIO()
    Image.open(io.BytesIO(askew())).rotate(180).save(body, "PNG")
    assert read(server, body.getvalue())["text"].splitlines() == TEXTS[::-1]


def test_a_page_without_text_has_no_lines(server: Server) -> None:
    body = io.BytesIO()
    Image.new("RGB", (64, 48), "white").save(body, "PNG")
    answer = read(server, body.getvalue())
    assert (answer["lines"], answer["text"]) == ([], "")


def test_what_is_no_page_is_refused(server: Server) -> None:
    assert cleartext.post(f"{server.url}/predict", json={}).status_code == 415
    assert cleartext.post(f"{server.url}/predict", content=askew()[:900]).status_code == 400
    form = [("file", ("x", askew(), "image/png"))]
    assert cleartext.post(f"{server.url}/predict", files=form).status_code == 415


def test_the_server_tells_of_both_models(server: Server) -> None:
    """Facts, the log and metrics; the protocols' routes take the tensors of the first one."""
    read(server, askew())
    facts = cleartext.get(f"{server.url}/", headers={"Accept": "application/json"}).json()
    reader, turner = facts["further_models"]
    assert (reader["name"], reader["outputs"][0]["shape"]) == ("recognition", [-1, -1, 18385])
    assert (turner["name"], turner["outputs"][0]["shape"]) == ("orientation", [-1, 2])
    settings = {setting["field"]: setting["from"] for setting in facts["task_settings"]}
    assert settings["reading.characters"].startswith("inference.yml")
    assert settings["detection.threshold"].startswith("inference.yml")
    assert settings["scoreThreshold"] == "default"
    for stage in ("detection", "crop", "orientation", "recognition"):
        assert metric(server, f'paddle_stage_duration_seconds_count{{stage="{stage}"}}') > 0
    ready = [json.loads(line) for line in server.logged().splitlines() if '"ready"' in line]
    assert [line.get("model") for line in ready] == ["orientation", "recognition", None]
    check_examples(server.url)
    zeros = np.zeros(3 * 64 * 64).tolist()
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 3, 64, 64], "data": zeros}
    answer = cleartext.post(f"{server.url}/v2/models/pages/infer", json={"inputs": [tensor]}, timeout=180)
    assert answer.json()["outputs"][0]["shape"] == [1, 1, 64, 64]


def test_the_commands_send_a_page_and_measure_pages(server: Server, tmp_path: Path) -> None:
    page = tmp_path / "page.png"
    page.write_bytes(askew())
    found = json.loads(command("predict", server.url, page))
    assert found["text"] == "\n".join(TEXTS)
    load = ("--concurrency", 2, "--duration", 1, "--warmup", 0, "--rounds", 1, "--json")
    (one,) = json.loads(command("bench", server.url, "--body", page, *load))
    assert one["errors"] == {}
