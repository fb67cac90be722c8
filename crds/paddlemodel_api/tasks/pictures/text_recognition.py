"""`spec.task.textRecognition`: the client sends a picture of one line of text and gets the text."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from paddlemodel_api.base import Block, Rule, matches
from paddlemodel_api.tasks.pictures.image_classification import Channels, Divisors
from paddlemodel_api.tasks.pictures.picture_input import MEAN, ORDER, STD, Output, Side

Character = Annotated[str, Field(min_length=1, max_length=16)]
Step = Annotated[int, Field(strict=True, ge=1, le=1024)]


class TextRecognition(Block):
    """How a line becomes the model's input, and its steps a text; the defaults are for PP-OCR's models."""

    characters: Annotated[tuple[Character, ...], Field(min_length=1, max_length=1000)] | None = Field(
        default=None,
        description="The characters of the model's classes in their order, without the blank, which is the "
        "first class, and without the space where that is the last one; for more than 1000 use "
        "dictionaryFile. Default: those of inference.yml beside the model; without it one of both is needed.",
    )
    dictionary_file: Annotated[str, Field(max_length=255)] | None = Field(
        default=None,
        description="File inside the model folder with one character per line, in the order of the model's "
        "classes, such as PaddleOCR's ppocr_keys_v1.txt. Default: none.",
    )
    height: Side | None = Field(
        default=None,
        description="Pixels to which a line is scaled; only for a model whose input leaves the height open. "
        "Default: the model's, else 48.",
    )
    min_width: Side = Field(
        default=320, description="Pixels; a line that is narrower, once scaled, is filled up at the right."
    )
    max_width: Side = Field(
        default=3200, description="Pixels; a line that is wider, once scaled, is squeezed into so many."
    )
    width_step: Step = Field(
        default=64,
        description="Pixels; a line is filled up to the next multiple, so that lines share runs. 1: not at "
        "all, as PaddleOCR does it with a line alone.",
    )
    channel_order: Literal["RGB", "BGR"] = Field(default="BGR", description=ORDER)
    mean: Channels = Field(default=(0.5, 0.5, 0.5), description=f"{MEAN} Default: 0.5, 0.5, 0.5.")
    std: Divisors = Field(default=(0.5, 0.5, 0.5), description=f"{STD} Default: 0.5, 0.5, 0.5.")
    output: Output | None = Field(
        default=None,
        description="Name of the output with a score for each class at each step; only for a model with "
        "several outputs, which `paddlemodel-server inspect` lists. Default: the only output.",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!(has(self.characters) && has(self.dictionaryFile))",
            holds=lambda task: task.characters is None or task.dictionary_file is None,
            message="spec.task.textRecognition.characters and dictionaryFile exclude each other: keep one",
        ),
        Rule(
            cel="(has(self.minWidth) ? self.minWidth : 320) <= (has(self.maxWidth) ? self.maxWidth : 3200)",
            holds=lambda task: task.min_width <= task.max_width,
            message="spec.task.textRecognition.minWidth is above maxWidth: lower it, or raise maxWidth",
            field="min_width",
        ),
        matches(
            "dictionary_file",
            r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*",
            "spec.task.textRecognition.dictionaryFile must be a plain relative path inside the model folder, "
            "such as ppocr_keys_v1.txt",
        ),
    )
