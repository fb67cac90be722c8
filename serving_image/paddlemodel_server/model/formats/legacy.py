"""Reads a legacy program: a protobuf message of which only a few fields are needed.

They are, in the words of Paddle's framework.proto:

ProgramDesc {blocks=1, version=4} · Version {version=1} · BlockDesc {vars=3, ops=4}
VarDesc {name=1, type=2, persistable=3} · VarType {type=1, dense=3} · LoDTensorDesc {tensor=1}
TensorDesc {data_type=1, dims=2} · OpDesc {inputs=1, outputs=2, type=3, attrs=4}
Var {parameter=1, arguments=2} · Attr {name=1, i=3, b=10, l=13}
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paddlemodel_server.model.formats.lookups import LOOKUPS, Step, bounded
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
_ENDS = {"feed", "fetch"}
_NO_PARAMETERS = {9, 10, 17}  # VarType of the feed list, the fetch list, raw values: persistable, never saved


@dataclass(frozen=True, kw_only=True)
class _Variable:
    tensor: Tensor | None
    kind: int
    persistable: bool


def read(path: Path) -> Program:
    """Read it; what is damaged raises whatever it happens to be."""
    parts = list(fields(path.read_bytes()))
    blocks = [list(fields(value)) for number, value in parts if number == 1]
    versions = [_numbers(value).get(1, 0) for number, value in parts if number == 4]
    variables = dict(_variable(value) for number, value in blocks[0] if number == 3)
    feeds: dict[int, str] = {}
    fetches: dict[int, str] = {}
    for op in _ops(blocks[0]):
        kind = _kind(op)
        if kind == "feed":
            feeds[_column(op)] = _argument(op, 2)
        elif kind == "fetch":
            fetches[_column(op)] = _argument(op, 1)
    inputs = [_tensor(variables[name]) for _, name in sorted(feeds.items())]
    kept = [_tensor(v) for v in variables.values() if v.persistable and v.kind not in _NO_PARAMETERS]
    found = [(kind, op) for block in blocks for op in _ops(block) if (kind := _kind(op)) not in _ENDS]
    steps = [_step(op) for op in _ops(blocks[0]) if _kind(op) not in _ENDS]
    return Program(
        format="Legacy",
        writer=_writer(versions[0] if versions else 0),
        inputs=bounded(inputs, {t.name: t.name for t in inputs}, steps, {t.name: t.shape for t in kept}),
        outputs=tuple(_tensor(variables[name]) for _, name in sorted(fetches.items())),
        parameters=as_saved(kept),
        operators=Counter(kind for kind, _ in found),
        training=frozenset(kind for kind, op in found if _attribute(op, "is_test").get(10) == 0),
    )


def _ops(block: list[tuple[int, Any]]) -> list[bytes]:
    return [value for number, value in block if number == 4]


def _step(op: bytes) -> Step:
    kind = _kind(op)
    takes, makes = (dict(_arguments(op, side)) for side in (1, 2))
    padding = _signed(_attribute(op, "padding_idx").get(13, -1 % (1 << 64)))
    if kind in LOOKUPS:
        table = [*takes.get("Ids", ()), *takes.get("W", ())]
        return Step(kind=kind, takes=table, makes=makes.get("Out", []), padding=padding)
    first = takes.get("X", [])
    rest = [name for parameter, names in makes.items() if parameter != "Out" for name in names]
    return Step(kind=kind, takes=first if len(first) == 1 else [], makes=[*makes.get("Out", []), *rest])


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


def _arguments(op: bytes, side: int) -> Iterator[tuple[str, list[str]]]:
    """The variables of each parameter of an operator; side 1 is what it takes, 2 what it makes."""
    for variable in (value for number, value in fields(op) if number == side):
        named = list(fields(variable))
        parameter = next(_text(value) for number, value in named if number == 1)
        yield parameter, [_text(value) for number, value in named if number == 2]


def _column(op: bytes) -> int:
    return int(_attribute(op, "col").get(3, 0))


def _attribute(op: bytes, name: str) -> dict[int, Any]:
    """The fields of one attribute of an operator; empty where it has none of that name."""
    for attribute in (value for number, value in fields(op) if number == 4):
        parts = dict(fields(attribute))
        if _text(parts[1]) == name:
            return parts
    return {}


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
