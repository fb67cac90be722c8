"""`GET /` of a model with code of its own, in a real browser: any file is sent, any answer is shown.

`pytest tests/serving_image/describe/test_page_custom.py --screenshot` renews the picture in docs/tasks/.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.serving_image.describe.test_page_texts import SIZE, picture
from tests.serving_image.describe.visiting import visit
from tests.serving_image.support.servers import serving
from tests.serving_image.tasks.custom.test_served import HANDLER, TASK
from tests.trained_text import with_files


def test_a_file_goes_to_the_model_s_own_code(
    chromium: Browser,
    exported: Callable[[str, str], Path],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    model = with_files(exported("pir", "mixed"), tmp_path / "model", handler__py=HANDLER)
    (tmp_path / "numbers.txt").write_text("1 2.5 3")
    with (
        serving(model, tmp_path, name="own", task=TASK, custom_tasks="true") as server,
        visit(chromium, f"{server.url}/", viewport=SIZE) as page,
    ):
        page.locator("#file").set_input_files(tmp_path / "numbers.txt")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#result")).to_contain_text('"doubled": [2, 5, 6]')
        picture(page, "custom.png", request, tmp_path)
