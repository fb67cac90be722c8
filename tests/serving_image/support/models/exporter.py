"""Exports the small models of these tests, in a child process: only a child may load Paddle.

They are kept in the user's cache, by what they are made of: to export them costs six seconds of CPU for each
format, in each process of a run.
"""

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.models import cache_folder, publish

PROGRAM = Path(__file__).with_name("small_models.py")


def export(folder: Path, model_format: str) -> None:
    """Fill `folder` with one folder per model; the format is pir or legacy."""
    kept = cache_folder() / "exports" / _key(model_format)
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as temporary:
            made = Path(temporary, "made")
            made.mkdir()
            _export(made, model_format)
            publish(made, kept)
    shutil.copytree(kept, folder, dirs_exist_ok=True)


def _key(model_format: str) -> str:
    """The same for the same text, Paddle and Python."""
    paddle = importlib.metadata.version("paddlepaddle")
    made_of = f"{PROGRAM.read_text()}\n{paddle}\n{sys.version}\n{model_format}"
    return f"{model_format}-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"


def _export(folder: Path, model_format: str) -> None:
    environment = os.environ | {"FLAGS_enable_pir_api": "1" if model_format == "pir" else "0"}
    command = [sys.executable, "-W", "ignore", str(PROGRAM), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        raise RuntimeError(f"the export failed: {done.stderr[-2000:]}")
