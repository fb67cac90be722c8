"""A gate whose model is a function, and what it says of recorded requests."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from paddlemodel_server.engine.interface import Array
from paddlemodel_server.errors import StartError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.verification import rules
from paddlemodel_server.verification.differences import Tolerances
from paddlemodel_server.verification.gate import Answering, Candidate, verify
from paddlemodel_server.verification.report import Report

MODEL = Model(
    format="PIR",
    inputs=(Tensor(name="x", dtype="float32", shape=(-1, -1)),),
    outputs=(Tensor(name="y", dtype="float32", shape=(-1, -1)),),
)
FAILED = "VerificationFailed"


class Predictor:
    """Answers by a function of the whole run, and keeps how many rows each run had."""

    def __init__(self, answer: Callable[[Array], Sequence[Array]]) -> None:
        self._answer = answer
        self.rows: list[int] = []

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        self.rows.append(len(arrays[0]))
        return list(self._answer(arrays[0]))

    def shrink(self) -> None:
        pass


def twice(x: Array) -> list[Array]:
    return [x * np.float32(2)]


def json_of(name: str, array: Array) -> dict[str, Any]:
    datatype = {"float32": "FP32", "int64": "INT64", "int32": "INT32"}[str(array.dtype)]
    return {"name": name, "datatype": datatype, "shape": list(array.shape), "data": array.ravel().tolist()}


def recorded(path: Path, *requests: Array, answer: Callable[[Array], Sequence[Array]] = twice) -> Path:
    lines = [
        orjson.dumps(
            {
                "request": {"inputs": [json_of("x", x)]},
                "response": {
                    "outputs": [json_of(t.name, y) for t, y in zip(MODEL.outputs, answer(x), strict=True)]
                },
            }
        )
        for x in requests
    ]
    path.write_bytes(b"\n".join(lines))
    return path


def asked(recording: Path, **changed: Any) -> rules.Rules:
    fields: dict[str, Any] = {
        "recording": recording,
        "where": "verify.jsonl beside the model",
        "tolerances": Tolerances(default=rules.EXACT),
        "least": 1.0,
        "seconds": 60.0,
    }
    return rules.Rules(**fields | changed)


def row(*values: float) -> Array:
    return np.array([values], np.float32)


def no_task() -> Answering:
    raise AssertionError("no request to the task is recorded")


REQUESTS = (row(1, 2), row(3, 4), row(5, 6))


def gated(
    answer: Callable[[Array], Sequence[Array]], wanted: rules.Rules, rows: int = 1, **changed: Any
) -> tuple[Report, Predictor]:
    predictor = Predictor(answer)
    fields: dict[str, Any] = {"model": MODEL, "predictor": predictor, "task": no_task, "rows": rows}
    candidate = Candidate(**fields | changed)
    return verify(candidate, wanted, iter(range(10_000)).__next__), predictor


def refused(answer: Callable[[Array], Sequence[Array]], wanted: rules.Rules, rows: int = 1) -> StartError:
    with pytest.raises(StartError) as caught:
        gated(answer, wanted, rows)
    return caught.value
