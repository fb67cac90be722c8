"""`spec.task.semanticSegmentation`: the client sends one picture and gets the class of each of its pixels."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from paddlemodel_api.base import Block, Rule
from paddlemodel_api.tasks.pictures.image_classification import Channels, Divisors, Label
from paddlemodel_api.tasks.pictures.picture_input import MEAN, ORDER, STD, Output, Side
from paddlemodel_api.tasks.text import label_rules

_NAME = "semanticSegmentation"


def _only(field: str, cel: str, needed: str, *resizes: str | None) -> Rule:
    """A field that means something only with some values of resize; None: where it is not set."""

    def holds(task: "SemanticSegmentation") -> bool:
        return getattr(task, field) is None or task.resize in resizes

    message = f"spec.task.{_NAME}.{cel} needs resize {needed}: remove it, or set resize"
    allowed = ", ".join(f"'{resize}'" for resize in resizes if resize)
    given = f"has(self.resize) && self.resize in [{allowed}]"
    if None in resizes:
        given = f"!has(self.resize) || self.resize in [{allowed}]"
    return Rule(cel=f"!has(self.{cel}) || ({given})", holds=holds, message=message, field=field)


class SemanticSegmentation(Block):
    """How a picture becomes the model's input, and its scores or classes a mask."""

    labels: Annotated[tuple[Label, ...], Field(max_length=256)] | None = Field(
        default=None,
        description="Names of the classes in their order, one for each class; an empty name is a class "
        "without one. Default: only numbers.",
    )
    labels_file: Annotated[str, Field(max_length=255)] | None = Field(
        default=None,
        description="File inside the model folder with one class name per line. Default: none.",
    )
    resize: Literal["Keep", "Stretch", "Fit", "Pad"] | None = Field(
        default=None,
        description="How a picture gets the size of the model's input. Keep: its own size, up to maxSide. "
        "Stretch: width and height, ratio lost. Fit: as large as height and width allow in either "
        "direction. Pad: as large as fits into height and width, then padValue right and below. Default: "
        "Stretch where the model fixes a side of its input, else Keep.",
    )
    width: Side | None = Field(
        default=None,
        description="Pixels of the model's input, or what a picture is fitted into; only where the model "
        "leaves the width open. Default: its own.",
    )
    height: Side | None = Field(
        default=None,
        description="Pixels of the model's input, or what a picture is fitted into; only where the model "
        "leaves the height open. Default: its own.",
    )
    size_divisor: Side | None = Field(
        default=None,
        description="Only with resize Keep or Fit: both sides are scaled up to a multiple of it, for models "
        "that take no others. Default: 1.",
    )
    max_side: Side | None = Field(
        default=None,
        description="Only with resize Keep: a picture whose longer side is above it is made smaller. A "
        "model's memory and time grow with the pixels. Default: 2048.",
    )
    enlarge: Annotated[bool, Field(strict=True)] | None = Field(
        default=None,
        description="Only with resize Pad: whether a picture that is smaller than height and width is "
        "enlarged first. Default: true.",
    )
    pad_value: Channels | None = Field(
        default=None,
        description="Only with resize Pad: the value from 0 to 255 of each channel that fills a picture up. "
        "Default: 127.5, 127.5, 127.5.",
    )
    interpolation: Literal["Nearest", "Linear", "Cubic", "Area", "Lanczos"] = Field(
        default="Linear",
        description="How pixels are made where a picture changes its size; a mask always goes back to the "
        "picture's size by the nearest pixel.",
    )
    channel_order: Literal["RGB", "BGR"] = Field(default="RGB", description=ORDER)
    mean: Channels = Field(default=(0.5, 0.5, 0.5), description=f"{MEAN} Default: 0.5, 0.5, 0.5 (PaddleSeg).")
    std: Divisors = Field(default=(0.5, 0.5, 0.5), description=f"{STD} Default: 0.5, 0.5, 0.5 (PaddleSeg).")
    output: Output | None = Field(
        default=None,
        description="Name of the output with the classes or their scores; only for a model with several "
        "outputs, which `paddlemodel-server inspect` lists. Default: the only output.",
    )
    rules: ClassVar = (
        *label_rules(_NAME),
        _only("width", "width", "Stretch, Fit or Pad", "Stretch", "Fit", "Pad"),
        _only("height", "height", "Stretch, Fit or Pad", "Stretch", "Fit", "Pad"),
        _only("size_divisor", "sizeDivisor", "Keep or Fit", "Keep", "Fit", None),
        _only("max_side", "maxSide", "Keep", "Keep", None),
        _only("enlarge", "enlarge", "Pad", "Pad"),
        _only("pad_value", "padValue", "Pad", "Pad"),
    )
