"""The benchmark of downloads runs, and says what the page quotes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


def test_a_short_round_prints_a_ratio() -> None:
    command = [sys.executable, "-m", "benchmarks.fetch", "--megabytes", "20", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    said = re.findall(
        r"^(\w+), 20 MiB: \d+\.\d\d times the client's own throughput", done.stdout, re.MULTILINE
    )
    assert said == ["s3", "gs", "az"]


@pytest.mark.slow  # the hubs' clients are installed first
def test_a_short_round_of_the_other_places_prints_their_ratios() -> None:
    command = [sys.executable, "-m", "benchmarks.fetch.hubs", "--megabytes", "20", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.findall(r"^(\w+), 20 MiB: \d+\.\d\d times", done.stdout, re.MULTILINE) == [
        "hf",
        "modelscope",
        "oci",
        "web",
    ]
