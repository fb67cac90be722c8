"""Reads a legacy program: a protobuf message of which only a few fields are needed.

They are, in the words of Paddle's framework.proto:

ProgramDesc {blocks=1, version=4} · Version {version=1} · BlockDesc {vars=3, ops=4}
VarDesc {name=1, type=2, persistable=3} · VarType {type=1, dense=3} · LoDTensorDesc {tensor=1}
TensorDesc {data_type=1, dims=2} · OpDesc {inputs=1, outputs=2, type=3, attrs=4}
Var {parameter=1, arguments=2} · Attr {name=1, i=3}
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paddlemodel_server.model.formats.program import Program, Tensor, as_saved

# VarType.Type of Paddle's framework.proto.
_DTYPES = {
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
    23: "complex64",
    24: "complex128",
    25: "string",
    32: "float8_e4m3fn",
    33: "float8_e5m2",
    36: "uint16",
    37: "uint32",
    38: "uint64",
}
_NO_PARAMETERS = {9, 10, 17}  # VarType of the feed list, the fetch list, raw values: persistable, never saved


@dataclass(frozen=True, kw_only=True)
class _Variable:
    tensor: Tensor | None
    kind: int
    persistable: bool


def read(path: Path) -> Program:
    """Read it; what is damaged raises whatever it happens to be."""
    parts = list(fields(path.read_bytes()))
    blocks = [value for number, value in parts if number == 1]
    versions = [_numbers(value).get(1, 0) for number, value in parts if number == 4]
    variables: dict[str, _Variable] = {}
    feeds: dict[int, str] = {}
    fetches: dict[int, str] = {}
    for number, value in fields(blocks[0]):
        if number == 3:
            name, variable = _variable(value)
            variables[name] = variable
        elif number == 4:
            kind = _kind(value)
            if kind == "feed":
                feeds[_column(value)] = _argument(value, 2)
            elif kind == "fetch":
                fetches[_column(value)] = _argument(value, 1)
    return Program(
        format="Legacy",
        writer=_writer(versions[0] if versions else 0),
        inputs=tuple(_tensor(variables[name]) for _, name in sorted(feeds.items())),
        outputs=tuple(_tensor(variables[name]) for _, name in sorted(fetches.items())),
        parameters=as_saved(
            [_tensor(v) for v in variables.values() if v.persistable and v.kind not in _NO_PARAMETERS]
        ),
        operators=Counter(
            kind
            for block in blocks
            for number, value in fields(block)
            if number == 4 and (kind := _kind(value)) not in {"feed", "fetch"}
        ),
    )


def _writer(version: int) -> str:
    if version <= 0:
        return "PaddlePaddle 2 or a development version"
    return f"PaddlePaddle {version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"


def _tensor(variable: _Variable) -> Tensor:
    if variable.tensor is None:
        raise ValueError("no tensor")
    return variable.tensor


def _variable(message: bytes) -> tuple[str, _Variable]:
    name, tensor, kind, persistable = "", None, 0, False
    for number, value in fields(message):
        if number == 1:
            name = _text(value)
        elif number == 2:
            kind = _numbers(value).get(1, 0)
            for dense in (v for n, v in fields(value) if n == 3):
                tensor = tensor_desc(next(v for n, v in fields(dense) if n == 1))
        elif number == 3:
            persistable = bool(value)
    named = tensor and Tensor(name=name, dtype=tensor.dtype, shape=tensor.shape)
    return name, _Variable(tensor=named, kind=kind, persistable=persistable)


def tensor_desc(message: bytes) -> Tensor:
    """Read Paddle's TensorDesc, which also stands before each tensor of a parameters file; it has no name."""
    dtype = next(value for number, value in fields(message) if number == 1)
    shape = tuple(_signed(value) for number, value in fields(message) if number == 2)
    return Tensor(name="", dtype=_DTYPES.get(dtype, f"type {dtype}"), shape=shape)


def _kind(op: bytes) -> str:
    return next(_text(value) for number, value in fields(op) if number == 3)


def _argument(op: bytes, side: int) -> str:
    variable = next(value for number, value in fields(op) if number == side)
    return next(_text(value) for number, value in fields(variable) if number == 2)


def _column(op: bytes) -> int:
    for attribute in (value for number, value in fields(op) if number == 4):
        parts = dict(fields(attribute))
        if _text(parts[1]) == "col":
            return int(parts.get(3, 0))
    return 0


def _numbers(message: bytes) -> dict[int, int]:
    return {number: value for number, value in fields(message) if isinstance(value, int)}


def _text(value: Any) -> str:
    text: str = value.decode()
    return text


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
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
