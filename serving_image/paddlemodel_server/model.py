"""What a model takes and gives: names, dtypes and shapes, read from its files without Paddle.

The supervisor reads it at the start (a task that does not fit the model fails before Paddle is loaded), the
fronts validate every request against it, the owners warm up with it. PIR programs are JSON; legacy programs
are a protobuf message of which only the few fields needed are read.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from paddlemodel_server.errors import StartError
from paddlemodel_server.files import ModelFiles

# Names of the Open Inference Protocol V2; Paddle calls the same dtypes as numpy does.
DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
}
_PIR_DTYPES = {
    "t_bool": "bool",
    "t_ui8": "uint8",
    "t_i8": "int8",
    "t_i16": "int16",
    "t_i32": "int32",
    "t_i64": "int64",
    "t_f16": "float16",
    "t_f32": "float32",
    "t_f64": "float64",
    "t_bf16": "bfloat16",
}
# VarType.Type of Paddle's framework.proto.
_LEGACY_DTYPES = {
    0: "bool",
    1: "int16",
    2: "int32",
    3: "int64",
    4: "float16",
    5: "float32",
    6: "float64",
    20: "uint8",
    21: "int8",
    22: "bfloat16",
}


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One input or output; -1 stands for a dimension that the request decides."""

    name: str
    dtype: str  # as numpy names it
    shape: tuple[int, ...]

    @property
    def datatype(self) -> str:
        """The dtype's name in the V2 protocol."""
        return DATATYPES.get(self.dtype, self.dtype.upper())

    @cached_property
    def numpy(self) -> np.dtype[Any]:
        """The dtype for numpy."""
        return np.dtype(self.dtype)


@dataclass(frozen=True, kw_only=True)
class Model:
    """All inputs and outputs, in the order in which Paddle knows them."""

    format: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @cached_property
    def batched(self) -> bool:
        """Whether requests may share a run: every tensor leaves its first dimension open."""
        return all(tensor.shape[:1] == (-1,) for tensor in (*self.inputs, *self.outputs))


def read(files: ModelFiles) -> Model:
    """Read the inputs and outputs of a model."""
    try:
        inputs, outputs = (_read_pir if files.format == "PIR" else _read_legacy)(files.program)
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
    if not inputs or not outputs:
        raise _unreadable(files.program, "(it has no inputs or no outputs)")
    for tensor in inputs:
        if tensor.dtype not in DATATYPES:
            raise StartError(
                "UnsupportedDtype",
                f"Input {tensor.name} of {files.program.name} is {tensor.dtype}, which HTTP cannot carry; "
                f"export the model with one of {', '.join(DATATYPES)}.",
            )
    return Model(format=files.format, inputs=inputs, outputs=outputs)


def _unreadable(program: Path, detail: str) -> StartError:
    return StartError(
        "UnreadableProgram",
        f"The inputs and outputs in {program.name} cannot be read {detail}; "
        "export the model again with paddle.jit.save.",
    )


Tensors = tuple[tuple[Tensor, ...], tuple[Tensor, ...]]


def _read_pir(program: Path) -> Tensors:
    body = json.loads(program.read_bytes())
    inputs: list[Tensor] = []
    outputs: dict[int, Tensor] = {}
    for op in body["program"]["regions"][0]["blocks"][0]["ops"]:
        kind = op["#"].rpartition(".")[2]
        if kind not in {"data", "fetch"}:
            continue
        attributes = {a["N"]: a["AT"].get("D") for a in op["A"]}
        dtype, shape = op["O"][0]["TT"]["D"][:2]
        tensor = Tensor(
            name=attributes["name"],
            dtype=_PIR_DTYPES.get(dtype["#"].rpartition(".")[2], dtype["#"]),
            shape=tuple(shape),
        )
        if kind == "data":
            inputs.append(tensor)
        else:
            outputs[int(attributes["col"])] = tensor
    return tuple(inputs), tuple(outputs[column] for column in sorted(outputs))


# --- legacy: ProgramDesc {blocks=1} · BlockDesc {vars=3, ops=4} · VarDesc {name=1, type=2}
# --- VarType {dense=3} · LoDTensorDesc {tensor=1} · TensorDesc {data_type=1, dims=2}
# --- OpDesc {inputs=1, outputs=2, type=3, attrs=4} · Var {parameter=1, arguments=2} · Attr {name=1, i=3}


def _read_legacy(program: Path) -> Tensors:
    block = next(value for number, value in _fields(program.read_bytes()) if number == 1)
    variables: dict[str, tuple[str, tuple[int, ...]]] = {}
    feeds: dict[int, str] = {}
    fetches: dict[int, str] = {}
    for number, value in _fields(block):
        if number == 3:
            name, described = _variable(value)
            if described:
                variables[name] = described
        elif number == 4:
            kind = next(_text(v) for n, v in _fields(value) if n == 3)
            if kind == "feed":
                feeds[_column(value)] = _argument(value, 2)
            elif kind == "fetch":
                fetches[_column(value)] = _argument(value, 1)
    return tuple(
        tuple(
            Tensor(name=name, dtype=variables[name][0], shape=variables[name][1])
            for _, name in sorted(columns.items())
        )
        for columns in (feeds, fetches)
    )  # type: ignore[return-value]  # a generator over two columns gives two tuples


def _variable(message: bytes) -> tuple[str, tuple[str, tuple[int, ...]] | None]:
    name, described = "", None
    for number, value in _fields(message):
        if number == 1:
            name = _text(value)
        elif number == 2:
            for lod in (v for n, v in _fields(value) if n == 3):
                tensor = next(v for n, v in _fields(lod) if n == 1)
                dtype = next(v for n, v in _fields(tensor) if n == 1)
                shape = tuple(_signed(v) for n, v in _fields(tensor) if n == 2)
                described = (_LEGACY_DTYPES.get(dtype, f"type {dtype}"), shape)
    return name, described


def _argument(op: bytes, side: int) -> str:
    variable = next(value for number, value in _fields(op) if number == side)
    return next(_text(value) for number, value in _fields(variable) if number == 2)


def _column(op: bytes) -> int:
    for attribute in (value for number, value in _fields(op) if number == 4):
        parts = dict(_fields(attribute))
        if _text(parts[1]) == "col":
            return int(parts.get(3, 0))
    return 0


def _text(value: Any) -> str:
    text: str = value.decode()
    return text


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Walk the fields of a protobuf message: numbers for varints, bytes for the rest."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        kind = tag & 7
        if kind == 0:
            value, position = _varint(message, position)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, position = _varint(message, position)
        elif kind in {1, 5}:
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
        yield tag >> 3, message[position : position + size]
        position += size


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
