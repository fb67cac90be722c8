"""`spec.task.ocr`: the client sends a picture of a page and gets its text, line by line.

`spec.model` finds the lines; the models that stand here read them. A model's own fields are those of the task
that it would have alone.
"""

from typing import ClassVar, Final

from pydantic import Field

from paddlemodel_api.base import Block, Rule, moved
from paddlemodel_api.source import Place, Store
from paddlemodel_api.tasks.pictures.picture_input import Share
from paddlemodel_api.tasks.pictures.text_detection import TextDetection
from paddlemodel_api.tasks.pictures.text_line_orientation import TextLineOrientation
from paddlemodel_api.tasks.pictures.text_recognition import TextRecognition

_HERE: Final = "spec.task.ocr"
_STORE: Final = Place.model_fields["store"].description


class RecognitionStore(Store):
    """How a store is reached that is not at its provider's usual address."""

    rules: ClassVar[tuple[Rule, ...]] = moved(Store.rules, "spec.model", f"{_HERE}.recognition")


class Recognition(Place):
    """Where the model that reads lines comes from, and optionally what it must be."""

    store: RecognitionStore | None = Field(default=None, description=_STORE)
    rules: ClassVar[tuple[Rule, ...]] = moved(Place.rules, "spec.model", f"{_HERE}.recognition")


class OrientationStore(Store):
    """How a store is reached that is not at its provider's usual address."""

    rules: ClassVar[tuple[Rule, ...]] = moved(Store.rules, "spec.model", f"{_HERE}.orientation")


class Orientation(Place):
    """Where the model that tells how a line is turned comes from, and optionally what it must be."""

    store: OrientationStore | None = Field(default=None, description=_STORE)
    rules: ClassVar[tuple[Rule, ...]] = moved(Place.rules, "spec.model", f"{_HERE}.orientation")


class Reading(TextRecognition):
    """The fields of textRecognition, for the model of recognition."""

    rules: ClassVar[tuple[Rule, ...]] = moved(
        TextRecognition.rules, "spec.task.textRecognition", f"{_HERE}.reading"
    )


class Ocr(Block):
    """The further models that a page needs, and how each of them is used."""

    recognition: Recognition = Field(
        description="The model that reads a line, such as PP-OCRv5_mobile_rec. spec.model is the one that "
        "finds the lines. spec.model.cache and updatePolicy are for all of them."
    )
    orientation: Orientation | None = Field(
        default=None,
        description="A model that tells whether a line is upside down, such as "
        "PP-LCNet_x1_0_textline_ori. Default: none; lines are read as they stand.",
    )
    detection: TextDetection = Field(
        default_factory=TextDetection, description="How lines are found: the fields of textDetection."
    )
    reading: Reading = Field(
        default_factory=Reading, description="How a line is read: the fields of textRecognition."
    )
    turning: TextLineOrientation = Field(
        default_factory=TextLineOrientation,
        description="How the model of orientation looks at a line: the fields of textLineOrientation.",
    )
    score_threshold: Share = Field(
        default=0.0, description="Least score of a line that an answer names; 0 names every line."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.turning) || has(self.orientation)",
            holds=lambda ocr: "turning" not in ocr.model_fields_set or ocr.orientation is not None,
            message=f"{_HERE}.turning is for the model of {_HERE}.orientation, which is not set: set it, or "
            "remove turning",
            field="turning",
        ),
    )

    @property
    def further_models(self) -> dict[str, Place]:
        """The models beside spec.model, by the names of their fields."""
        found = {"recognition": self.recognition, "orientation": self.orientation}
        return {name: place for name, place in found.items() if place is not None}
