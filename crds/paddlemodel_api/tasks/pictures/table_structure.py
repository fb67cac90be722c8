"""`spec.task.tableStructure`: the client sends a picture of a table and gets its structure, as HTML."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from paddlemodel_api.base import Block, Rule, matches
from paddlemodel_api.tasks.pictures.image_classification import Channels, Divisors
from paddlemodel_api.tasks.pictures.picture_input import MEAN, ORDER, STD, Side

Tag = Annotated[str, Field(min_length=1, max_length=64)]


class TableStructure(Block):
    """How a table becomes the model's input, and its steps HTML; the defaults are for SLANet's family."""

    tokens: Annotated[tuple[Tag, ...], Field(min_length=1, max_length=1000)] | None = Field(
        default=None,
        description="The pieces of HTML that the model's classes stand for, in their order, without the "
        "first class (sos) and the last one (eos). Default: those of inference.yml beside the model; without "
        "it one of tokens and dictionaryFile is needed.",
    )
    dictionary_file: Annotated[str, Field(max_length=255)] | None = Field(
        default=None,
        description="File inside the model folder with one token per line, such as PaddleOCR's "
        "table_structure_dict_ch.txt. Default: none.",
    )
    merge_cells: Annotated[bool, Field(strict=True)] = Field(
        default=True,
        description="Whether a cell without spans is one token, <td></td>: it stands behind the others where "
        "they lack it, and <td> is taken out of them. PaddleOCR calls it merge_no_span_structure.",
    )
    boxes: Literal["Padded", "Picture"] = Field(
        default="Padded",
        description="What the model's corners are a share of. Padded: the sides of its input, as with "
        "SLANet_plus and SLANeXt. Picture: those of the table, as with SLANet.",
    )
    side: Side | None = Field(
        default=None,
        description="Pixels to which the longer side of a table is scaled, and to which the shorter one is "
        "filled up; only for a model that leaves them open. Default: the model's, else 488.",
    )
    channel_order: Literal["RGB", "BGR"] = Field(default="BGR", description=ORDER)
    mean: Channels = Field(
        default=(0.485, 0.456, 0.406), description=f"{MEAN} Default: 0.485, 0.456, 0.406 (ImageNet)."
    )
    std: Divisors = Field(
        default=(0.229, 0.224, 0.225), description=f"{STD} Default: 0.229, 0.224, 0.225 (ImageNet)."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!(has(self.tokens) && has(self.dictionaryFile))",
            holds=lambda task: task.tokens is None or task.dictionary_file is None,
            message="spec.task.tableStructure.tokens and dictionaryFile exclude each other: keep one",
        ),
        matches(
            "dictionary_file",
            r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*",
            "spec.task.tableStructure.dictionaryFile must be a plain relative path inside the model folder, "
            "such as table_structure_dict_ch.txt",
        ),
    )
