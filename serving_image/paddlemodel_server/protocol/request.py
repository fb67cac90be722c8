"""What an inference request and an HTTP answer are, as plain objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import orjson

from paddlemodel_server.model.signature import Tensor

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
    grant: Any = None  # who sends it, where the server asks for keys: `access.keyring.Grant`


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
    parts: list[list[Array]] | None = None  # what a task runs instead of `arrays`, each part by itself
    lengthy: bool = False  # whether its answer takes long to make, however small the outputs are
    reduced: bool = False  # whether the task's answer needs only what its reduction leaves of the outputs
    kept: Any = None  # what the task that made it needs for the answer

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


@dataclass(slots=True, kw_only=True)
class Response:
    """An HTTP answer; the doors add nothing but the date. Not frozen: it is made for every request."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Content-Type, Content-Length, and what the answer adds to them."""
        return [("Content-Type", self.content_type), ("Content-Length", str(len(self.body))), *self.extra]


def as_json(content: Any, status: int = 200, extra: tuple[tuple[str, str], ...] = ()) -> Response:
    """An answer whose body is `content` as JSON."""
    return Response(status=status, body=orjson.dumps(content), extra=extra)
