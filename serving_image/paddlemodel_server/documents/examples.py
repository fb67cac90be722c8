"""A request that this model accepts, for the page and the OpenAPI document; pure."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from paddlemodel_server.model import Model, Tensor

SIDE = 8  # for dimensions that the model leaves open, until a warm-up has found one that works
MOST_VALUES = 1024  # an example with more numbers teaches nobody

Json = dict[str, Any]
Shapes = Mapping[str, Sequence[int]]


def shapes(model: Model, proven: Shapes | None = None) -> dict[str, list[int]]:
    """A shape for each input: one row, and `proven` sizes (of the warm-up's run) where there are any."""
    return {
        tensor.name: [int(n) for n in (proven or {}).get(tensor.name, ())] or _closed(tensor)
        for tensor in model.inputs
    }


def infer(model: Model, proven: Shapes | None = None) -> Json:
    """The body of a V2 request; inputs of many values come without their `data`, which is all zeros."""
    return {"inputs": [_entry(tensor, shapes(model, proven)[tensor.name]) for tensor in model.inputs]}


def complete(example: Json) -> bool:
    """Whether a V2 example can be sent as it is."""
    return all("data" in entry for entry in example["inputs"])


def _entry(tensor: Tensor, shape: list[int]) -> Json:
    entry: Json = {"name": tensor.name, "datatype": tensor.datatype, "shape": shape}
    if prod(shape) <= MOST_VALUES:
        entry["data"] = [0] * prod(shape) if tensor.dtype != "bool" else [False] * prod(shape)
    return entry


def _closed(tensor: Tensor) -> list[int]:
    return [(1 if at == 0 else SIDE) if n == -1 else n for at, n in enumerate(tensor.shape)]
