"""Requests that this model accepts, for the page and the OpenAPI document; pure."""

from math import prod
from typing import Any

from paddlemodel_server.model.signature import Tensor
from paddlemodel_server.protocol import Served
from paddlemodel_server.protocol.served import Shapes

SIDE = 8  # for dimensions that the model leaves open, where nobody knows better
MOST_VALUES = 1024  # an example with more numbers teaches nobody

Json = dict[str, Any]


def shapes(served: Served, proven: Shapes | None = None) -> dict[str, list[int]]:
    """A shape of one row for each input.

    Args:
        served: the model; where the task decides open dimensions, it has a say.
        proven: the shapes with which the model has run, by input, where that is known.
    """
    known = proven or {}
    return {
        tensor.name: [int(n) for n in known.get(tensor.name, ())] or _closed(tensor, served)
        for tensor in served.model.inputs
    }


def infer(served: Served, proven: Shapes | None = None) -> Json:
    """The body of a V2 request; inputs of many values come without their `data`, which is all zeros."""
    found = shapes(served, proven)
    return {"inputs": [_entry(tensor, found[tensor.name]) for tensor in served.model.inputs]}


def complete(example: Json) -> bool:
    """Whether a V2 example can be sent as it is."""
    return all("data" in entry for entry in example["inputs"])


def _entry(tensor: Tensor, shape: list[int]) -> Json:
    entry: Json = {"name": tensor.name, "datatype": tensor.datatype, "shape": shape}
    if prod(shape) <= MOST_VALUES:
        entry["data"] = [False if tensor.dtype == "bool" else 0] * prod(shape)
    return entry


def _closed(tensor: Tensor, served: Served) -> list[int]:
    if found := served.task.warm_up.shapes.get(tensor.name):
        return list(found)
    return [n if n != -1 else (1 if at == 0 else SIDE) for at, n in enumerate(tensor.shape)]


def v1(served: Served, proven: Shapes | None = None) -> Json | None:
    """The body of a V1 request, in columns; None where it has too many values."""
    example = infer(served, proven)
    if not complete(example):
        return None
    return {"inputs": {entry["name"]: _nested(entry["data"], entry["shape"]) for entry in example["inputs"]}}


def _nested(values: list[Any], shape: list[int]) -> Any:
    for size in reversed(shape[1:]):
        values = [values[at : at + size] for at in range(0, len(values), size)]
    return values if shape else values[0]
