"""What is served: a model and its task, and what protocol and documents ask of that task.

A task decides what `POST /predict` takes and answers; the routes of V1 and V2 take tensors whatever the task.
The tasks themselves are in `tasks/`, above the protocol.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import orjson

from paddlemodel_server.model.signature import Model
from paddlemodel_server.protocol.request import Array, Expected, Head, Headers, Request, Response, Wanted
from paddlemodel_server.protocol.task.description import Ask, Call, Description, Json, Upload
from paddlemodel_server.protocol.task.warm_up import Columns, Ragged, Reduction, ScoreKind, WarmUp

Shapes = Mapping[str, Sequence[int]]  # of one row of each input, by its name

__all__ = [
    "Accepted",
    "Ask",
    "Call",
    "Columns",
    "Description",
    "Json",
    "Place",
    "Ragged",
    "Reduction",
    "ScoreKind",
    "Served",
    "Shapes",
    "Task",
    "Upload",
    "WarmUp",
]


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a task is fitted to.

    Attributes:
        model: the signature: every input and output.
        folder: of the model's files.
        body_bytes: how much memory a decoded body may take; None where no body will be read.
        scores: what the warm-up found out about the output that the task names in `warm_up`, once it is over.
        alone: whether the warm-up found that rows change each other's answers, or could not find out.
        custom: whether code that lies beside the model may be run.
        further: the same for the models beside it, by the names that the task has for them.
    """

    model: Model
    folder: Path
    body_bytes: int | None = None
    scores: Callable[[], ScoreKind | None] = lambda: None
    alone: Callable[[], bool] = lambda: True
    custom: bool = False
    further: Mapping[str, "Place"] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What a head says of the body of `POST /predict`.

    Attributes:
        form: how the body is written: one of `forms`, or `BODY` or `TEXT`.
        media: what to answer with; None where the body has a say.
    """

    form: str
    media: str | None


class Task(Protocol):
    """A member of `spec.task`, fitted to the model."""

    name: ClassVar[str]
    """The member's name, as users write it."""
    files: ClassVar[Mapping[str, str]]
    """Files that the command `predict` sends to `POST /predict` as they are: suffix to Content-Type."""
    usage: ClassVar[str]
    """Of such a file, for `predict --help`: an example and what it is, two words of the table; or nothing."""
    routes: ClassVar[tuple[str, ...]]
    """The labels of routes that only some tasks have, beside `POST /predict`."""

    @classmethod
    def fit(cls, spec: Any, place: Place) -> Self:
        """Compare the member with the model's whole signature.

        Args:
            spec: an object with the fields of the member of paddlemodel_api.tasks.Task, validated.
            place: what it must fit.

        Raises:
            StartError: `TaskDoesNotFit`, with the cure.
        """
        ...

    @property
    def warm_up(self) -> WarmUp:
        """What a worker's warm-up needs to know."""
        ...

    def load(self) -> None:
        """Import what requests need and `fit` did not; done before the HTTP workers are forked."""
        ...

    def accepts(self, served: "Served", route: str, headers: Headers) -> Accepted:
        """Choose the form of a body and of its answer, before the body is read.

        Args:
            served: the model.
            route: the label of `POST /predict`, or one of `routes`.
            headers: of the request.

        Raises:
            ServingError: neither the body's Content-Type nor its Accept may be anything else.
        """
        ...

    def parse(self, served: "Served", head: Head, body: bytes) -> Request:
        """Turn the inflated body into the model's arrays, or into several parts of them."""
        ...

    def render(self, served: "Served", request: Request, outputs: Sequence[Array]) -> Response:
        """Turn the model's outputs, all of them and in its order, into the answer.

        Of a reduced request they are what the reduction gives. Where the request has parts, the outputs of
        each stand behind those of the one before.
        """
        ...

    def describe(self, served: "Served", proven: Shapes | None) -> Description:
        """Document itself.

        Args:
            served: the model.
            proven: the shapes with which the model has run, by input, where that is known.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Served:
    """Everything about the served model that an answer can depend on."""

    name: str
    model: Model
    task: Task
    max_request_bytes: int
    settings: tuple[tuple[str, str, str], ...] = ()  # of the task: a field, its value as JSON, its origin
    source: str = ""  # the file that told the task, where the spec left it open
    further: tuple[tuple[str, Model], ...] = ()  # the models beside it: what the task calls each

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
    def ids(self) -> tuple[tuple[int, str, int], ...]:
        """The inputs that are ids of an embedding: their place, their name, and how many ids there are."""
        named = enumerate(self.model.inputs)
        return tuple((at, t.name, t.id_limit) for at, t in named if t.id_limit is not None)

    @cached_property
    def all_binary(self) -> tuple[Wanted, ...]:
        """Every output as bytes."""
        return tuple(Wanted(name=name, binary=True) for name in self.outputs)

    @cached_property
    def opening(self) -> bytes:
        """How the JSON of a V2 answer begins."""
        return b'{"model_name":' + orjson.dumps(self.name)
