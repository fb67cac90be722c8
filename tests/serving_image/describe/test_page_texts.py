"""`GET /` of the tasks for texts, in a real browser: a text is sent as it is written.

`pytest tests/serving_image/describe/test_page_texts.py --screenshot` renews the pictures in docs/tasks/.
"""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import cleartext
from tests.serving_image.describe.visiting import visit
from tests.serving_image.support.servers import serving
from tests.trained_text import minilm
from tests.trained_tokens import lac

PICTURES = Path(__file__).parents[3] / "docs" / "tasks"
SIZE = {"width": 960, "height": 700}


def picture(page: Page, name: str, request: pytest.FixtureRequest, folder: Path) -> None:
    """The picture in the documentation; with --screenshot it is renewed."""
    goal = (PICTURES if request.config.getoption("--screenshot") else folder) / name
    page.screenshot(path=goal)
    assert 1000 < goal.stat().st_size < 150_000


def test_a_text_becomes_a_vector(chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with (
        serving(minilm(), tmp_path, name="minilm", warmup_seconds=0, task='{"textEmbedding":{}}') as server,
        visit(chromium, f"{server.url}/", viewport=SIZE) as page,
    ):
        expect(page.locator("#curl")).to_contain_text("/predict -H 'Content-Type: application/json'")
        page.get_by_label("Text", exact=True).fill("The guitar <b>plays</b>")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#status")).to_have_text("200 OK")
        found = json.loads(page.locator("#result").inner_text())
        sent = cleartext.post(f"{server.url}/predict", json={"text": "The guitar <b>plays</b>"}).json()
        assert found["embedding"] == pytest.approx(sent["embedding"], abs=1e-6)
        assert page.locator("#marked").is_hidden()
        picture(page, "text-embedding.png", request, tmp_path)
        page.get_by_label("Text", exact=True).fill("")
        page.get_by_label("Text", exact=True).press("Control+Enter")
        expect(page.locator("#result")).to_contain_text("The text is empty.")
        page.get_by_label("tensors as JSON").check()
        expect(page.get_by_label("Text", exact=True)).to_be_hidden()
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#status")).to_have_text("200 OK")


def test_a_text_is_classified(chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with (
        serving(
            minilm("sentiment"), tmp_path, name="mood", warmup_seconds=0, task='{"textClassification":{}}'
        ) as server,
        visit(chromium, f"{server.url}/", viewport=SIZE) as page,
    ):
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#classes li").first).to_contain_text("praise")
        assert page.locator("#classes li").count() == 2
        picture(page, "text-classification.png", request, tmp_path)


def test_entities_are_marked(chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """In their places, which are counted in code points: an emoji is one."""
    task = '{"tokenClassification":{"labelsFile":"labels.txt","output":"fetch_name_0"}}'
    with (
        serving(lac(), tmp_path, name="lac", warmup_seconds=0, task=task) as server,
        visit(chromium, f"{server.url}/", viewport=SIZE) as page,
    ):
        page.get_by_label("Text", exact=True).fill("😀李彦宏在北京创建百度<b>。")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#marked")).to_be_visible()
        marked = page.locator("#marked mark").all_inner_texts()
        assert {"李彦宏PER", "北京LOC"} <= set(marked)
        expect(page.locator("#marked b")).to_have_count(0)  # what is marked is no markup
        page.get_by_label("Text", exact=True).fill("百度是一家高科技公司,李彦宏2000年在北京创建。")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#marked")).to_contain_text("2000年TIME")
        picture(page, "token-classification.png", request, tmp_path)
        page.get_by_label("Text", exact=True).fill(" ")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#marked")).to_be_hidden()
