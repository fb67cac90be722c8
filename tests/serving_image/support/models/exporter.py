"""Exports the small models of these tests, in a child process: only a child may load Paddle.

They are kept in the user's cache: to export them costs six seconds of CPU for each format, in each process.
"""

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.models import made_once

PROGRAM = Path(__file__).with_name("small_models.py")


def export(folder: Path, model_format: str, program: Path = PROGRAM) -> None:
    """Fill `folder` with one folder per model of a program; the format is pir or legacy."""
    name = f"{program.stem.removesuffix('_models')}-{model_format}"
    kept = made_once(name, program.read_text(), partial(_export, program, model_format))
    shutil.copytree(kept, folder, dirs_exist_ok=True)


def _export(program: Path, model_format: str, folder: Path) -> None:
    environment = os.environ | {"FLAGS_enable_pir_api": "1" if model_format == "pir" else "0"}
    command = [sys.executable, "-W", "ignore", str(program), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        raise RuntimeError(f"the export failed: {done.stderr[-2000:]}")
