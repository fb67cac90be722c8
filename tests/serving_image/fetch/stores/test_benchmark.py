"""The benchmark of downloads runs, and says what the page quotes."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]


def test_a_short_round_prints_a_ratio() -> None:
    command = [sys.executable, "-m", "benchmarks.fetch", "--megabytes", "20", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.search(r"^20 MiB: \d+\.\d\d times the client's own throughput", done.stdout, re.MULTILINE)
