"""PaddleX itself, in an environment of its own: it still gives the answers that are kept of it."""

from pathlib import Path

import numpy as np
import pytest

from tests.serving_image.support.oracles.renewed import renewed


@pytest.mark.slow
def test_paddlex_still_finds_and_reads_this(tmp_path: Path) -> None:
    anew, kept = renewed("paddlex_text", tmp_path)
    assert [line["text"] for line in anew["lines"]] == [line["text"] for line in kept["lines"]]
    scores = [line["score"] for line in kept["lines"]]
    assert [line["score"] for line in anew["lines"]] == pytest.approx(scores, abs=1e-4)
    for again, before in zip(anew["pages"], kept["pages"], strict=True):
        assert again["scores"] == pytest.approx(before["scores"], abs=1e-4)
        assert np.abs(np.array(again["boxes"]) - np.array(before["boxes"])).max(initial=0) <= 1
