"""What the tasks for texts have in common: how a text becomes the model's token ids, and names of classes."""

from typing import Annotated, Literal

from pydantic import Field

from paddlemodel_api.base import Block, Rule, matches

Label = Annotated[str, Field(max_length=128)]
Tokens = Annotated[int, Field(strict=True, ge=3, le=32768)]
Output = Annotated[str, Field(min_length=1, max_length=255)]


class TextInput(Block):
    """How a text becomes token ids, by the tokenizer beside the model."""

    max_tokens: Tokens | None = Field(
        default=None,
        description="Most tokens of a text, those that the tokenizer adds included. Default: what the files "
        "beside the model say (sentence_bert_config.json, tokenizer.json, tokenizer_config.json, "
        "config.json, in this order), else 512.",
    )
    long_texts: Literal["Refuse", "Truncate"] = Field(
        default="Refuse",
        description="What becomes of a text with more tokens. Refuse: an error that says how many it has. "
        "Truncate: its end is left out, and the answer says `truncated`.",
    )
    padding: Literal["Buckets", "None"] = Field(
        default="Buckets",
        description="Buckets: a text is filled up with padding tokens to the next of a few lengths, so that "
        "texts share runs; the model has an input for the mask, or makes one of the padding tokens itself. "
        "None: it is not, for a model that would read the padding.",
    )


def label_rules(task: str) -> tuple[Rule, ...]:
    """The rules of a task with the fields labels and labelsFile.

    Args:
        task: the member's name.
    """
    return (
        Rule(
            cel="!(has(self.labels) && has(self.labelsFile))",
            holds=lambda block: block.labels is None or block.labels_file is None,
            message=f"spec.task.{task}.labels and labelsFile exclude each other: keep one",
        ),
        matches(
            "labels_file",
            r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*",
            f"spec.task.{task}.labelsFile must be a plain relative path inside the model folder, "
            "such as labels.txt",
        ),
    )
