"""`spec.task.speechRecognition`: the client sends one sound and gets what is said in it."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from paddlemodel_api.base import matches
from paddlemodel_api.tasks.sound.sound_input import Fbank, Features, SoundInput
from paddlemodel_api.tasks.text import Label, Output


class SpeechRecognition(SoundInput):
    """How a sound becomes the model's input, and its scores a text: CTC, the best token of each step."""

    features: Features = Field(
        default=Features(fbank=Fbank()),
        description="What the model takes of a sound. Default: fbank with its defaults.",
    )
    vocabulary_file: Annotated[str, Field(max_length=255)] = Field(
        default="vocab.txt",
        description="File inside the model folder with one token per line, in the order of the model's "
        "classes: letters, syllables, pieces of words. <space> and ▁ become spaces.",
    )
    blank: Label = Field(
        default="<blank>",
        description="The token that stands for nothing. A vocabulary without it: the first line is.",
    )
    activation: Literal["Auto", "None", "Softmax"] = Field(
        default="Auto",
        description="What turns the model's outputs into the score of an answer. Auto: what the warm-up "
        "shows; None where the scores of each step sum to one, else Softmax. None: they are probabilities. "
        "Softmax: they are logits, or logarithms of probabilities.",
    )
    output: Output | None = Field(
        default=None,
        description="Name of the output with a score for each token at each step. Default: the only one of "
        "floats with 3 dimensions.",
    )
    rules: ClassVar = (
        matches(
            "vocabulary_file",
            r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*",
            "spec.task.speechRecognition.vocabularyFile must be a plain relative path inside the model "
            "folder, such as vocab.txt",
        ),
    )
