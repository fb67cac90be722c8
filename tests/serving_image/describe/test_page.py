"""`GET /` in a real browser: Debian's Chromium over a real server, for both tasks.

`pytest tests/serving_image/describe/test_page.py --screenshot` renews docs/page.png.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from paddlemodel_server.model import files
from playwright.sync_api import Browser, expect

from tests import cleartext
from tests.models import TURNED_LINES, text_line, trained_model
from tests.serving_image.describe.visiting import visit
from tests.serving_image.support.servers import Server, serving

HOSTILE = "<script>document.title='owned'</script>"
TASK = TURNED_LINES | {"labels": ["upright", "upside down"]}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A trained model that detects whether a line of text is upside down."""
    folder, model = tmp_path_factory.mktemp("page"), trained_model("textline-orientation")
    task = json.dumps({"imageClassification": TASK})
    with serving(model, folder, name="textline-orientation", warmup_seconds=0, task=task) as running:
        yield running


def test_a_picture_is_classified(pictures: Server, chromium: Browser, tmp_path: Path) -> None:
    picture = tmp_path / "line.png"
    picture.write_bytes(text_line(upside_down=True))
    with visit(chromium, f"{pictures.url}/") as page:
        expect(page).to_have_title("textline-orientation · PaddleModel")
        expect(page.get_by_role("status")).to_have_text("ready")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#result")).to_contain_text("Choose a picture first.")
        page.get_by_label("Choose a picture").set_input_files(picture)
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#status")).to_have_text("200 OK")
        expect(page.locator("#time")).to_have_text(re.compile(r"^\d+\.\d ms"))
        first = page.locator("#classes li").first
        expect(first).to_contain_text("upside down")
        assert page.locator("#classes li").count() == 2
        shown = json.loads(page.locator("#result").inner_text())
        assert shown == cleartext.post(f"{pictures.url}/predict", content=picture.read_bytes()).json()
        page.locator("#file").set_input_files(
            {"name": "no.png", "mimeType": "image/png", "buffer": b"no picture"}
        )
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#status")).to_have_text(re.compile("^4"))
        expect(page.locator("#classes")).to_be_hidden()


def test_a_reader_of_chinese_has_the_page_in_chinese(pictures: Server, chromium: Browser) -> None:
    """As the browser asks; whoever prefers another language that the page has not gets English."""
    with visit(chromium, f"{pictures.url}/", locale="zh-CN") as page:
        expect(page.locator("html")).to_have_attribute("lang", "zh")
        expect(page.get_by_role("status")).to_have_text("就绪")
        page.get_by_role("button", name="发送").click()
        expect(page.locator("#status")).to_have_text("还没有文件")
        expect(page.locator("#result")).to_contain_text("请先选择一张图片。")
        page.locator("#file").set_input_files(
            {"name": "line.png", "mimeType": "image/png", "buffer": text_line()}
        )
        page.get_by_role("button", name="发送").click()
        expect(page.locator("#time")).to_contain_text("毫秒，由此浏览器测得")
    asked = {"Accept": "text/html", "Accept-Language": "fr, zh;q=0.2, en;q=0.1"}
    answer = cleartext.get(f"{pictures.url}/", headers=asked)
    assert 'lang="zh"' in answer.text
    assert answer.headers["Vary"] == "Accept, Accept-Language"
    assert 'lang="en"' in cleartext.get(f"{pictures.url}/", headers={**asked, "Accept-Language": "fr"}).text


def test_an_image_model_takes_tensors_too(pictures: Server, chromium: Browser) -> None:
    """Its example is too long for the page's source: the script fills it with zeros."""
    with visit(chromium, f"{pictures.url}/") as page:
        page.get_by_label("tensors as JSON").check()
        expect(page.locator("#drop")).to_be_hidden()
        assert json.loads(page.get_by_label("JSON, Open").input_value())["inputs"][0]["shape"] == [
            1,
            3,
            48,
            192,
        ]
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#status")).to_have_text("200 OK")
        (output,) = json.loads(page.locator("#result").inner_text())["outputs"]
        assert output["shape"] == [1, 2]


def test_json_is_answered_and_a_wrong_body_explained(server: Server, chromium: Browser) -> None:
    with visit(chromium, f"{server.url}/") as page:
        box = page.get_by_label("JSON, Open")
        request = json.loads(box.input_value())
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#status")).to_have_text("200 OK")
        answer = cleartext.post(f"{server.url}/v2/models/mixed/infer", json=request).json()
        assert json.loads(page.locator("#result").inner_text()) == answer
        request["inputs"][0]["shape"] = [1]
        box.fill(json.dumps(request))
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#status")).to_have_text("400 Bad Request")
        expect(page.locator("#result")).to_contain_text("expected [-1, -1]")
        box.fill("{")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#result")).to_contain_text("not JSON")


def test_everything_is_reached_by_keyboard(server: Server, pictures: Server, chromium: Browser) -> None:
    with visit(chromium, f"{server.url}/") as page:
        page.keyboard.press("Tab")
        expect(page.locator("#body")).to_be_focused()
        page.keyboard.press("Control+Enter")
        expect(page.locator("#status")).to_have_text("200 OK")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Send")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#status")).to_have_text("200 OK")
        reached = []
        for _ in range(9):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
        assert {"result", "curl", "copy", "OpenAPI document", "Readiness"} <= set(reached)
    with visit(chromium, f"{pictures.url}/") as page:
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowRight")
        expect(page.get_by_label("tensors as JSON")).to_be_checked()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Tab")
        expect(page.locator("#file")).to_be_focused()


def test_names_never_become_markup(
    exported: Callable[[str, str], Path], tmp_path: Path, chromium: Browser
) -> None:
    """Hostile labels, and a tensor whose name is a script: both are shown as the text that they are."""
    folder = exported("pir", "hostile")
    task = json.dumps({"imageClassification": {"labels": [HOSTILE] * 10, "topK": 3}})
    with (
        serving(folder, tmp_path, name="hostile", warmup_seconds=0, task=task) as server,
        visit(chromium, f"{server.url}/") as page,
    ):
        tensor = "</script><img src=x onerror=document.title='owned'>"
        expect(page.get_by_role("rowheader", name=tensor)).to_be_visible()
        page.locator("#file").set_input_files(
            {"name": f"{HOSTILE}.png", "mimeType": "image/png", "buffer": text_line()}
        )
        expect(page.locator("#chosen")).to_contain_text(HOSTILE)
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#classes li").first).to_contain_text(HOSTILE)
        expect(page).to_have_title("hostile · PaddleModel")
        assert page.locator("script").count() == 2


def test_the_policy_lets_no_other_script_run(server: Server, chromium: Browser) -> None:
    answer = cleartext.get(f"{server.url}/", headers={"Accept": "text/html"})
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert len(answer.content) < 30_000
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/")
    page.evaluate("""() => {
      const script = document.createElement("script");
      script.textContent = "window.ran = 1";
      document.body.append(script);
    }""")
    assert page.evaluate("window.ran") is None
    context.close()


def test_the_facts_need_no_script(server: Server, chromium: Browser) -> None:
    with visit(chromium, f"{server.url}/", java_script_enabled=False) as page:
        expect(page.locator("#state")).to_have_text("ready")
        expect(page.get_by_role("rowheader", name="x", exact=True)).to_be_visible()
        expect(page.locator("#curl")).to_contain_text(f"{server.url}/v2/models/mixed/infer")
        expect(page.locator("#form")).to_be_hidden()


def test_the_digest_is_the_folder_s_or_what_the_fetcher_recorded(
    exported: Callable[[str, str], Path], tmp_path: Path, server: Server, chromium: Browser
) -> None:
    """Computed in the background, so the page learns it a little later."""
    with visit(chromium, f"{server.url}/") as page:
        expect(page.locator("#digest")).to_have_text(files.digest(exported("pir", "mixed")))
    folder = tmp_path / "model"
    folder.symlink_to(exported("pir", "mixed"))
    recorded = "sha256:" + "ab" * 32
    (tmp_path / ".model.done").write_text(json.dumps({"uri": "", "fetched": {"digest": recorded}}))
    with serving(folder, tmp_path) as other:
        facts = cleartext.get(f"{other.url}/").json()
        assert (facts["status"], facts["state"], facts["digest"]) == ("alive", "ready", recorded)


def test_the_page_follows_the_server(
    exported: Callable[[str, str], Path], tmp_path: Path, chromium: Browser
) -> None:
    with serving(exported("pir", "mixed"), tmp_path) as server:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"{server.url}/")
        expect(page.get_by_role("status")).to_have_text("ready")
        server.stop()
        expect(page.get_by_role("status")).to_have_text("unreachable", timeout=20_000)
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#status")).to_have_text("No answer")
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(server: Server, chromium: Browser, scheme: Any) -> None:
    """WCAG's contrast of 4.5 to 1 for every piece of text."""
    with visit(chromium, f"{server.url}/", color_scheme=scheme) as page:
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#answer")).to_be_visible()
        assert page.evaluate(WEAK) == []


# Relative luminance as https://www.w3.org/TR/WCAG22/#dfn-relative-luminance defines it.
WEAK = """() => {
  const channels = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = (c) => channels(c).slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const c = getComputedStyle(at).backgroundColor;
      if ((channels(c)[3] ?? 1) > 0) return c;
    }
    return "rgb(255, 255, 255)";
  };
  const weak = [];
  for (const e of document.body.querySelectorAll("*")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.disabled) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) weak.push(`${e.tagName} ${e.textContent.slice(0, 30)}`);
  }
  return weak;
}"""


def test_screenshot(
    pictures: Server, chromium: Browser, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The picture in the documentation; with --screenshot it is renewed."""
    picture = tmp_path / "upside-down.png"
    picture.write_bytes(text_line(upside_down=True))
    goal = tmp_path / "page.png"
    if request.config.getoption("--screenshot"):
        goal = Path(__file__).parents[3] / "docs" / "page.png"
    with visit(chromium, f"{pictures.url}/", viewport={"width": 960, "height": 900}) as page:
        page.locator("#file").set_input_files(picture)
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#classes li").first).to_contain_text("upside down")
        expect(page.locator("#digest")).to_have_text(re.compile("^sha256:"))
        page.screenshot(path=goal, full_page=True)
    assert goal.read_bytes().startswith(b"\x89PNG")
    assert goal.stat().st_size < 150_000
