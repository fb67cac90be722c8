"""`spec.task.objectDetection`: the client sends one picture and gets the objects in it, with boxes."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from paddlemodel_api.base import Block, Rule
from paddlemodel_api.tasks.pictures.image_classification import Channels, Count, Divisors, Label
from paddlemodel_api.tasks.pictures.picture_input import MEAN, ORDER, STD, Share, Side
from paddlemodel_api.tasks.text import label_rules


class ObjectDetection(Block):
    """How a picture becomes a detector's inputs, and which boxes become an answer."""

    labels: Annotated[tuple[Label, ...], Field(max_length=1000)] | None = Field(
        default=None,
        description="Names of the classes in their order; for more than 1000 use labelsFile. An empty "
        "name is a class without one. Default: those of the file beside the model; else only numbers.",
    )
    labels_file: Annotated[str, Field(max_length=255)] | None = Field(
        default=None,
        description="File inside the model folder with one class name per line. Default: none.",
    )
    score_threshold: Share = Field(default=0.5, description="Least score of an object that an answer names.")
    max_detections: Count = Field(
        default=100, description="How many objects an answer names at most, the most probable ones."
    )
    resize: Literal["Stretch", "Fit", "Pad"] = Field(
        default="Stretch",
        description="How a picture gets the size of the model's input. Stretch: both sides, ratio lost. Fit: "
        "as large as height and width allow in either direction, then zeros right and below up to a multiple "
        "of stride. Pad: as large as fits into height and width, then "
        "padValue right and below.",
    )
    stride: Side | None = Field(
        default=None, description="Only with resize Fit: both sides become multiples of it. Default: 32."
    )
    pad_value: Channels | None = Field(
        default=None,
        description="Only with resize Pad: the value from 0 to 255 of each channel that fills a picture up. "
        "Default: 127.5, 127.5, 127.5.",
    )
    width: Side | None = Field(
        default=None,
        description="Pixels of the model's input; only where it leaves the width open. Default: its own.",
    )
    height: Side | None = Field(
        default=None,
        description="Pixels of the model's input; only where it leaves the height open. Default: its own.",
    )
    channel_order: Literal["RGB", "BGR"] = Field(default="RGB", description=ORDER)
    interpolation: Literal["Nearest", "Linear", "Cubic", "Area", "Lanczos"] = Field(
        default="Cubic", description="How pixels are made where a picture changes its size."
    )
    mean: Channels = Field(
        default=(0.485, 0.456, 0.406),
        description=f"{MEAN} Default: 0.485, 0.456, 0.406 (ImageNet).",
    )
    std: Divisors = Field(
        default=(0.229, 0.224, 0.225),
        description=f"{STD} Default: 0.229, 0.224, 0.225 (ImageNet).",
    )
    rules: ClassVar = (
        *label_rules("objectDetection"),
        Rule(
            cel="!has(self.stride) || (has(self.resize) && self.resize == 'Fit')",
            holds=lambda task: task.stride is None or task.resize == "Fit",
            message="spec.task.objectDetection.stride needs resize Fit: remove it, or set resize",
            field="stride",
        ),
        Rule(
            cel="!has(self.padValue) || (has(self.resize) && self.resize == 'Pad')",
            holds=lambda task: task.pad_value is None or task.resize == "Pad",
            message="spec.task.objectDetection.padValue needs resize Pad: remove it, or set resize",
            field="pad_value",
        ),
    )
