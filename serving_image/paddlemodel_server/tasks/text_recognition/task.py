"""The task itself: fits the model, takes a line of text, reads it. OpenCV comes in with `load`."""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from paddlemodel_server.errors import NotFiniteError
from paddlemodel_server.protocol import Array
from paddlemodel_server.protocol.served import Description, Place, Reduction, Served, Shapes, WarmUp
from paddlemodel_server.tasks import outputs as model_outputs
from paddlemodel_server.tasks.batches.batched import Batched
from paddlemodel_server.tasks.body import BodyTask
from paddlemodel_server.tasks.images import documents, inputs
from paddlemodel_server.tasks.images.headers import most_pixels
from paddlemodel_server.tasks.images.task import LINE_USAGE, PictureTask, decoding
from paddlemodel_server.tasks.text_recognition import characters

if TYPE_CHECKING:
    from paddlemodel_api.tasks import TextRecognition as Spec

HEIGHT = 48


class TextRecognition(Batched, PictureTask, BodyTask):
    """A picture of one line in, its text out."""

    name: ClassVar[str] = characters.NAME
    usage: ClassVar[str] = LINE_USAGE

    def __init__(self, spec: "Spec", place: Place) -> None:
        self.spec = spec
        self.input = inputs.find(self.name, spec, place.model)
        self.height = inputs.side(self.name, "height", self.input.height, spec.height, HEIGHT)
        self.output = model_outputs.chosen(self.name, spec.output, place.model.outputs, "the scores")
        scores = place.model.outputs[self.output]
        if scores.dtype not in model_outputs.FLOATS or len(scores.shape) != 3 or scores.shape[2] < 2:
            raise model_outputs.misfit(
                self.name,
                "takes a float output [rows, steps, classes] with a known number of classes, the model has "
                f"{model_outputs.described(scores)}",
                "export the model so, without a decoder behind its scores",
            )
        model_outputs.check_rows(self.name, scores, "picture")
        self.characters = characters.find(spec, place.folder, scores)
        self.most_pixels = most_pixels(place.body_bytes)
        self._scores = place.scores

    @classmethod
    def fit(cls, spec: "Spec", place: Place) -> "TextRecognition":
        """Compare input, output and characters with the model's."""
        return cls(spec, place)

    @property
    def warm_up(self) -> WarmUp:
        """The size of a short line; of each step only the best class matters."""
        shape = [1, self.input.channels, self.height, self.width(1, 1)]
        return WarmUp(
            shapes={self.input.name: shape},
            scores=self.output,
            reduction=Reduction(function="best", output=self.output),
        )

    def width(self, height: int, width: int) -> int:
        """Of the tensor for a picture, whatever else is in its run: neighbours must not change an answer."""
        if self.input.width != -1:
            return self.input.width
        spec = self.spec
        wanted = max(spec.min_width, int(self.height * width / height))
        return min(spec.max_width, -(-wanted // spec.width_step) * spec.width_step)

    def arrays(self, body: bytes) -> list[Array]:
        """Decode one line: scaled to the height, and filled up at the right."""
        with decoding().decoded(body, self.most_pixels, grey=self.input.channels == 1) as pixels:
            return [self.array(pixels)]

    def array(self, pixels: Array) -> Array:
        """A line as the model wants it: float32 [1, channels, height, width]."""
        height, width = pixels.shape[:2]
        whole = self.width(height, width)
        inner = min(whole, max(1, ceil(self.height * width / height)))
        return self.input.filled(decoding().scaled(pixels, self.height, inner), self.height, whole)

    def text(self, outputs: Sequence[Array]) -> tuple[str, float | None]:
        """The text, and its score where the model's outputs are probabilities.

        Args:
            outputs: the best class of each step and its score, both of shape [1, steps].

        Raises:
            NotFiniteError: a score is none.
        """
        classes, scores = outputs[0][0], outputs[1][0]
        if not np.isfinite(scores).all():
            raise NotFiniteError
        text, score = characters.text(self.characters, classes, scores)
        return text, None if self._scores() == "Logits" else score

    def answer(self, served: Served, outputs: Sequence[Array]) -> dict[str, Any]:
        """The text, as `text` has it."""
        del served
        text, score = self.text(outputs)
        return {"text": text, "score": score}

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """The documents of `POST /predict`; they do not depend on shapes."""
        del proven
        score = {
            "type": ["number", "null"],
            "description": "mean of the characters' scores, 0 where there are none; null where the model's "
            "outputs are no probabilities",
        }
        return documents.describe(
            served.name,
            "Text",
            {"text": {"type": "string"}, "score": score},
            ("Read a line of text", "The text."),
            "line.png",
        )
