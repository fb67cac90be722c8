"""`GET /` of a task that finds things in pictures, in a real browser: they are drawn onto the picture.

`pytest tests/serving_image/describe/test_page_pictures.py --screenshot` renews the picture in docs/tasks/.
"""

import io
import json
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.models import trained_model
from tests.serving_image.describe.test_page_texts import picture
from tests.serving_image.describe.visiting import visit
from tests.serving_image.support.models.trained_masks import masked, segmentation
from tests.serving_image.support.models.trained_shapes import drawn, shapes
from tests.serving_image.support.models.trained_tables import table, tables_model
from tests.serving_image.support.oracles import drawn_pages
from tests.serving_image.support.servers import serving


def test_lines_are_drawn_where_they_stand(
    chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with (
        serving(
            trained_model("character-det"),
            tmp_path,
            name="pages",
            warmup_seconds=0,
            task='{"textDetection":{}}',
        ) as server,
        visit(chromium, f"{server.url}/", viewport={"width": 960, "height": 1200}) as page,
    ):
        page.locator("#file").set_input_files(
            {"name": "page.png", "mimeType": "image/png", "buffer": drawn_pages.page(9)}
        )
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#status")).to_have_text("200 OK")
        found = json.loads(page.locator("#result").inner_text())
        expect(page.locator("#drawn polygon")).to_have_count(len(found["lines"]))
        corners = page.locator("#drawn polygon").first.get_attribute("points")
        assert corners == " ".join(f"{x},{y}" for x, y in found["lines"][0]["box"])
        view = page.locator("#drawn svg").get_attribute("viewBox")
        assert view == f"0 0 {found['width']} {found['height']}"
        shown = page.evaluate("document.querySelector('#drawn img').naturalWidth")
        assert shown == found["width"]
        picture(page, "text-detection.png", request, tmp_path)
        page.locator("#file").set_input_files(
            {"name": "no.png", "mimeType": "image/png", "buffer": b"no picture"}
        )
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#drawn")).to_be_hidden()


def test_objects_are_drawn_with_their_names(
    chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    content = io.BytesIO()
    Image.fromarray(drawn(20_001, 300, 420, noise=False)[0]).save(content, "PNG")
    with (
        serving(shapes("ppyoloe"), tmp_path, name="shapes", warmup_seconds=0) as server,
        visit(chromium, f"{server.url}/", viewport={"width": 960, "height": 1200}) as page,
    ):
        page.locator("#file").set_input_files(
            {"name": "shapes.png", "mimeType": "image/png", "buffer": content.getvalue()}
        )
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#status")).to_have_text("200 OK")
        found = json.loads(page.locator("#result").inner_text())["objects"]
        assert found
        expect(page.locator("#drawn polygon")).to_have_count(len(found))
        box = found[0]["box"]
        corners = page.locator("#drawn polygon").first.get_attribute("points") or ""
        first, _, third, _ = corners.split()
        assert [*map(float, first.split(",")), *map(float, third.split(","))] == pytest.approx(
            [box["xmin"], box["ymin"], box["xmax"], box["ymax"]]
        )
        name = f"{found[0]['label']} {found[0]['score'] * 100:.0f} %"
        expect(page.locator("#drawn text").first).to_have_text(name)
        picture(page, "object-detection.png", request, tmp_path)


def test_a_mask_lies_on_its_picture_with_a_legend(
    chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    content = io.BytesIO()
    Image.fromarray(masked(20_020, 300, 420, noise=False)[0]).save(content, "PNG")
    task = '{"semanticSegmentation":{"labels":["background","rectangle","ellipse"]}}'
    with (
        serving(segmentation("argmax"), tmp_path, name="shapes", warmup_seconds=0, task=task) as server,
        visit(chromium, f"{server.url}/", viewport={"width": 960, "height": 1300}) as page,
    ):
        page.locator("#file").set_input_files(
            {"name": "shapes.png", "mimeType": "image/png", "buffer": content.getvalue()}
        )
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#status")).to_have_text("200 OK")
        found = json.loads(page.locator("#result").inner_text())
        assert [entry["label"] for entry in found["classes"]] == ["background", "ellipse", "rectangle"]
        expect(page.locator("#legend li")).to_have_text(
            [f"{entry['label']} {entry['fraction'] * 100:.1f} %" for entry in found["classes"]]
        )
        shown = page.locator("#legend i").evaluate_all("marks => marks.map((mark) => mark.style.background)")
        colours = [tuple(bytes.fromhex(entry["color"][1:])) for entry in found["classes"]]
        assert shown == [f"rgb{colour}" for colour in colours]
        page.wait_for_function("document.getElementById('mask').naturalWidth === 420")
        places = page.locator("#drawn img").evaluate_all(
            "pictures => pictures.map((p) => JSON.stringify(p.getBoundingClientRect()))"
        )
        assert len(set(places)) == 1  # the mask is where the picture is
        expect(page.locator("#drawn polygon")).to_have_count(0)
        picture(page, "semantic-segmentation.png", request, tmp_path)
        page.locator("#file").set_input_files(
            {"name": "no.png", "mimeType": "image/png", "buffer": b"no picture"}
        )
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#drawn")).to_be_hidden()
        expect(page.locator("#legend")).to_be_hidden()


def test_cells_of_a_table_are_drawn(
    chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with (
        serving(tables_model(), tmp_path, name="tables", warmup_seconds=0, timeout_seconds=120) as server,
        visit(chromium, f"{server.url}/", viewport={"width": 960, "height": 1300}) as page,
    ):
        page.locator("#file").set_input_files(
            {"name": "table.png", "mimeType": "image/png", "buffer": table(7)}
        )
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#status")).to_have_text("200 OK", timeout=60_000)
        found = json.loads(page.locator("#result").inner_text())
        assert found["html"].startswith("<table><tr><td colspan=")
        expect(page.locator("#result table")).to_have_count(0)  # HTML is shown as it is, and never rendered
        expect(page.locator("#drawn polygon")).to_have_count(len(found["cells"]))
        corners = page.locator("#drawn polygon").first.get_attribute("points")
        assert corners == " ".join(f"{x},{y}" for x, y in found["cells"][0]["box"])
        picture(page, "table-structure.png", request, tmp_path)
