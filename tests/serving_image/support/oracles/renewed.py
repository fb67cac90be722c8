"""What PaddleX itself answers, in an environment of its own, beside what is kept of it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.environment import Environment
from tests.models import trained_model

_HERE = Path(__file__).parent


def renewed(program: str, folder: Path) -> tuple[Any, Any]:
    """Run a program of this folder with the models that find and read text, of the same PaddleX as before.

    To renew what is kept, copy the file `anew.json` that this makes.

    Args:
        program: its name without `.py`; what is kept of it lies beside it.
        folder: for what it makes.

    Returns:
        What it answers now, and what is kept.
    """
    goal = folder / "anew.json"
    models = [trained_model("character-det"), trained_model("character-rec")]
    environment = os.environ | {"PADDLE_PDX_CACHE_HOME": str(folder / "cache")}
    python = Environment("paddlex", 450).python()
    command = [str(part) for part in (python, "-W", "ignore", _HERE / f"{program}.py", *models, goal)]
    subprocess.run(command, env=environment, check=True)
    kept = json.loads((_HERE / f"{program}.json").read_text(encoding="utf-8"))
    anew = json.loads(goal.read_text(encoding="utf-8"))
    assert (anew["paddlex"], anew["drawn"]) == (kept["paddlex"], kept["drawn"])
    return anew, kept
