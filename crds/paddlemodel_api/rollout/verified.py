"""How a pod that does not agree with recorded requests answers them (`status.verification`)."""

from typing import Annotated

from pydantic import Field

from paddlemodel_api.base import Block

Text = Annotated[str, Field(max_length=253)]
Decimal = Annotated[str, Field(max_length=32)]
"""A number as text: the API server's floats do not survive every client, and JSON has no infinity."""


class WorstDifference(Block):
    """The answer that is farthest off."""

    request: int = Field(description="Which of the recorded requests, from 1.")
    run: Text = Field(description="How it ran: alone, or in a run with others.")
    output: Text = Field(description="The output's name.")
    index: Text | None = Field(
        default=None,
        description="The place of the value, as [0][5] or lines[0].text; this and the following are left out "
        "where whole outputs do not compare, as by their shape, and with TopK.",
    )
    expected: Decimal | None = Field(
        default=None, description="The recorded value, or the beginning of where a text differs."
    )
    actual: Decimal | None = Field(default=None, description="The value of the pod.")
    absolute: Decimal | None = Field(
        default=None, description="Their difference; inf where only one of them is a number."
    )
    relative: Decimal | None = Field(default=None, description="The same as a part of the recorded value.")


class VerificationStatus(Block):
    """What a pod of the newest version that does not agree has found."""

    requests: int = Field(description="Recorded requests.")
    agreed: int = Field(description="Of these, answered as recorded.")
    worst: WorstDifference | None = Field(default=None, description="The answer that is farthest off.")
    pod: Text | None = Field(default=None, description="The pod.")
    node: Text | None = Field(default=None, description="Its node.")
