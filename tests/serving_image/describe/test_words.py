"""The page's words: each has its translation, and nothing of the page is left out."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from paddlemodel_server import describe
from paddlemodel_server.describe import page, words
from paddlemodel_server.protocol.task.description import Ask, Call, Description, Upload

FOLDER = Path(describe.__file__).parent
_GIVEN = re.compile(r"\{[a-z]+\}")


def asked(file: str) -> set[str]:
    """The texts that a file of the page asks for."""
    source = (FOLDER / file).read_text(encoding="utf-8")
    return {text.replace("\\n", "\n") for text in re.findall(r'\bt\("((?:[^"\\]|\\.)*)"', source)}


def of_tasks() -> set[str]:
    """What the tasks and the calls say to people."""
    found: set[str] = set()
    for path in FOLDER.parent.rglob("*.py"):
        found |= set(re.findall(r'\b(?:what|stands_for)=(?:"" if inline else )?"([^"]+)"', path.read_text()))
    return found


def test_every_text_has_both_languages_and_there_are_no_others() -> None:
    states = {"loading", "ready", "draining", "unreachable"}
    sides = {"input", "output"}
    texts = asked("page.html") | asked("page.js") | of_tasks() | states | sides
    assert len(texts) > 60
    assert set(words.CHINESE) == texts


@pytest.mark.parametrize(("english", "chinese"), words.CHINESE.items())
def test_a_translation_keeps_what_is_given(english: str, chinese: str) -> None:
    assert sorted(_GIVEN.findall(english)) == sorted(_GIVEN.findall(chinese))


class _Visible(HTMLParser):
    """What a reader sees, or hears: text, and the attributes that say something."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in {"script", "style", "title", "code", "pre", "textarea"}
        self.said += [value or "" for name, value in attrs if name in {"alt", "aria-label"}]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"script", "style", "title", "code", "pre", "textarea"}

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.said.append(data)


SETTING = {"field": "labels", "value": "3", "from": "inference.yml"}
TENSOR = {"name": "x", "datatype": "FP32", "shape": [-1, 4]}
FACTS = {
    "name": "m", "state": "loading", "task": "ocr", "task_source": "inference.yml", "digest": None,
    "paddle_version": None, "format": "PIR", "device": "CPU", "version": "1", "inputs": [TENSOR],
    "outputs": [TENSOR], "further_models": [{"name": "rec", "inputs": [TENSOR], "outputs": []}],
    "task_settings": [SETTING],
}  # fmt: skip
# Names of things, which no language changes.
NAMES = {
    "PaddlePaddle", "Paddle", "JavaScript", "JSON", "Open", "Inference", "Protocol", "V", "Ctrl", "Enter",
    "OpenAPI", "ocr", "m", "inference", "yml", "FP", "PIR", "CPU", "paddlemodel", "server", "rec", "POST",
}  # fmt: skip


@pytest.mark.parametrize("upload", [Upload(what="a sound", media=("audio/wav",), sound=True), None])
@pytest.mark.parametrize("ask", [Ask(what="a text", example="x"), None])
def test_nothing_of_a_page_is_left_in_english(upload: Upload | None, ask: Ask | None) -> None:
    call = Call(route="predict", arguments=("--data-binary", "@f"), file="f", stands_for="your file")
    task = Description(operation={}, call=call, upload=upload, ask=ask)
    shown = page.Shown(facts=FACTS, example={"inputs": []}, task=task)
    reader = _Visible()
    reader.feed(page.render(shown, "h", "zh").decode())
    seen = {word for text in reader.said for word in re.findall(r"[A-Za-z]+", text)}
    assert seen - NAMES == set()
    assert "试一试" in " ".join(reader.said)
