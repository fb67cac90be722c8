"""PaddleX' net for tables itself, in an environment of its own: it still gives the answers that are kept."""

from pathlib import Path

import pytest

from tests.serving_image.support.models.trained_tables import tables, tables_model
from tests.serving_image.support.oracles.renewed import renewed


@pytest.mark.slow
def test_paddlex_still_gives_these_structures(tmp_path: Path) -> None:
    models = [tables_model("SLANet_plus"), tables_model("SLANet")]
    anew, kept = renewed("paddlex_tables", tmp_path, models, tables())
    for name in ("SLANet_plus", "SLANet"):
        for again, before in zip(anew[name], kept[name], strict=True):
            assert (again["html"], again["boxes"]) == (before["html"], before["boxes"])
            assert again["score"] == pytest.approx(before["score"], abs=1e-4)
