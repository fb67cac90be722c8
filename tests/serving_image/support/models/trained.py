"""Small nets that a program of this folder trains, once: the exports are kept in the user's cache."""

import os
import subprocess
import sys
from pathlib import Path

from tests.models import made_once


def trained(name: str, program: Path, *sources: Path) -> Path:
    """The folder that a program has filled with models; it runs as a child, as only one may load Paddle.

    Args:
        name: what they are, for people who look into the cache.
        program: it is given the folder.
        sources: further files that decide what it makes.

    Raises:
        RuntimeError: with the end of what it said, where it fails.
    """

    def make(folder: Path) -> None:
        command = [sys.executable, "-W", "ignore", str(program), str(folder)]
        environment = os.environ | {"FLAGS_enable_pir_api": "1"}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=900, check=False, env=environment
        )
        if done.returncode:
            raise RuntimeError(f"the training failed: {done.stderr[-2000:]}")

    made_of = "".join(file.read_text() for file in (program, *sources, Path(__file__)))
    return made_once(name, made_of, make)
