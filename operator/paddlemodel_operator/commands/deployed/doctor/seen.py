"""What the doctor has read of a model and of the cluster around it; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.base.names import ChildKey
from paddlemodel_operator.commands.deployed.records import NotKnown, Operator
from paddlemodel_operator.observe.children import Observed

Object = Mapping[str, Any]


class State(StrEnum):
    """What a step has found."""

    OK = "ok"
    FAILED = "failed"
    NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way to an answer; the text says cause and cure, or what was found."""

    name: str
    state: State
    text: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a pod answered to a question for its model's metadata."""

    pod: str
    path: str
    status: int
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Everything that the steps decide by; in place of what could not be read, why not."""

    body: Object
    model: PaddleModel | NotKnown
    """Not known: the sentence with which the operator refuses the spec."""
    operator: Operator | NotKnown
    children: Mapping[ChildKey, Object | NotKnown | None]
    """Every object that the operator should have made, and what there is."""
    observed: Observed | NotKnown
    endpoints: Sequence[Object] | NotKnown
    """The EndpointSlices of the Service."""
    classes: Sequence[Object] | NotKnown
    """The IngressClasses of the cluster."""
    answer: Answer | NotKnown | None
    """None where no pod is ready to be asked."""
