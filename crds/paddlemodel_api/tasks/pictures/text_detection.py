"""`spec.task.textDetection`: the client sends a picture and gets where its lines of text stand."""

from typing import Annotated, Literal

from pydantic import Field

from paddlemodel_api.base import Block
from paddlemodel_api.tasks.pictures.image_classification import Channels, Divisors, Number
from paddlemodel_api.tasks.pictures.picture_input import MEAN, ORDER, STD, Output, Share, Side

Ratio = Annotated[Number, Field(ge=1, le=10)]
Lines = Annotated[int, Field(strict=True, ge=1, le=3000)]


class TextDetection(Block):
    """How a picture becomes the model's input, and its map polygons; the defaults are for PP-OCR's models."""

    limit_type: Literal["Min", "Max"] = Field(
        default="Min",
        description="What limitSide is for. Min: a picture whose shorter side is below it is enlarged. Max: "
        "one whose longer side is above it is made smaller.",
    )
    limit_side: Side = Field(
        default=64,
        description="Pixels. PaddleOCR's pipeline has Min and 64, its model for text detection alone Max and "
        "960, which is faster, and misses small text on large pictures.",
    )
    max_side: Side = Field(
        default=1600,
        description="Pixels; a picture whose longer side is above it then is made smaller. A run of 1600 x "
        "1600 takes 1 GiB and some seconds of a processor. PaddleOCR has 4000; above 2800 raise "
        "spec.server.maxRequestBytes, too, to 32 MiB for 4000.",
    )
    threshold: Share = Field(
        default=0.3, description="A pixel with this score or less, from 0 to 1, belongs to no text."
    )
    box_threshold: Share = Field(
        default=0.6, description="A line whose pixels have a mean score below this is left out."
    )
    unclip_ratio: Ratio = Field(
        default=1.5,
        description="How far a polygon is grown, since the model marks the kernel of a line: by this times "
        "its area, divided by its perimeter.",
    )
    max_lines: Lines = Field(default=1000, description="How many candidates are looked at, at most.")
    dilation: bool = Field(
        default=False, description="Whether marks grow by one pixel first, which joins broken lines."
    )
    channel_order: Literal["RGB", "BGR"] = Field(default="BGR", description=ORDER)
    mean: Channels = Field(
        default=(0.485, 0.456, 0.406), description=f"{MEAN} Default: 0.485, 0.456, 0.406 (ImageNet)."
    )
    std: Divisors = Field(
        default=(0.229, 0.224, 0.225), description=f"{STD} Default: 0.229, 0.224, 0.225 (ImageNet)."
    )
    output: Output | None = Field(
        default=None,
        description="Name of the output with the map of scores; only for a model with several outputs, which "
        "`paddlemodel-server inspect` lists. Default: the only output.",
    )
