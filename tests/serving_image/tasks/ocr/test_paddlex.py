"""PaddleX' pipeline itself, in an environment of its own: it and the server read the same in all pages.

It reads one line at a time, as the server does where it fills lines up to no multiple (`widthStep: 1`). With
six at a time, its own default, a line is filled up to the widest of them, so that neighbours change texts.
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import cleartext
from tests.models import trained_model
from tests.serving_image.support.oracles import printed_pages
from tests.serving_image.support.oracles.renewed import renewed
from tests.serving_image.support.servers import serving

pytestmark = pytest.mark.slow


def compare(lines: list[dict[str, Any]], kept: dict[str, Any]) -> None:
    """The same texts in the same order, scores to 0.001, corners to a pixel."""
    assert [line["text"] for line in lines] == kept["texts"]
    assert [line["score"] for line in lines] == pytest.approx(kept["scores"], abs=1e-3)
    boxes = np.array([line["box"] for line in lines])
    assert np.abs(boxes - np.array(kept["boxes"])).max(initial=0) <= 1


def test_all_pages_are_read_as_paddlex_reads_them_now(tmp_path: Path) -> None:
    pages = printed_pages.pages()
    anew, kept = renewed("paddlex_pages", tmp_path, (), pages, "1")
    finder, reader = trained_model("character-det"), trained_model("character-rec")
    ocr = {"recognition": {"uri": "file:///models/recognition"}, "reading": {"widthStep": 1}}
    further = json.dumps({"recognition": os.path.relpath(reader, finder)})
    options: dict[str, Any] = {
        "task": json.dumps({"ocr": ocr}),
        "further_models": further,
        "warmup_seconds": 0,
    }

    def read(page: bytes) -> list[dict[str, Any]]:
        answer = cleartext.post(f"{server.url}/predict", content=page, timeout=300)
        assert answer.status_code == 200, answer.text
        lines: list[dict[str, Any]] = answer.json()["lines"]
        return lines

    with serving(finder, tmp_path, timeout_seconds=300, **options) as server, ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(read, pages))
    assert sum(map(len, answers)) > 250
    for lines, now, before in zip(answers, anew["pages"], kept["pages"], strict=True):
        compare(lines, now)
        compare(lines, before)
