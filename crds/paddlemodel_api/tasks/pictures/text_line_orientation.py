"""`spec.task.textLineOrientation`: the client sends a line of text, or a page, and gets how it is turned."""

from typing import Literal

from pydantic import Field

from paddlemodel_api.base import Block
from paddlemodel_api.tasks.pictures.image_classification import Channels, Divisors
from paddlemodel_api.tasks.pictures.picture_input import MEAN, ORDER, STD, Output, Side


class TextLineOrientation(Block):
    """How a picture becomes the model's input: as for PP-LCNet's models unless a field says else."""

    resize: Literal["Stretch", "Pad"] = Field(
        default="Stretch",
        description="How a picture gets the size of the model's input. Stretch: both sides, ratio lost. Pad: "
        "scaled to the height, at most to the width, and filled up at the right.",
    )
    width: Side | None = Field(
        default=None,
        description="Pixels; only for a model whose input leaves the width open. Default: the model's, else "
        "160.",
    )
    height: Side | None = Field(
        default=None,
        description="Pixels; only for a model whose input leaves the height open. Default: the model's, else "
        "80.",
    )
    channel_order: Literal["RGB", "BGR"] = Field(default="RGB", description=ORDER)
    mean: Channels = Field(
        default=(0.485, 0.456, 0.406), description=f"{MEAN} Default: 0.485, 0.456, 0.406 (ImageNet)."
    )
    std: Divisors = Field(
        default=(0.229, 0.224, 0.225), description=f"{STD} Default: 0.229, 0.224, 0.225 (ImageNet)."
    )
    output: Output | None = Field(
        default=None,
        description="Name of the output with the scores; only for a model with several outputs, which "
        "`paddlemodel-server inspect` lists. Default: the only output.",
    )
