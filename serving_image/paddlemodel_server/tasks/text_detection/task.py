"""The task itself: fits the model, takes a picture, finds lines of text. OpenCV comes in with `load`."""

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from paddlemodel_server.errors import NotFiniteError
from paddlemodel_server.protocol import Array, Request, tensors
from paddlemodel_server.protocol.request import Expected
from paddlemodel_server.protocol.served import Description, Place, Served, Shapes, WarmUp
from paddlemodel_server.tasks import outputs as model_outputs
from paddlemodel_server.tasks.batches.batched import Batched
from paddlemodel_server.tasks.images import documents, inputs
from paddlemodel_server.tasks.images.headers import most_pixels
from paddlemodel_server.tasks.images.task import PictureTask, decoding
from paddlemodel_server.tasks.text_detection import sizes

if TYPE_CHECKING:
    from paddlemodel_api.tasks import TextDetection as Spec

    from paddlemodel_server.tasks.text_detection.polygons import Line


class TextDetection(Batched, PictureTask):
    """One picture in, the polygons of its lines out."""

    name: ClassVar[str] = "textDetection"
    usage: ClassVar[str] = "page.jpg        a picture (.jpg .png .webp .bmp), for the task textDetection"

    def __init__(self, spec: "Spec", place: Place) -> None:
        self.spec = spec
        self.input = inputs.find(self.name, spec, place.model)
        self.output = model_outputs.chosen(self.name, spec.output, place.model.outputs, "the map")
        scores = place.model.outputs[self.output]
        if (
            scores.dtype not in model_outputs.FLOATS
            or len(scores.shape) != 4
            or scores.shape[1] not in {-1, 1}
        ):
            raise model_outputs.misfit(
                self.name,
                "takes a float output [rows, 1, height, width] with a score for each pixel, the model has "
                f"{model_outputs.described(scores)}",
                "export a model for text detection such as PP-OCRv5_mobile_det",
            )
        model_outputs.check_rows(self.name, scores, "picture")
        self.most_pixels = most_pixels(place.body_bytes)

    @classmethod
    def fit(cls, spec: "Spec", place: Place) -> "TextDetection":
        """Compare input and output with the model's."""
        return cls(spec, place)

    @property
    def warm_up(self) -> WarmUp:
        """The size of a small picture, where the model leaves it open; of larger ones fewer share a run."""
        height, width = self.size(320, 320)
        shape = [1, self.input.channels, height, width]
        return WarmUp(shapes={self.input.name: shape}, sized=-1 in {self.input.height, self.input.width})

    def load(self) -> None:
        """Import OpenCV and pyclipper before the first picture."""
        super().load()
        _polygons()

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the tensor for a picture."""
        wanted = sizes.size(height, width, self.spec)
        fixed = self.input.height, self.input.width
        found = [side if side != -1 else other for side, other in zip(fixed, wanted, strict=True)]
        return found[0], found[1]

    def request(self, body: bytes) -> Request:
        """Decode one picture, and scale it as the model wants it."""
        with decoding().decoded(body, self.most_pixels, grey=self.input.channels == 1) as pixels:
            return Request(arrays=[self.array(pixels)], kept=pixels.shape[:2])

    def array(self, pixels: Array) -> Array:
        """A picture as the model wants it: float32 [1, channels, height, width]."""
        found = decoding().scaled(
            sizes.padded(pixels), *self.size(*sizes.padded_size(pixels.shape[0], pixels.shape[1]))
        )
        return self.input.filled(found, *found.shape[:2])

    def lines(self, outputs: Sequence[Array], expected: Expected, size: tuple[int, int]) -> list["Line"]:
        """The lines of a picture.

        Args:
            outputs: of the model.
            expected: what is known of the one with the map.
            size: height and width of the picture.

        Raises:
            NotFiniteError: a score is none.
        """
        scores = tensors.meant(outputs[self.output], expected)[0, 0].astype(np.float32)
        if not np.isfinite(scores).all():
            raise NotFiniteError
        found: list[Line] = _polygons().lines(scores, size, self.spec)
        return found

    def result(self, served: Served, request: Request, outputs: Sequence[Array]) -> dict[str, Any]:
        """The lines, in pixels of the picture as it was sent, upright."""
        height, width = request.kept
        found = self.lines(outputs, served.in_order[self.output], (height, width))
        lines = [{"score": line.score, "box": line.box} for line in found]
        return {"lines": lines, "width": width, "height": height}

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """The documents of `POST /predict`; they do not depend on shapes."""
        del proven
        return documents.describe(
            served.name,
            "Lines",
            {"lines": {"type": "array", "items": documents.LINE}, **documents.SIZE},
            ("Find lines of text in a picture", "The lines, as a page is read."),
            "page.jpg",
        )


def _polygons() -> ModuleType:
    from paddlemodel_server.tasks.text_detection import polygons  # noqa: PLC0415 - OpenCV: not for the supervisor

    return polygons
