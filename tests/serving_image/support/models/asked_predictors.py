"""Asks predictors: python asked_predictors.py HOW FOLDER…, as JSON: what `engine.paddle` answers and has set.

HOW: `light` as a worker imports Paddle; `whole` after a whole `import paddle`; else the name of a call of
Paddle's that fails, so that the light import does. A program of its own: only a child may load Paddle.
"""

import importlib
import json
import os
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from paddlemodel_server.engine.importing import light_paddle
from paddlemodel_server.engine.interface import Array, Engine, Runs
from paddlemodel_server.engine.made_up import inputs
from paddlemodel_server.model import files, formats, signature

ENGINES = {
    "plain": Engine(),
    "oneDNN": Engine(onednn=True),
    "kept tensors": Engine(keep_tensors=True),
    "reused memory": Engine(reuse_memory=True),
}


def broken(call: str) -> None:
    """Let a call of the light import fail, and only there: the whole import makes it again."""
    initialise = light_paddle._initialise

    def fails(*_: object) -> None:
        raise RuntimeError(f"{call} fails")

    def initialised(package: ModuleType) -> None:
        core = importlib.import_module("paddle.base.core")
        setattr(core, call, fails)
        initialise(package)

    light_paddle._initialise = initialised


def asked(folder: Path) -> dict[str, str]:
    """By engine a digest of all answers, or how it fails."""
    from paddlemodel_server.engine import paddle  # noqa: PLC0415 - when it is imported is the point

    located = files.locate(folder)
    model = signature.of(formats.checked(located))
    found = {}
    for name, engine in ENGINES.items():
        if engine.reuse_memory and model.format == "PIR":
            continue  # Paddle has no such plan
        try:
            predictor = paddle.Predictor(located, model, engine)
        except Exception as error:  # noqa: BLE001 - how it fails is compared
            found[name] = type(error).__name__
            continue
        tried = (answers(predictor, example) for example in inputs.examples(model, {}))
        found[name] = next(filter(None, tried), "takes no size")
    return found


def answers(predictor: Runs, example: Sequence[Array]) -> str:
    """A digest of the answers to one row, to two where they are taken, and to one again; empty: to none."""
    digest = sha256()
    try:
        for rows in (1, 2, 1):
            for array in predictor.run(inputs.repeated(example, rows)):
                digest.update(f"{array.dtype} {array.shape} ".encode() + array.tobytes())
    except Exception as error:  # noqa: BLE001 - a size that the model does not take
        digest.update(type(error).__name__.encode())
        return "" if rows == 1 else digest.hexdigest()
    return digest.hexdigest()


def main(how: str, *folders: str) -> None:
    """Import Paddle, then tell."""
    before = dict(os.environ)
    if how == "whole":
        importlib.import_module("paddle")
    elif how != "light":
        broken(how)
    from paddlemodel_server.engine import paddle  # noqa: PLC0415

    core: Any = importlib.import_module("paddle.base.core")
    flags = core.globals()
    found = {
        "why": paddle.WHOLE,
        "version": paddle.version(),
        "modules": sorted(sys.modules),
        "flags": {name: str(flags[name]) for name in flags.keys()},  # noqa: SIM118 - it is no dict
        "environment": {name: value for name, value in os.environ.items() if before.get(name) != value},
        "answers": {folder: asked(Path(folder)) for folder in folders},
    }
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
