"""`spec.task.textEmbedding`: the client sends texts and gets a vector for each."""

from typing import Annotated, Literal

from pydantic import Field

from paddlemodel_api.tasks.text import Output, TextInput


class TextEmbedding(TextInput):
    """How the model's output becomes one vector for each text."""

    pooling: Literal["Mean", "Cls", "Max", "None"] | None = Field(
        default=None,
        description="What turns an output with a vector for each token into one for the text. Mean: of all "
        "tokens but padding. Cls: the first token's. Max: the largest number at each place. None: the "
        "output is a vector for the text already. Default: None for an output of 2 dimensions, else what "
        "1_Pooling/config.json beside the model says.",
    )
    normalize: Annotated[bool, Field(strict=True)] | None = Field(
        default=None,
        description="Whether each vector is divided by its length. Default: whether modules.json beside the "
        "model names the step Normalize.",
    )
    output: Output | None = Field(
        default=None,
        description="Name of the output with the vectors; only for a model with several outputs, which "
        "`paddlemodel-server inspect` lists. Default: the only output.",
    )
