"""The two formats of exported models, read without Paddle.

signature.py takes a program's inputs and outputs, `weights` checks its parameters, the command
`inspect` shows all of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from paddlemodel_server.errors import StartError
from paddlemodel_server.model.files import ModelFiles, disk_fault, printable
from paddlemodel_server.model.formats import legacy, pir, weights
from paddlemodel_server.model.formats.program import DATATYPES, Program, Tensor


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_fault(error) from error


@_readable()
def read(files: ModelFiles) -> Program:
    """Read a program's file.

    Raises:
        StartError: `UnreadableProgram`, `NotPermitted`, `DiskError`.
    """
    try:
        program = (pir.read if files.format == "PIR" else legacy.read)(files.program)
        for tensor in (*program.inputs, *program.outputs, *program.parameters):
            _check_types(tensor)
        program = replace(program, inputs=_opened(program.inputs), outputs=_opened(program.outputs))
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


def _check_types(tensor: Tensor) -> None:
    """JSON may hold anything where a name or a size should be."""
    tensor.name.encode()  # a str, and one that others can read
    tensor.dtype.encode()
    if any(type(side) is not int for side in tensor.shape):
        raise ValueError("shape")


def _opened(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """With -1 for every open size: Paddle computes with it, and twice as many rows are -2 to it."""
    return tuple(replace(tensor, shape=tuple(max(-1, side) for side in tensor.shape)) for tensor in tensors)


@_readable()
def checked(files: ModelFiles) -> Program:
    """Read a program's file, and refuse what could not be served.

    Raises:
        StartError: as read(), `UnsupportedDtype`, `RepeatedName`, `MixedFiles`, `TruncatedFile`,
            `NotParameters`.
    """
    program = read(files)
    _check_names(files, program)
    for tensor in (*program.inputs, *program.outputs):
        if tensor.dtype not in DATATYPES:
            side = "Input" if tensor in program.inputs else "Output"
            raise StartError(
                "UnsupportedDtype",
                f"{side} {printable(tensor.name)} of {files.program.name} is {printable(tensor.dtype)}, "
                f"which HTTP cannot carry; export the model with one of {', '.join(DATATYPES)}.",
            )
    _check_names(files, program)
    weights.check(files, program)
    return program


def _check_names(files: ModelFiles, program: Program) -> None:
    """Paddle names the output of a PIR program that returns an input like the input, and cannot load that."""
    outputs = [tensor.name for tensor in program.outputs]
    taken = [tensor.name for tensor in program.inputs] if program.format == "PIR" else []
    for at, name in enumerate(outputs):
        if name in taken or name in outputs[:at]:
            raise StartError(
                "RepeatedName",
                f"Two of the inputs and outputs of {files.program.name} are named {printable(name)}, which "
                "Paddle cannot load; return paddle.assign(x) instead of an input x itself, and export again.",
            )


def _unreadable(program: Path, detail: str) -> StartError:
    return StartError(
        "UnreadableProgram",
        f"The inputs and outputs in {program.name} cannot be read {detail}; "
        "export the model again with paddle.jit.save.",
    )
