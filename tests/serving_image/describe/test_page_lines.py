"""`GET /` of the tasks that take one line of text, in a real browser.

`pytest tests/serving_image/describe/test_page_lines.py --screenshot` renews the pictures in docs/tasks/.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.models import TURNED_LINES, ModelName, text_line, trained_model
from tests.serving_image.describe.test_page_texts import picture
from tests.serving_image.describe.visiting import visit
from tests.serving_image.support.servers import serving

SIZE = {"width": 960, "height": 760}
CASES: dict[str, tuple[ModelName, dict[str, Any], bool, dict[str, Any]]] = {
    "text-recognition": ("character-rec", {"textRecognition": {}}, False, {"text": "Invoice 2026-117"}),
    "text-line-orientation": (
        "textline-orientation",
        {"textLineOrientation": TURNED_LINES},
        True,
        {"angle": 180},
    ),
}


def send(page: Page, *, turned: bool) -> Any:
    body = text_line(text="Invoice 2026-117", upside_down=turned)
    page.locator("#file").set_input_files({"name": "line.png", "mimeType": "image/png", "buffer": body})
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#status")).to_have_text("200 OK", timeout=60_000)
    return json.loads(page.locator("#result").inner_text())


@pytest.mark.parametrize("name", CASES)
def test_a_picture_is_sent_and_its_answer_shown(
    name: str, chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    model, task, turned, expected = CASES[name]
    options: dict[str, Any] = {"warmup_seconds": 0, "timeout_seconds": 60, "task": json.dumps(task)}
    with (
        serving(trained_model(model), tmp_path, name="lines", **options) as server,
        visit(chromium, f"{server.url}/", viewport=SIZE) as page,
    ):
        expect(page.locator("#curl")).to_contain_text("--data-binary @")
        found = send(page, turned=turned)
        assert expected.items() <= found.items()
        shown = page.locator("#preview").evaluate("picture => picture.naturalHeight")
        assert shown == 48  # what was sent is shown above its answer
        expect(page.locator("#drawn")).to_be_hidden()
        picture(page, f"{name}.png", request, tmp_path)
