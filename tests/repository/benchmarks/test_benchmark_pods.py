"""What the benchmark of pods prints and fetches; it runs on the node, by hand."""

import subprocess
import sys
from pathlib import Path

from paddlemodel_server.model import files, formats

from benchmarks.pods.__main__ import Start, line
from benchmarks.pods.model import embedding
from benchmarks.pods.places import PLACES
from tests.repository.sources import ROOT


def test_the_model_is_one_of_that_size(tmp_path: Path) -> None:
    folder, found = files.find(embedding(tmp_path / "made", 2))
    formats.checked(found)
    assert (folder / "inference.pdiparams").stat().st_size // 1_000_000 == 2


def test_the_help_names_every_place() -> None:
    command = [sys.executable, "-m", "benchmarks.pods", "--help"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert all(place in said for place in PLACES)


def test_a_line_has_the_middle_and_the_ends() -> None:
    starts = [Start(ready=ready, fetch=ready / 10) for ready in (12, 10, 17)]
    assert line("oci, an artifact", "empty", 10, starts).split() == [
        *("oci,", "an", "artifact", "empty", "10", "12", "(10-17)", "1.2", "(1.0-1.7)")
    ]
