"""Reads a PIR program: JSON.

{"base_code": {"version": 4}, "program": {"regions": [{"blocks": [{"ops": [...]}]}]}}; an operation has its
name in "#", attributes in "A", outputs in "O"; "p" is a parameter, whose fourth attribute is its name. "OA"
are attributes of its output, of which the first says whether it is persistable: the others are in no file.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from paddlemodel_server.model.files import NEWEST_PIR_VERSION
from paddlemodel_server.model.formats.lookups import Step, Value, bounded
from paddlemodel_server.model.formats.program import Program, Tensor, as_saved

_PERSISTABLE = (1,)
_DTYPES = {
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
    "t_c64": "complex64",
    "t_c128": "complex128",
    "t_f8e4m3fn": "float8_e4m3fn",
    "t_f8e5m2": "float8_e5m2",
}


def read(path: Path) -> Program:
    """Read it; what is damaged raises whatever it happens to be."""
    body = json.loads(path.read_bytes())
    inputs: list[Tensor] = []
    outputs: dict[int, Tensor] = {}
    parameters: list[Tensor] = []
    values: dict[Value, str] = {}
    tables: dict[Value, tuple[int, ...]] = {}
    steps: list[Step] = []
    for op in body["program"]["regions"][0]["blocks"][0]["ops"]:
        kind = op["#"].rpartition(".")[2]
        if kind == "p" and op.get("OA", _PERSISTABLE)[0]:
            parameters.append(_tensor(op["A"][3], op["O"]))
            tables[op["O"].get("%", 0)] = parameters[-1].shape
        elif kind in {"data", "fetch"}:
            tensor = _tensor(_attributes(op)["name"], op["O"][0])
            if kind == "data":
                inputs.append(tensor)
                values[op["O"][0].get("%", 0)] = tensor.name
            else:
                outputs[int(_attributes(op)["col"])] = tensor
        else:
            steps.append(_step(op, kind))
    found = list(_operators(body["program"]["regions"]))
    return Program(
        format="PIR",
        writer=_writer(body["base_code"].get("version")),
        inputs=bounded(inputs, values, steps, tables),
        outputs=tuple(outputs[column] for column in sorted(outputs)),
        parameters=as_saved(parameters),
        operators=Counter(kind for kind, _ in found),
        training=frozenset(kind for kind, op in found if _attributes(op).get("is_test") is False),
    )


def _step(op: Any, kind: str) -> Step:
    padding = _attributes(op).get("padding_idx", -1)
    takes, makes = ([value["%"] for value in _listed(op.get(side))] for side in ("I", "O"))
    return Step(kind=kind, takes=takes, makes=makes, padding=int(padding))


def _listed(values: Any) -> list[Any]:
    found = values if isinstance(values, list) else [values]
    return [value for value in found if isinstance(value, dict) and "%" in value]


def _attributes(op: Any) -> dict[str, Any]:
    return {a["N"]: a["AT"].get("D") for a in op.get("A", ()) if isinstance(a, dict)}


def _tensor(name: str, output: Any) -> Tensor:
    dtype, shape = output["TT"]["D"][:2]
    return Tensor(name=name, dtype=_DTYPES.get(dtype["#"].rpartition(".")[2], dtype["#"]), shape=tuple(shape))


def _writer(version: Any) -> str:
    known = "PaddlePaddle 3.3" if version == NEWEST_PIR_VERSION else "PaddlePaddle 3"
    return f"{known} (PIR version {version})"


def _operators(regions: Any) -> Iterator[tuple[str, Any]]:
    for region in regions:
        for block in region["blocks"]:
            for op in block["ops"]:
                dialect, _, kind = op["#"].rpartition(".")
                if dialect not in {"", "0"} and kind not in {"data", "fetch"}:  # 0: the builtin dialect
                    yield kind, op
                yield from _operators(op.get("regions", ()))
