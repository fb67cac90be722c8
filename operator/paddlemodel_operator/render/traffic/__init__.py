"""The ways to a model from outside: Ingress and HTTPRoute, both to its Service; pure."""

from typing import Final

from paddlemodel_operator.base.model import PaddleModel
from paddlemodel_operator.render.container import timeout_seconds

LEAST_SECONDS: Final = 120
"""At least this long may a body take to arrive and an answer to come."""


def seconds(model: PaddleModel) -> int:
    """How long what stands in front waits for an answer: longer than the server, whose refusals say more."""
    return max(LEAST_SECONDS, timeout_seconds(model) + 5)
