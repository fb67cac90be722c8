"""What an inference request is, and what the answer to it can depend on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import orjson

from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.tasks.decode import ImagePlan
from paddlemodel_server.tasks.spec import Task

Array = np.ndarray[Any, np.dtype[Any]]
Headers = Mapping[str, str]  # names in lower case

JSON = "application/json"
OCTETS = "application/octet-stream"
NPY = "application/x-npy"


@dataclass(slots=True, kw_only=True)
class Head:
    """What the head of an inference request says, checked; requests with equal heads may share one."""

    route: str
    headers: Headers
    form: str  # how the tensors are sent
    encoding: str | None  # the body's compression
    json_size: int | None  # bytes of the JSON, where binary tensors follow
    timeout_seconds: float | None  # the client's own deadline
    media: str | None  # what to answer with; None: the body has a say


@dataclass(slots=True, kw_only=True)
class Wanted:
    """An output that the client asked for."""

    name: str
    binary: bool = False  # as bytes behind the JSON, instead of numbers in it


@dataclass(slots=True, kw_only=True)
class Request:
    """A validated inference request; not frozen, which would cost half a microsecond more."""

    arrays: list[Array]  # in the model's order; of bfloat16 the bits, as uint16
    id: str | None = None
    outputs: tuple[Wanted, ...] = ()  # the requested ones; all, as JSON, where empty
    timeout_seconds: float | None = None  # the client's own deadline, where it named one
    media: str = JSON  # what /predict answers with
    rows: int | None = None  # of V1's `instances`: an answer has as many rows

    @property
    def binary(self) -> bool:
        """Whether an output was asked for as bytes behind the JSON."""
        return any(wanted.binary for wanted in self.outputs)


class Expected:
    """One input or output of the model, with what parsing and rendering need of it precomputed."""

    __slots__ = (
        "bits",
        "datatype",
        "dtype",
        "dumped",
        "kind",
        "name",
        "open_at",
        "shape",
        "shown_shape",
        "step",
    )

    def __init__(self, tensor: Tensor) -> None:
        self.name = tensor.name
        self.datatype = tensor.datatype
        self.shape = tensor.shape
        self.dtype = tensor.numpy
        self.bits = tensor.dtype == "bfloat16"  # numpy has none: its bits travel as uint16
        self.kind = "f" if self.bits else self.dtype.kind
        self.dumped = orjson.dumps({"name": tensor.name, "datatype": tensor.datatype})[:-1] + b',"shape":'
        # Where at most one dimension is open, the number of bytes tells the shape.
        self.open_at = self.shape.index(-1) if self.shape.count(-1) == 1 else None
        self.step = prod(n for n in self.shape if n != -1) * self.dtype.itemsize
        note = " (-1 stands for any size from 1)" if -1 in tensor.shape else ""
        self.shown_shape = f"{list(tensor.shape)}{note}"


@dataclass(frozen=True, kw_only=True)
class Served:
    """Everything about the served model that an answer can depend on."""

    name: str
    model: Model
    task: Task
    max_request_bytes: int
    image: ImagePlan | None = None
    labels: tuple[str, ...] = ()
    probabilities: Callable[[], bool] = (
        bool  # whether the scores need no softmax; known once a worker is ready
    )

    @cached_property
    def inputs(self) -> dict[str, Expected]:
        """The model's inputs by name, in its order."""
        return {tensor.name: Expected(tensor) for tensor in self.model.inputs}

    @cached_property
    def outputs(self) -> dict[str, Expected]:
        """The model's outputs by name, in its order."""
        return {tensor.name: Expected(tensor) for tensor in self.model.outputs}

    @cached_property
    def in_order(self) -> tuple[Expected, ...]:
        """The outputs as Paddle gives them."""
        return tuple(self.outputs.values())

    @cached_property
    def only_input(self) -> Expected | None:
        """The model's input, if it has just one."""
        return next(iter(self.inputs.values())) if len(self.inputs) == 1 else None

    @cached_property
    def all_binary(self) -> tuple[Wanted, ...]:
        """Every output as bytes."""
        return tuple(Wanted(name=name, binary=True) for name in self.outputs)

    @cached_property
    def opening(self) -> bytes:
        """How the JSON of a V2 answer begins."""
        return b'{"model_name":' + orjson.dumps(self.name)
