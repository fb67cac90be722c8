"""What a worker needs to know of the task: shapes, scores, outputs that are parted or reduced; pure."""

from dataclasses import dataclass, field
from typing import Any, Literal

ScoreKind = Literal["Logits", "Probabilities", "Independent"]
"""Of an output: any numbers; in 0..1 and each row sums to one; in 0..1, but each value for itself."""


@dataclass(frozen=True, kw_only=True)
class Reduction:
    """What a worker makes of the outputs of a request to the task, before they cross to the HTTP workers.

    The logits of a text recogniser for one line take megabytes, of which an answer needs two numbers a step.

    Attributes:
        function: one of `tasks.reducers`, which says what it gives.
        output: the number of the output that it is made of; the task gets nothing else.
        axis: of its classes, from 1; `narrow` has none.
        count: of the classes that `top` keeps.
    """

    function: Literal["best", "label", "narrow", "top"]
    output: int = 0
    axis: int = -1
    count: int = 1


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
class Columns:
    """How many classes an output must have whose signature leaves that open: only a run tells.

    Attributes:
        task: the member of spec.task.
        output: the number of the output; its last dimension are the classes.
        count: as many as the task has names; None: as many as there are.
        names: what they are in a message, such as "3 labels".
        cure: of another number than `count`.
        alone: the cure of a single class, which is no choice; "" where it is one.
    """

    task: str
    output: int
    count: int | None
    names: str
    cure: str
    alone: str = ""


@dataclass(frozen=True, kw_only=True)
class WarmUp:
    """What a worker needs to know of the task, above all for its warm-up; the supervisor sends it there.

    Attributes:
        shapes: of one row, of the inputs whose open dimensions the task decides.
        scores: the output, by its number, of which the warm-up should tell what kind of scores it gives.
        setting: the field of the spec by which a user can say so instead; for messages.
        ragged: outputs that have another number of rows than the inputs.
        reduction: of the outputs, for requests whose `Request.reduced` is set.
        sized: whether rows have many sizes, and may be much larger than `shapes`: a run then has as many rows
            as take no more memory than the largest run of the warm-up, but always one.
        columns: what the first run must show of an output's classes, where the model leaves them open.
        http_seconds: of the processor, for an HTTP worker to decode a request like that of the warm-up.
    """

    shapes: dict[str, list[int]] = field(default_factory=dict)
    scores: int | None = None
    setting: str = ""
    ragged: Ragged | None = None
    reduction: Reduction | None = None
    sized: bool = False
    columns: Columns | None = None
    http_seconds: float = 0.0

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "WarmUp":
        """Read what `asdict` made of one."""
        ragged, reduction, columns = (fields.pop(name) for name in ("ragged", "reduction", "columns"))
        return cls(
            **fields,
            ragged=ragged and Ragged(**ragged),
            reduction=reduction and Reduction(**reduction),
            columns=columns and Columns(**columns),
        )
