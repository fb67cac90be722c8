"""The task itself: fits the model, takes a picture, answers its mask. OpenCV comes in with `load`."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from paddlemodel_server.describe.schemas import BINARY, obj
from paddlemodel_server.errors import ModelFailedError, NotFiniteError
from paddlemodel_server.protocol import JSON, Array, Request, Response
from paddlemodel_server.protocol.served import Description, Place, Served, Shapes, WarmUp
from paddlemodel_server.tasks import labels
from paddlemodel_server.tasks.batches.batched import Batched
from paddlemodel_server.tasks.images import documents
from paddlemodel_server.tasks.images.headers import most_pixels
from paddlemodel_server.tasks.images.task import PictureTask, decoding
from paddlemodel_server.tasks.semantic_segmentation import mask as masks
from paddlemodel_server.tasks.semantic_segmentation import plan
from paddlemodel_server.tasks.semantic_segmentation.sizes import Size, inner

if TYPE_CHECKING:
    from paddlemodel_api.tasks import SemanticSegmentation as Spec

PNG = "image/png"
_WARM_UP = 256  # pixels of a side, where pictures keep theirs
_NO_CLASS = "The model answered a class that is none from 0 to 255, so that there is no mask."
_CLASS: dict[str, Any] = {
    "class_id": {"type": "integer", "minimum": 0, "maximum": masks.CLASSES - 1},
    "label": {"type": ["string", "null"]},
    "fraction": {"type": "number", "minimum": 0, "maximum": 1, "description": "of the picture's pixels"},
    "color": {"type": "string", "pattern": "^#[0-9a-f]{6}$", "description": "in the PNG's palette"},
}
_FIELDS: dict[str, Any] = {
    "classes": {"type": "array", "items": obj(_CLASS), "minItems": 1},
    "mask": {
        "type": "string",
        "contentEncoding": "base64",
        "contentMediaType": PNG,
        "description": "an indexed PNG as large as the picture: a pixel's value is its class",
    },
    **documents.SIZE,
}


class Sides(NamedTuple):
    """What the answer needs of a picture.

    Attributes:
        picture: its height and width, upright.
        scaled: those to which it was scaled.
        filled: those of the model's input.
    """

    picture: Size
    scaled: Size
    filled: Size


class SemanticSegmentation(Batched, PictureTask):
    """One picture in, the class of each pixel out."""

    name: ClassVar[str] = plan.TASK
    usage: ClassVar[str] = "road.jpg        a picture (.jpg .png .webp .bmp), for semanticSegmentation"
    answers: ClassVar[tuple[str, ...]] = (JSON, PNG)

    def __init__(self, spec: "Spec", place: Place) -> None:
        self.spec = spec
        self.plan = plan.plan(spec, place.model)
        scores = place.model.outputs[self.plan.reduction.output]
        self.labels = labels.of_classes(self.name, spec, place.folder, scores, self.plan.classes)
        self.most_pixels = most_pixels(place.body_bytes)

    @classmethod
    def fit(cls, spec: "Spec", place: Place) -> "SemanticSegmentation":
        """Compare input, output and labels with the model's; see `plan`."""
        return cls(spec, place)

    @property
    def warm_up(self) -> WarmUp:
        """The size of a picture, of larger ones fewer share a run; workers leave a class for each pixel."""
        found, sizes = self.plan.input, self.plan.sizes
        sides = sizes.filled(sizes.scaled(_WARM_UP, _WARM_UP))
        shapes, sized = {found.name: [1, found.channels, *sides]}, sizes.resize in {"Keep", "Fit"}
        return WarmUp(shapes=shapes, reduction=self.plan.reduction, sized=sized)

    def request(self, body: bytes) -> Request:
        """Decode one picture, and give it the model's size."""
        opencv, found, sizes = decoding(), self.plan.input, self.plan.sizes
        how = opencv.Scaling(interpolation=self.spec.interpolation)
        with opencv.decoded(body, self.most_pixels, grey=found.channels == 1) as pixels:
            picture = pixels.shape[:2]
            scaled = sizes.scaled(*picture)
            filled = sizes.filled(scaled)
            array = found.filled(opencv.scaled(pixels, *scaled, how), *filled, self.plan.fill)
        return Request(arrays=[array], kept=Sides(picture, scaled, filled), lengthy=True)

    def render(self, served: Served, request: Request, outputs: Sequence[Array]) -> Response:
        """The mask alone, or all of the answer, as Accept wants it."""
        if request.media != PNG:
            return super().render(served, request, outputs)
        with decoding().alone(_pixels(request.kept)):
            return Response(body=masks.png(self._mask(request.kept, outputs)), content_type=PNG)

    def result(self, served: Served, request: Request, outputs: Sequence[Array]) -> dict[str, Any]:
        """The classes that there are, and the mask, as large as the picture upright."""
        del served
        height, width = request.kept.picture
        with decoding().alone(_pixels(request.kept)):
            mask = self._mask(request.kept, outputs)
            found, image = masks.classes(mask, self.labels), masks.png(mask)
        return {
            "classes": found,
            "mask": b64encode(image).decode("ascii"),
            "width": width,
            "height": height,
        }

    def _mask(self, sides: Sides, outputs: Sequence[Array]) -> Array:
        """The class of each pixel of the picture, from what the workers leave.

        By the nearest pixel, as SegPostProcess of PaddleX 3.7 (semantic_segmentation/processors.py) has it.

        Args:
            sides: of the picture.
            outputs: uint8 [1, …, height, width], and whether the row is as it should be.

        Returns:
            uint8 [height, width] of the picture.
        """
        found, good = outputs
        if not good.all():
            raise NotFiniteError if self.plan.reduction.function == "label" else ModelFailedError(_NO_CLASS)
        if found.ndim < 3 or found.size != found.shape[-2] * found.shape[-1]:
            raise ModelFailedError
        mask = found.reshape(found.shape[-2:])
        height, width = inner((mask.shape[0], mask.shape[1]), sides.scaled, sides.filled)
        opencv = decoding()
        nearest = opencv.Scaling(interpolation="Nearest")
        scaled: Array = opencv.scaled(mask[:height, :width, None], *sides.picture, nearest)
        return scaled[:, :, 0]

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """The documents of `POST /predict`; they do not depend on shapes."""
        del proven
        found = documents.describe(
            served.name,
            "Segments",
            _FIELDS,
            (
                "Find the class of each pixel of a picture",
                "The classes with their shares of the pixels, the largest first, and the mask; or only that.",
            ),
            "road.jpg",
        )
        operation = dict(found.operation)
        good = operation["responses"]["200"]
        content = good["content"] | {PNG: {"schema": BINARY}}
        operation["responses"] = operation["responses"] | {"200": good | {"content": content}}
        operation["description"] += (
            f" `Accept: {PNG}` asks for the mask alone, an indexed PNG as large as the picture; a form of "
            "several is answered in JSON."
        )
        return replace(found, operation=operation)


def _pixels(sides: Sides) -> int:
    height, width = sides.picture
    return height * width
