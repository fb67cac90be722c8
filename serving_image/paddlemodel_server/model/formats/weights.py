"""Walks a parameters file without Paddle: are these the parameters of this program, and all of them?

A `.pdiparams` file is one tensor after the other, in the order of their names, which it does not hold:
version (4 bytes, 0), LoD levels (8 bytes, each level with its size), version (4 bytes, 0), size of the
description (4 bytes), description (TensorDesc), values. Only the descriptions are read; the values are
stepped over.
"""

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from paddlemodel_server.errors import StartError
from paddlemodel_server.model.files import ModelFiles, printable
from paddlemodel_server.model.formats.legacy import tensor_desc
from paddlemodel_server.model.formats.program import Program, Tensor

_ITEM_BYTES = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
    # What only parameters can be here: the program computes with them, and no request carries them.
    "complex64": 8,
    "complex128": 16,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "uint16": 2,
    "uint32": 4,
    "uint64": 8,
}
_DESCRIPTION_BYTES = 1024  # far more than a description of 64 dimensions


def check(files: ModelFiles, program: Program) -> None:
    """Compare the parameters in the file with those that the program wants.

    A dimension that the program leaves open fits anything, and so does another dtype: a file converted to
    half precision may belong to a program that still says float32.

    Raises:
        StartError: `MixedFiles`, `TruncatedFile`, `NotParameters`, `UnsupportedDtype`.
    """
    held = tuple(walk(files.params))
    if len(held) != len(program.parameters):
        raise _mixed(
            files, f"holds {len(held)} parameters, {files.program.name} has {len(program.parameters)}"
        )
    for wanted, found in zip(program.parameters, held, strict=True):
        if min(wanted.shape, default=0) >= 0 and math.prod(wanted.shape) != math.prod(found.shape):
            raise _mixed(
                files,
                f"holds {list(found.shape)} where {files.program.name} has its parameter "
                f"{printable(wanted.name)} of {list(wanted.shape)}",
            )


def walk(path: Path) -> Iterator[Tensor]:
    """Every tensor of a parameters file, without name.

    Raises:
        StartError: `TruncatedFile`, `NotParameters`, `UnsupportedDtype`.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            try:
                tensor = _description(file, size)
            except (struct.error, StopIteration, LookupError, TypeError, ValueError) as error:
                raise _not_parameters(path) from error
            if tensor.dtype not in _ITEM_BYTES:
                raise StartError(
                    "UnsupportedDtype",
                    f"{path.name} holds a parameter of {tensor.dtype}, which the server's Paddle does not "
                    "have; export the model with PaddlePaddle 3.3, or cast the parameter.",
                )
            end = file.tell() + math.prod(tensor.shape) * _ITEM_BYTES[tensor.dtype]
            if end > size:
                raise _truncated(path)
            file.seek(end)
            yield tensor


def _description(file: BinaryIO, size: int) -> Tensor:
    """Read one description; the values follow."""
    version, levels = _unpack("<IQ", file)
    if version:
        raise ValueError("version")
    for _ in range(levels):
        (length,) = _unpack("<Q", file)
        if length > size:
            raise ValueError("LoD")
        file.seek(length, 1)
    version, length = _unpack("<Ii", file)
    if version or not 0 < length <= _DESCRIPTION_BYTES:
        raise ValueError("description")
    content = file.read(length)
    tensor = tensor_desc(content)
    if len(content) < length or min(tensor.shape, default=0) < 0:
        raise ValueError("tensor")
    return tensor


def _unpack(form: str, file: BinaryIO) -> tuple[int, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _mixed(files: ModelFiles, what: str) -> StartError:
    return StartError(
        "MixedFiles",
        f"{files.params.name} {what}: they are of two exports; copy both files of the same export.",
    )


def _truncated(path: Path) -> StartError:
    return StartError("TruncatedFile", f"{path.name} ends too early; copy the exported file again.")


def _not_parameters(path: Path) -> StartError:
    return StartError(
        "NotParameters",
        f"{path.name} is damaged or does not hold Paddle's parameters; copy the exported file again.",
    )
