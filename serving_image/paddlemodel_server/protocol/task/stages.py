"""What a task has in addition whose requests run several models, one after the other; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from paddlemodel_server.protocol.request import Array, Request
from paddlemodel_server.protocol.task.warm_up import WarmUp

STAGES = ("detection", "orientation", "recognition")
"""Of all tasks: the names of metrics, of fields of the log, and of spans."""


@dataclass(slots=True, kw_only=True)
class StageRequest(Request):
    """What one stage runs.

    Attributes:
        stage: one of STAGES.
        model: the number of the workers' model: 0 is that of spec.model, then come those of `Stages.further`.
        held: bytes that the request keeps in `kept` until it is answered.
    """

    stage: str
    model: int = 0
    held: int = 0


@runtime_checkable
class Stages(Protocol):
    """A task with further models."""

    @property
    def further(self) -> Mapping[str, WarmUp]:
        """What the workers need to know of each further model, in the order of their numbers from 1."""
        ...

    def next(self, request: StageRequest, outputs: Sequence[Array]) -> StageRequest | None:
        """What runs next, as `parts`; None where the answer can be made of what the request has kept.

        Args:
            request: of the stage that is over.
            outputs: of its model; those of several parts follow one another.
        """
        ...
