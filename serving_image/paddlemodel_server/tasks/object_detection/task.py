"""The task itself: fits the model, takes a picture, names objects. OpenCV comes in with `load`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from paddlemodel_server.describe.schemas import obj
from paddlemodel_server.errors import ModelFailedError
from paddlemodel_server.protocol import Array, Request
from paddlemodel_server.protocol.served import Description, Place, Served, Shapes, WarmUp
from paddlemodel_server.tasks.images import documents
from paddlemodel_server.tasks.images.task import PictureTask, decoding
from paddlemodel_server.tasks.object_detection import plan
from paddlemodel_server.tasks.object_detection.objects import CORNERS, objects

if TYPE_CHECKING:
    from paddlemodel_api.tasks import ObjectDetection as Spec

_OBJECT: dict[str, Any] = {
    "class_id": {"type": "integer", "minimum": 0},
    "label": {"type": ["string", "null"]},
    "score": {"type": "number"},
    "box": obj({corner: {"type": "number", "minimum": 0} for corner in CORNERS}),
}


class ObjectDetection(PictureTask):
    """One picture in, objects out."""

    name: ClassVar[str] = plan.TASK
    usage: ClassVar[str] = "street.jpg      a picture (.jpg .png .webp .bmp), for the task objectDetection"

    def __init__(self, spec: "Spec", place: Place) -> None:
        self.spec = spec
        self.plan = plan.plan(spec, place.model, place.body_bytes)
        self.labels = plan.labels(spec, place.folder)

    @classmethod
    def fit(cls, spec: "Spec", place: Place) -> "ObjectDetection":
        """Compare inputs, outputs and labels with the model's; see `plan`."""
        return cls(spec, place)

    @property
    def warm_up(self) -> WarmUp:
        """The size of pictures, and that boxes are counted."""
        return WarmUp(shapes=self.plan.shapes, ragged=self.plan.ragged)

    def request(self, body: bytes) -> Request:
        """The inputs for a picture, in the model's order; the answer needs its height and width."""
        opencv, made = decoding(), self.plan.preparation
        with opencv.decoded(body, made.most_pixels) as pixels:
            original = pixels.shape[:2]
            how = opencv.Scaling(interpolation=made.interpolation)
            size = made.scaled(*original)
            image = made.normalised(opencv.scaled(pixels, *size, how))
        scaled, whole = np.array([size], np.float32), np.array([original], np.float32)
        found = {"image": image, "im_shape": scaled, "scale_factor": scaled / whole}
        return Request(arrays=[found[role] for role in self.plan.roles], kept=original)

    def result(self, served: Served, request: Request, outputs: Sequence[Array]) -> dict[str, Any]:
        """The objects, in pixels of the picture as it was sent, upright."""
        del served
        rows = outputs[self.plan.boxes]
        if rows.ndim != 2 or rows.shape[1] != plan.COLUMNS:
            raise ModelFailedError
        height, width = request.kept
        found = objects(
            rows, (height, width), self.labels, self.spec.score_threshold, self.spec.max_detections
        )
        return {"objects": found, "width": width, "height": height}

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """The documents of `POST /predict`; they do not depend on shapes."""
        del proven
        return documents.describe(
            served.name,
            "Objects",
            {"objects": {"type": "array", "items": obj(_OBJECT)}, **documents.SIZE},
            ("Find objects in a picture", "The objects, the most probable first."),
            "street.jpg",
        )
