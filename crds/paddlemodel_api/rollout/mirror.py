"""Requests that are asked of both versions while a canary runs (`spec.rollout.mirror`)."""

from typing import Annotated, ClassVar

from pydantic import Field

from paddlemodel_api.base import Block, matches, moved
from paddlemodel_api.rollout.verification import NUMBER, Number, Output

_PLACE = "spec.rollout.mirror"


class MirroredOutput(Output):
    """How one output of the canary is compared with the stable version's."""

    rules: ClassVar = moved(Output.rules, "spec.verification", _PLACE)


class Mirror(Block):
    """The stable pods send a share of what they have answered to the canary, and compare its answers.

    Clients wait for none of it, and get the stable version's answers.
    """

    percent: Annotated[int, Field(ge=1, le=100)] = Field(
        default=5,
        description="How many of a hundred requests of the stable version are mirrored; of each HTTP worker "
        "no more than 32 a second, chosen by chance, so that a busy model is not slowed down.",
    )
    relative: Number | None = Field(
        default=None, description="As a part of the stable version's number. Default: 1e-2."
    )
    absolute: Number | None = Field(default=None, description="Default: 1e-3.")
    outputs: Annotated[tuple[MirroredOutput, ...], Field(max_length=64)] = Field(
        default=(), description="Outputs that are compared in another way. Default: all by their values."
    )
    rules: ClassVar = tuple(
        matches(
            field,
            NUMBER,
            f"{_PLACE}.{field} is a number as text, such as '1e-3': write it in quotes, and not negative",
        )
        for field in ("relative", "absolute")
    )
