"""The two formats of exported models, read without Paddle.

model.py takes a program's inputs and outputs, `weights` checks its parameters, the command
`inspect` shows all of it.
"""

from pathlib import Path

from paddlemodel_server.errors import StartError
from paddlemodel_server.files import ModelFiles
from paddlemodel_server.formats import legacy, pir, weights
from paddlemodel_server.formats.program import DATATYPES, Program


def read(files: ModelFiles) -> Program:
    """Read a program's file.

    Raises:
        StartError: `UnreadableProgram`.
    """
    try:
        program = (pir.read if files.format == "PIR" else legacy.read)(files.program)
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        StopIteration,
        TypeError,
        ValueError,
    ) as error:
        raise _unreadable(files.program, f"({type(error).__name__})") from error
    if not program.inputs or not program.outputs:
        raise _unreadable(files.program, "(it has no inputs or no outputs)")
    return program


def checked(files: ModelFiles) -> Program:
    """Read a program's file, and refuse what could not be served.

    Raises:
        StartError: `UnreadableProgram`, `UnsupportedDtype`, `MixedFiles`, `TruncatedFile`, `NotParameters`.
    """
    program = read(files)
    for tensor in (*program.inputs, *program.outputs):
        if tensor.dtype not in DATATYPES:
            side = "Input" if tensor in program.inputs else "Output"
            raise StartError(
                "UnsupportedDtype",
                f"{side} {tensor.name} of {files.program.name} is {tensor.dtype}, which HTTP cannot carry; "
                f"export the model with one of {', '.join(DATATYPES)}.",
            )
    weights.check(files, program)
    return program


def _unreadable(program: Path, detail: str) -> StartError:
    return StartError(
        "UnreadableProgram",
        f"The inputs and outputs in {program.name} cannot be read {detail}; "
        "export the model again with paddle.jit.save.",
    )
