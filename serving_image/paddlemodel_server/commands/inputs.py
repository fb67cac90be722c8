"""Inputs for a request: made up, or from a person's files."""

import re
import sys
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from paddlemodel_server.engine.made_up import inputs as maker
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.formats.program import DATATYPES, Tensor
from paddlemodel_server.protocol import JSON, NPY, OCTETS
from paddlemodel_server.tasks import registry
from paddlemodel_server.verification import v2_client

Shapes = Mapping[str, tuple[int, ...]]
# What numpy and zipfile raise of files that are cut off, packed in unknown ways, or hold Python objects.
_DAMAGES = (
    EOFError,
    KeyError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
OPEN_SIDE = 32  # of an open dimension beside the first, where no --shape says otherwise


def made_up(
    inputs: Sequence[Tensor],
    shapes: Shapes,
    *,
    rows: int = 1,
    zeros: bool = False,
    seed: int = 0,
) -> v2_client.Arrays:
    """One array per input: floats from 0 to 1, whole numbers 0 or 1 (perhaps indices), or zeros.

    Args:
        inputs: what the model takes.
        shapes: whole shapes of some inputs; the others have `rows` rows, and OPEN_SIDE in the other
            open dimensions.
        rows: the first dimension, where the model leaves it open.
        zeros: nothing else.
        seed: the same seed gives the same numbers.
    """
    if not inputs:
        raise StartError(
            "NoMetadata",
            "The server does not say what its model takes, so nothing can be made up; give the inputs.",
        )
    unknown = sorted(set(shapes) - {tensor.name for tensor in inputs})
    if unknown:
        raise StartError("UnknownInput", f"The model has no input {unknown[0]}, only {_names(inputs)}.")
    random = None if zeros else np.random.default_rng(seed)
    try:
        return {
            tensor.name: _filled(tensor, shapes.get(tensor.name) or _closed(tensor, rows), random)
            for tensor in inputs
        }
    except (MemoryError, ValueError) as error:  # numpy's, of arrays that no machine can hold
        raise StartError("TooLarge", "Such inputs do not fit into memory; make up smaller ones.") from error


def _closed(tensor: Tensor, rows: int) -> tuple[int, ...]:
    return tuple(
        (rows if at == 0 else OPEN_SIDE) if side < 0 else side for at, side in enumerate(tensor.shape)
    )


def _filled(tensor: Tensor, shape: tuple[int, ...], random: np.random.Generator | None) -> v2_client.Array:
    dtype = _supported(tensor)
    return np.zeros(shape, dtype) if random is None else maker.made_up(tensor.dtype, shape, random)


def _supported(tensor: Tensor) -> np.dtype[Any]:
    if tensor.dtype not in DATATYPES:
        raise StartError(
            "UnsupportedDtype",
            f"Input {tensor.name} is {tensor.dtype}, which cannot be made up; give a file.",
        )
    return v2_client.NUMPY[tensor.datatype]


def from_files(inputs: Sequence[Tensor], names: Sequence[str]) -> v2_client.Arrays:
    """Read .npy, .npz and V2 JSON files ('-' is JSON from standard input) into the model's inputs.

    NAME=FILE.npy names the input; without a name the file belongs to the only input. Values are not
    converted: a file of another dtype than the model's is refused.
    """
    arrays: v2_client.Arrays = {}
    for name in names:
        arrays |= _from_file(inputs, name)
    for tensor in inputs or v2_client.described(arrays):
        if tensor.name not in arrays:
            raise StartError(
                "MissingInput",
                f"The model wants {tensor.name} {list(tensor.shape)}; give {tensor.name}=FILE.npy.",
            )
        if arrays[tensor.name].dtype != _supported(tensor):
            raise StartError(
                "WrongDtype",
                f"{tensor.name} is {arrays[tensor.name].dtype} in the file, {_supported(tensor)} in the "
                "model; convert it.",
            )
    return {tensor.name: arrays[tensor.name] for tensor in inputs} if inputs else arrays


def _from_file(inputs: Sequence[Tensor], argument: str) -> v2_client.Arrays:
    given, equals, rest = argument.partition("=")
    known = {tensor.name for tensor in inputs} or {given}  # the server may not say what it takes
    name, path = (given, rest) if equals and given in known else ("", argument)
    try:
        loaded = _loaded(path)
    except OSError as error:
        raise StartError(
            "UnreadableInput", f"{path} cannot be read ({error.strerror or 'no array file'})."
        ) from error
    except _DAMAGES as error:
        raise StartError(
            "UnreadableInput",
            f"{path} is no whole .npy or .npz file of numbers, no V2 request in JSON, and of no task's kind.",
        ) from error
    if isinstance(loaded, dict):
        return loaded
    if not name and len(inputs) != 1:
        has = f"The model has the inputs {_names(inputs)}" if inputs else "The server names no inputs"
        raise StartError("WhichInput", f"{has}; say which: NAME={path}.")
    return {name or inputs[0].name: loaded}


def _loaded(path: str) -> v2_client.Array | v2_client.Arrays:
    """One array without name, or several by name; of a damaged file whatever error there is."""
    if path == "-":
        return _from_json(sys.stdin.buffer.read())
    if Path(path).suffix == ".json":
        return _from_json(Path(path).read_bytes())
    with Path(path).open("rb") as file:
        loaded = np.load(file, allow_pickle=False)
        return loaded if isinstance(loaded, np.ndarray) else dict(loaded)


def _from_json(content: bytes) -> v2_client.Arrays:
    return {tensor["name"]: v2_client.array_of(tensor) for tensor in orjson.loads(content)["inputs"]}


def content(path: str | Path) -> bytes:
    """A file that is sent as it is.

    Raises:
        StartError: `UnreadableInput`.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise StartError("UnreadableInput", f"{path} cannot be read ({error.strerror}).") from error


def content_type(path: Path) -> str:
    """What a file is posted as, by its suffix."""
    known = registry.files() | {".json": JSON, ".npy": NPY}
    return known.get(path.suffix.lower(), OCTETS)


def shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Parse the option `--shape NAME=1,3,224,224`.

    Raises:
        ValueError: for argparse.
    """
    found = re.fullmatch(r"(.+?)=(\d+(?:,\d+)*)", text)
    if not found:
        raise ValueError(text)
    return found[1], tuple(int(side) for side in found[2].split(","))


def _names(inputs: Sequence[Tensor]) -> str:
    return ", ".join(tensor.name for tensor in inputs)
