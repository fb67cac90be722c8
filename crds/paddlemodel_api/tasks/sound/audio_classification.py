"""`spec.task.audioClassification`: the client sends one sound and gets the most probable classes."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from paddlemodel_api.tasks.sound.sound_input import SoundInput
from paddlemodel_api.tasks.text import Label, Output, label_rules

Count = Annotated[int, Field(strict=True, ge=1, le=1000)]


class AudioClassification(SoundInput):
    """How a sound becomes the model's input, and its scores an answer."""

    labels: Annotated[tuple[Label, ...], Field(max_length=1000)] | None = Field(
        default=None,
        description="Names of the classes in the order of the model's output, one for each class; for more "
        "than 1000 use labelsFile. An empty name is a class without one. Default: id2label of config.json "
        "beside the model, where it is there; else only class numbers.",
    )
    labels_file: Annotated[str, Field(max_length=255)] | None = Field(
        default=None,
        description="File inside the model folder with one class name per line, one for each class. "
        "Default: none.",
    )
    top_k: Count = Field(default=5, description="How many best classes an answer lists.")
    activation: Literal["Auto", "None", "Softmax", "Sigmoid"] = Field(
        default="Auto",
        description="What turns the model's outputs into scores. Auto: what the warm-up shows; outputs that "
        "always lie in 0..1 are scores already, others get a softmax. None: they are scores. Softmax: of one "
        "class each. Sigmoid: of any number of classes.",
    )
    output: Output | None = Field(
        default=None,
        description="Name of the output with the scores; only for a model with several outputs, which "
        "`paddlemodel-server inspect` lists. Default: the only output.",
    )
    rules: ClassVar = label_rules("audioClassification")
