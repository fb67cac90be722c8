"""What PaddleX itself answers, in an environment of its own, beside what is kept of it."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.environment import Environment
from tests.models import trained_model

_HERE = Path(__file__).parent


def renewed(
    program: str,
    folder: Path,
    models: Sequence[Path] = (),
    pictures: Sequence[bytes] = (),
    *words: str,
) -> tuple[Any, Any]:
    """Run a program of this folder, of the same PaddleX as before.

    To renew what is kept, copy the file `anew.json` that this makes.

    Args:
        program: its name without `.py`; what is kept of it lies beside it.
        folder: for what it makes.
        models: their folders; by default those that find and read text.
        pictures: that it is given in a folder, where it does not draw its own.
        words: further ones for its command line.

    Returns:
        What it answers now, and what is kept.
    """
    goal, given = folder / "anew.json", folder / "pictures"
    for number, picture in enumerate(pictures):
        given.mkdir(exist_ok=True)
        (given / f"{number:03}.png").write_bytes(picture)
    chosen = models or [trained_model("character-det"), trained_model("character-rec")]
    environment = os.environ | {"PADDLE_PDX_CACHE_HOME": str(folder / "cache")}
    command = [Environment("paddlex", 450).python(), "-W", "ignore", _HERE / f"{program}.py", *chosen, goal]
    command += [given] if pictures else []
    subprocess.run([str(part) for part in (*command, *words)], env=environment, check=True)
    kept = json.loads((_HERE / f"{program}.json").read_text(encoding="utf-8"))
    anew = json.loads(goal.read_text(encoding="utf-8"))
    assert (anew["paddlex"], anew["drawn"]) == (kept["paddlex"], kept["drawn"])
    return anew, kept
