"""What the tasks for pictures have in common that find something in them: how a picture becomes the input."""

from typing import Annotated, Literal

from pydantic import Field

from paddlemodel_api.base import Block

Label = Annotated[str, Field(max_length=128)]
# Strict: the server reads JSON that no API server has looked at, where true is no 1 and "5" no 5.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Divisor = Annotated[Number, Field(gt=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
Channels = Annotated[tuple[Number, ...], Field(min_length=3, max_length=3)]
Divisors = Annotated[tuple[Divisor, ...], Field(min_length=3, max_length=3)]
Count = Annotated[int, Field(strict=True, ge=1, le=1000)]
Side = Annotated[int, Field(strict=True, ge=1, le=8192)]
Interpolation = Literal["Nearest", "Linear", "Cubic", "Area", "Lanczos"]


class PictureInput(Block):
    """How a picture becomes the model's input."""

    labels: Annotated[tuple[Label, ...], Field(max_length=1000)] | None = Field(
        default=None,
        description="Names of the classes in their order, one for each class; for more than 1000 use "
        "labelsFile. An empty name is a class without one. Default: those that the file beside the model "
        "names; without it only class numbers.",
    )
    labels_file: Annotated[str, Field(max_length=255)] | None = Field(
        default=None,
        description="File inside the model folder with one class name per line, one for each class. "
        "Default: none.",
    )
    width: Side | None = Field(
        default=None,
        description="Pixels of the model's input; only for a model that leaves the width open. Default: the "
        "model's.",
    )
    height: Side | None = Field(
        default=None,
        description="Pixels of the model's input; only for a model that leaves the height open. Default: the "
        "model's.",
    )
    channel_order: Literal["RGB", "BGR"] = Field(
        default="RGB", description="Order of the colour channels in the model's input."
    )
