"""Recorded requests to tasks, repeated by real servers with real models before they are ready."""

import gzip
import http.client
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
import soundfile  # type: ignore[import-untyped]  # it has no types
from paddlemodel_server.model import files

from tests.models import TURNED_LINES, text_line, trained_model
from tests.serving_image.support.command_line import command
from tests.serving_image.support.models.trained_masks import segmentation
from tests.serving_image.support.models.trained_shapes import drawn, encoded, shapes
from tests.serving_image.support.models.trained_tables import tables_model
from tests.serving_image.support.oracles.drawn_pages import page
from tests.serving_image.support.servers import Server, end, eventually, serving, start
from tests.trained_sounds import TONES, dialled, telephone
from tests.trained_text import minilm
from tests.trained_tokens import lac

GOLDEN = {"configMap": {"name": "golden", "key": "verify.jsonl.gz"}}
QUICK: dict[str, Any] = {"timeout_seconds": 120, "name": "m", "warmup_seconds": 0}


@dataclass(frozen=True)
class Case:
    """A model, its task, and a request to it."""

    model: Callable[[], Path]
    task: dict[str, Any]
    file: str
    body: Callable[[], bytes]
    further: Callable[[], dict[str, Path]] = dict

    def settings(self) -> dict[str, Any]:
        found = {"task": json.dumps(self.task)} if self.task else {}
        if further := self.further():
            folder = files.find(self.model())[0]
            folders = {name: os.path.relpath(model, folder) for name, model in further.items()}
            found["further_models"] = json.dumps(folders)
        return QUICK | found


def tones() -> bytes:
    content = io.BytesIO()
    soundfile.write(content, dialled("0815", 3, pause=0.1), 8000, format="WAV")
    return content.getvalue()


def readers() -> dict[str, Path]:
    return {
        "recognition": trained_model("character-rec"),
        "orientation": trained_model("textline-orientation"),
    }


OCR = {"ocr": {name: {"uri": f"file:///models/{name}"} for name in ("recognition", "orientation")}
       | {"turning": TURNED_LINES}}  # fmt: skip
PAGE = Case(partial(trained_model, "character-det"), OCR, "page.png", partial(page, 2), readers)
CALL = Case(
    telephone, {"speechRecognition": {"features": {"fbank": TONES}, "maxSeconds": 10}}, "call.wav", tones
)
LINE = partial(text_line, upside_down=False)
SHAPES = partial(lambda: encoded(drawn(3)[0]))
FEELING = "What a wonderful day".encode
OTHERS = {
    "textDetection": Case(PAGE.model, {"textDetection": {}}, "page.png", PAGE.body),
    "textRecognition": Case(partial(trained_model, "character-rec"), {}, "line.png", LINE),
    "textLineOrientation": Case(
        partial(trained_model, "textline-orientation"), {"textLineOrientation": TURNED_LINES},
        "line.png", LINE,
    ),
    "tableStructure": Case(tables_model, {}, "table.png", PAGE.body),
    "objectDetection": Case(partial(shapes, "ppyoloe"), {}, "shapes.png", SHAPES),
    "semanticSegmentation": Case(
        partial(segmentation, "softmax"), {"semanticSegmentation": {}}, "shapes.png", SHAPES
    ),
    "imageClassification": Case(
        partial(trained_model, "textline-orientation"), {"imageClassification": {"height": 80, "width": 160}},
        "line.png", LINE,
    ),
    "textEmbedding": Case(minilm, {"textEmbedding": {}}, "text.txt", FEELING),
    "textClassification": Case(partial(minilm, "sentiment"), {"textClassification": {}}, "text.txt", FEELING),
    "tokenClassification": Case(
        lac, {"tokenClassification": {"labelsFile": "labels.txt", "output": "fetch_name_0"}}, "text.txt",
        "百度是一家高科技公司".encode,
    ),
}  # fmt: skip


def record(case: Case, folder: Path) -> Path:
    """What a server without a gate answers, by the command; the folder of the recording."""
    (folder / case.file).write_bytes(case.body())
    recordings = folder / "golden"
    recordings.mkdir()
    with serving(case.model(), folder, **case.settings()) as server:
        command("verify", server.url, recordings / GOLDEN["configMap"]["key"], "--record", folder / case.file)
        command("verify", server.url, recordings / GOLDEN["configMap"]["key"])
    return recordings


def gate(case: Case, folder: Path, recordings: Path, **wanted: Any) -> dict[str, Any]:
    """The server's last word about the recording: what it verified, or why it ended."""
    verification = json.dumps({"recording": GOLDEN, **wanted})
    settings = case.settings() | {"verification": verification, "recording_dir": recordings}
    server = start(case.model(), folder, **settings)
    said: list[dict[str, Any]] = []

    def over() -> bool:
        lines = [json.loads(line) for line in server.logged().splitlines() if line.startswith("{")]
        said[:] = [one for one in lines if one["message"] == "verified" or one.get("reason")]
        return bool(said) and (server.process.poll() is not None or is_ready(server))

    try:
        eventually(over, "the gate is passed, or not", 180)
    finally:
        end(server)
    return said[-1]


def is_ready(server: Server) -> bool:
    try:
        return server.get("/readyz")[0] == 200
    except (OSError, http.client.HTTPException):  # it does not listen yet, or any more
        return False


def test_pages_that_several_models_read(tmp_path: Path) -> None:
    """The same models pass; a text that was recorded otherwise is found, unless so much may differ."""
    recordings = record(PAGE, tmp_path)
    found = gate(PAGE, tmp_path, recordings, outputs=[{"name": "lines", "compare": "Text"}])
    assert (found["message"], found["requests"], found["agreed"]) == ("verified", 1, 1)
    path = recordings / GOLDEN["configMap"]["key"]
    line = orjson.loads(gzip.decompress(path.read_bytes()))
    read = line["response"]["lines"][1]["text"]
    line["response"]["lines"][1]["text"] = "#" + read[1:]
    path.write_bytes(gzip.compress(orjson.dumps(line)))
    refused = gate(PAGE, tmp_path, recordings)
    assert refused["reason"] == "VerificationFailed"
    assert f"value lines[1].text is {read[:31]}"[:40] in refused["message"]
    half = [{"name": "lines", "compare": "Text", "relative": "0.5"}]
    assert gate(PAGE, tmp_path, recordings, outputs=half)["agreed"] == 1


def test_what_is_heard(tmp_path: Path) -> None:
    recordings = record(CALL, tmp_path)
    text = [{"name": "text", "compare": "Text"}]
    assert gate(CALL, tmp_path, recordings, outputs=text)["agreed"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_every_other_task(name: str, tmp_path: Path) -> None:
    case = OTHERS[name]
    found = gate(case, tmp_path, record(case, tmp_path))
    assert (found["message"], found.get("agreed")) == ("verified", 1)
