"""The task itself: fits the model, takes a picture, tells its turn. OpenCV comes in with `load`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from paddlemodel_server.protocol import Array, tensors
from paddlemodel_server.protocol.request import Expected
from paddlemodel_server.protocol.served import Description, Place, Served, Shapes, WarmUp
from paddlemodel_server.tasks import outputs as model_outputs
from paddlemodel_server.tasks.batches.batched import Batched
from paddlemodel_server.tasks.body import BodyTask
from paddlemodel_server.tasks.classes import classes
from paddlemodel_server.tasks.images import documents, inputs
from paddlemodel_server.tasks.images.headers import most_pixels
from paddlemodel_server.tasks.images.task import LINE_USAGE, PictureTask, decoding

if TYPE_CHECKING:
    from paddlemodel_api.tasks import TextLineOrientation as Spec

ANGLES = {2: (0, 180), 4: (0, 90, 180, 270)}
"""By the number of the model's classes: the degrees of each."""


class TextLineOrientation(Batched, PictureTask, BodyTask):
    """One picture in, its turn out."""

    name: ClassVar[str] = "textLineOrientation"
    usage: ClassVar[str] = LINE_USAGE

    def __init__(self, spec: "Spec", place: Place) -> None:
        self.spec = spec
        self.input = inputs.find(self.name, spec, place.model)
        self.height = inputs.side(self.name, "height", self.input.height, spec.height, 80)
        self.width = inputs.side(self.name, "width", self.input.width, spec.width, 160)
        self.output = model_outputs.chosen(self.name, spec.output, place.model.outputs, "the scores")
        scores = place.model.outputs[self.output]
        if (
            scores.dtype not in model_outputs.FLOATS
            or len(scores.shape) != 2
            or scores.shape[1] not in ANGLES
        ):
            raise model_outputs.misfit(
                self.name,
                "takes a float output [rows, 2 or 4 classes], the model has "
                f"{model_outputs.described(scores)}",
                "use the task imageClassification, which names classes",
            )
        model_outputs.check_rows(self.name, scores, "picture")
        self.angles = ANGLES[scores.shape[1]]
        self.most_pixels = most_pixels(place.body_bytes)
        self._scores = place.scores

    @classmethod
    def fit(cls, spec: "Spec", place: Place) -> "TextLineOrientation":
        """Compare input and output with the model's."""
        return cls(spec, place)

    @property
    def warm_up(self) -> WarmUp:
        """The size of pictures, and whether the outputs are probabilities already."""
        shape = [1, self.input.channels, self.height, self.width]
        return WarmUp(shapes={self.input.name: shape}, scores=self.output)

    def arrays(self, body: bytes) -> list[Array]:
        """Decode one picture: float32 of the input's shape, with one row."""
        with decoding().decoded(body, self.most_pixels, grey=self.input.channels == 1) as pixels:
            return [self.array(pixels)]

    def array(self, pixels: Array) -> Array:
        """A line as the model wants it: float32 [1, channels, height, width]."""
        height, width = pixels.shape[:2]
        inner = self.width
        if self.spec.resize == "Pad":
            inner = min(self.width, max(1, -(-self.height * width // height)))
        return self.input.filled(decoding().scaled(pixels, self.height, inner), self.height, self.width)

    def angle(self, outputs: Sequence[Array], expected: Expected) -> tuple[int, float]:
        """The best angle and its score.

        Args:
            outputs: of the model; the scores are floats of shape [1, angles].
            expected: what is known of them.
        """
        scores = tensors.meant(outputs[self.output], expected)
        softmax = self._scores() not in {"Probabilities", "Independent"}
        best = classes(scores, 1, (), softmax=softmax)
        return self.angles[best["class_id"]], best["score"]

    def answer(self, served: Served, outputs: Sequence[Array]) -> dict[str, Any]:
        """The best angle, as `angle` has it."""
        angle, score = self.angle(outputs, served.in_order[self.output])
        return {"angle": angle, "score": score}

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """The documents of `POST /predict`; they do not depend on shapes."""
        del proven
        angle = {
            "enum": list(self.angles),
            "description": "degrees by which the picture is turned, clockwise",
        }
        return documents.describe(
            served.name,
            "Orientation",
            {"angle": angle, "score": {"type": "number"}},
            ("Tell how a picture is turned", "The angle."),
            "line.png",
        )
