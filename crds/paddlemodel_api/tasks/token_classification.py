"""`spec.task.tokenClassification`: the client sends texts and gets their entities, or words, with labels."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from paddlemodel_api.tasks.text import Label, Output, TextInput, label_rules


class TokenClassification(TextInput):
    """How the labels of tokens become entities of the text."""

    labels: Annotated[tuple[Label, ...], Field(min_length=1, max_length=1000)] | None = Field(
        default=None,
        description="Labels of tokens in the order of the model's classes, such as O, B-PER, I-PER, or "
        "PER-B, PER-I; for more than 1000 use labelsFile. Default: id2label of config.json beside the model.",
    )
    labels_file: Annotated[str, Field(max_length=255)] | None = Field(
        default=None,
        description="File inside the model folder with one label per line, one for each class. "
        "Default: none.",
    )
    outside: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        default="O", description="The label of tokens that belong to no entity."
    )
    activation: Literal["Auto", "None", "Softmax"] = Field(
        default="Auto",
        description="What turns the model's outputs into scores. Auto: what the warm-up shows; None where "
        "the scores of each token sum to one, else Softmax. Labels as whole numbers have no scores.",
    )
    output: Output | None = Field(
        default=None,
        description="Name of the output with the scores or labels; only for a model with several outputs, "
        "which `paddlemodel-server inspect` lists. Default: the only output.",
    )
    rules: ClassVar = label_rules("tokenClassification")
