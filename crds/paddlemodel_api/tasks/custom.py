"""`spec.task.custom`: the model's own code turns bodies into inputs, and outputs into answers."""

from typing import Annotated

from pydantic import Field

from paddlemodel_api.base import Block


class Custom(Block):
    """How long the code may take."""

    timeout_seconds: Annotated[int, Field(strict=True, ge=1, le=3600)] = Field(
        default=10,
        description="Seconds that preprocess may take, and postprocess; then it is ended, and the answer "
        "is 504.",
    )
