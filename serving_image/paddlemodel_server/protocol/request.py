"""What an inference request is, and what the answer to it can depend on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from paddlemodel_server.decode import ImagePlan
from paddlemodel_server.model import Model
from paddlemodel_server.task import Task

Array = np.ndarray[Any, np.dtype[Any]]
Headers = Mapping[str, str]  # names in lower case


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
        bool  # whether the scores need no softmax; known once an owner is ready
    )


@dataclass(slots=True, kw_only=True)
class Wanted:
    """An output that the client asked for."""

    name: str
    binary: bool = False  # as bytes behind the JSON, instead of numbers in it


@dataclass(slots=True, kw_only=True)
class Request:
    """A validated inference request; not frozen, which would cost a microsecond each."""

    arrays: list[Array]  # in the model's order
    id: str | None = None
    outputs: tuple[Wanted, ...] = ()  # the requested ones; all where empty
    timeout_seconds: float | None = None  # the client's own deadline, where it named one
