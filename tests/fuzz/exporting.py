"""The program that writes the models: python -m tests.fuzz.exporting FOLDER SEED…, each in a forked child.

Whether they are PIR or legacy programs is decided when Paddle is loaded, by FLAGS_enable_pir_api. Each goes
to FOLDER/SEED/inference.*, with its text beside it; why one could not be written, to FOLDER/SEED/failed.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any, cast

import paddle

from tests.fuzz import forks, generator


def write(program: generator.Program, folder: Path) -> None:
    """Export the program; its text goes beside the model."""
    source = folder / "program.py"
    source.write_text(program.source)
    shapes = [[None if isinstance(dim, str) else dim for dim in one.dims] for one in program.inputs]
    specs = [
        paddle.static.InputSpec(shape, cast("Any", one.dtype), one.name)
        for shape, one in zip(shapes, program.inputs, strict=True)
    ]
    paddle.seed(program.seed)
    model = _module(source).Program()
    model.eval()
    paddle.jit.save(model, str(folder / "inference"), input_spec=specs)


def _module(source: Path) -> Any:
    """Import a file; Paddle reads the text of what it converts."""
    found = importlib.util.spec_from_file_location("program", source)
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def main() -> None:
    """Write every model that can be written."""
    for seed in sys.argv[2:]:
        program, folder = generator.program(int(seed)), Path(sys.argv[1], seed)
        folder.mkdir(parents=True)
        try:
            forks.whole(lambda: write(program, folder), folder / "export.log")  # noqa: B023 - it runs at once
        except forks.StepError as error:
            (folder / "failed").write_text(str(error))


if __name__ == "__main__":
    main()
