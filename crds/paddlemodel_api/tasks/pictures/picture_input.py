"""What the tasks for text in pictures have in common: how pixels become the model's numbers."""

from typing import Annotated

from pydantic import Field

from paddlemodel_api.tasks.pictures.image_classification import Number

Side = Annotated[int, Field(strict=True, ge=1, le=8192)]
Share = Annotated[Number, Field(ge=0, le=1)]
Output = Annotated[str, Field(min_length=1, max_length=255)]

ORDER = "Order of the colour channels in the model's input, of mean and of std."
MEAN = "Per channel, subtracted from values in 0..1."
STD = "Per channel, divides after mean."
