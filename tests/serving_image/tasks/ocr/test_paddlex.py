"""PaddleX' pipeline itself, in an environment of its own: it still gives the answers that are kept of it."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.environment import Environment
from tests.models import trained_model
from tests.serving_image.support import oracles

FOLDER = Path(*oracles.__path__)


@pytest.mark.slow
def test_paddlex_still_reads_this(tmp_path: Path) -> None:
    """To renew what is kept, copy the file that this makes."""
    python, goal = Environment("paddlex", 450).python(), tmp_path / "anew.json"
    folders = [trained_model("character-det"), trained_model("character-rec")]
    environment = os.environ | {"PADDLE_PDX_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run(
        [python, "-W", "ignore", FOLDER / "paddlex_pages.py", *folders, goal], env=environment, check=True
    )
    kept = json.loads((FOLDER / "paddlex_pages.json").read_text(encoding="utf-8"))
    anew = json.loads(goal.read_text(encoding="utf-8"))
    assert (anew["paddlex"], anew["drawn"]) == (kept["paddlex"], kept["drawn"])
    for again, before in zip(anew["pages"], kept["pages"], strict=True):
        assert again["texts"] == before["texts"]
        assert again["scores"] == pytest.approx(before["scores"], abs=1e-4)
        assert np.abs(np.array(again["boxes"]) - np.array(before["boxes"])).max(initial=0) <= 1
