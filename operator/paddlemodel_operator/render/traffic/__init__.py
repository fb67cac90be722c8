"""The ways to a model from outside: Ingress and HTTPRoute, to one Service or shared between several; pure."""

from dataclasses import dataclass
from typing import Final

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.container import timeout_seconds

LEAST_SECONDS: Final = 120
"""At least this long may a body take to arrive and an answer to come."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A Service of a model, and its share of the requests.

    Attributes:
        service: its name.
        weight: out of the sum of all backends' weights; 0: none.
    """

    service: str
    weight: int


def sole(model: PaddleModel) -> tuple[Backend, ...]:
    """All requests go to the one Service that has the model's name."""
    return (Backend(model.name, 1),)


def seconds(model: PaddleModel) -> int:
    """How long what stands in front waits for an answer: longer than the server, whose refusals say more."""
    return max(LEAST_SECONDS, timeout_seconds(model) + 5)
