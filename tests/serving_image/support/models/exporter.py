"""Exports the small models of these tests, in a child process: only a child may load Paddle."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("small_models.py")


def export(folder: Path, model_format: str) -> None:
    """Fill `folder` with one folder per model; the format is pir or legacy."""
    environment = os.environ | {"FLAGS_enable_pir_api": "1" if model_format == "pir" else "0"}
    command = [sys.executable, "-W", "ignore", str(PROGRAM), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        raise RuntimeError(f"the export failed: {done.stderr[-2000:]}")
