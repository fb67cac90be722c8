"""What is served: a model and its task, and what protocol and documents ask of that task.

A task decides what `POST /predict` takes and answers; the routes of V1 and V2 take tensors whatever the task.
The tasks themselves are in `tasks/`, above the protocol.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self

import orjson

from paddlemodel_server.model.signature import Model
from paddlemodel_server.protocol.request import Array, Expected, Head, Headers, Request, Response, Wanted

Json = dict[str, Any]
Shapes = Mapping[str, Sequence[int]]  # of one row of each input, by its name
ScoreKind = Literal["Logits", "Probabilities", "Independent"]
"""Of an output: any numbers; in 0..1 and each row sums to one; in 0..1, but each value for itself."""


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
    """

    model: Model
    folder: Path
    body_bytes: int | None = None
    scores: Callable[[], ScoreKind | None] = lambda: None
    alone: Callable[[], bool] = lambda: True
    custom: bool = False


@dataclass(frozen=True, kw_only=True)
class Reduction:
    """What a worker makes of the outputs of a request to the task, before they cross to the HTTP workers.

    The logits of a text recogniser for one line take megabytes, of which an answer needs two numbers a step.

    Attributes:
        function: one of `tasks.reducers`, which says what it gives.
        output: the number of the output that it is made of; the task gets nothing else.
        axis: of its classes, from 1; `narrow` has none.
    """

    function: Literal["best", "label", "narrow"]
    output: int = 0
    axis: int = -1


@dataclass(frozen=True, kw_only=True)
class Ragged:
    """Outputs with as many rows for a row of the request as another output says, such as a detector's boxes.

    Attributes:
        counts: the number of the output with these numbers, one whole number for each row of a request.
        outputs: the numbers of those whose rows are counted; those of one row follow those of the one before.
    """

    counts: int
    outputs: list[int]


@dataclass(frozen=True, kw_only=True)
class WarmUp:
    """What a worker needs to know of the task, above all for its warm-up; the supervisor sends it there.

    Attributes:
        shapes: of one row, of the inputs whose open dimensions the task decides.
        scores: the output, by its number, of which the warm-up should tell what kind of scores it gives.
        setting: the field of the spec by which a user can say so instead; for messages.
        ragged: outputs that have another number of rows than the inputs.
        reduction: of the outputs, for requests whose `Request.reduced` is set.
    """

    shapes: dict[str, list[int]] = field(default_factory=dict)
    scores: int | None = None
    setting: str = ""
    ragged: Ragged | None = None
    reduction: Reduction | None = None

    @classmethod
    def of(cls, fields: Json) -> "WarmUp":
        """Read what `asdict` made of one."""
        ragged, reduction = fields.pop("ragged"), fields.pop("reduction")
        return cls(
            **fields,
            ragged=ragged and Ragged(**ragged),
            reduction=reduction and Reduction(**reduction),
        )


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What a head says of the body of `POST /predict`.

    Attributes:
        form: how the body is written: one of `forms`, or `BODY` or `TEXT`.
        media: what to answer with; None where the body has a say.
    """

    form: str
    media: str | None


@dataclass(frozen=True, kw_only=True)
class Upload:
    """How the page sends a file to `POST /predict`.

    Attributes:
        what: the file is, with its article, such as "a picture".
        media: Content-Types that the browser offers.
        preview: whether the browser can show it as a picture.
        sound: whether the browser can play it, and draw it.
    """

    what: str
    media: tuple[str, ...]
    preview: bool = False
    sound: bool = False


@dataclass(frozen=True, kw_only=True)
class Ask:
    """How the page sends words to `POST /predict`.

    Attributes:
        what: they are, with their article, such as "a text".
        example: what stands there at first.
    """

    what: str
    example: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request with curl, for the page.

    Attributes:
        route: without a leading slash.
        arguments: of curl, behind the address.
        file: the file among them, if there is one.
        stands_for: what that file is, for "`cat.jpg` stands for your file".
    """

    route: str
    arguments: tuple[str, ...]
    file: str = ""
    stands_for: str = ""


@dataclass(frozen=True, kw_only=True)
class Description:
    """A task for people and machines.

    Attributes:
        operation: `POST /predict` as an OpenAPI operation, without the parts that all routes share.
        schemas: the schemas that only this operation refers to, by name.
        call: the request that the page shows.
        upload: what the page's form sends beside tensors; None where it sends only those.
        more: the operations of further routes of the task, by label.
        ask: the same for a text that is written into the page.
    """

    operation: Json
    call: Call
    schemas: Json = field(default_factory=dict)
    upload: Upload | None = None
    more: Mapping[str, Json] = field(default_factory=dict)
    ask: Ask | None = None


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
