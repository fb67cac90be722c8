"""The task itself: fits the model, takes a picture, names objects. OpenCV comes in with `load`."""

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from paddlemodel_server.errors import ModelFailedError
from paddlemodel_server.protocol import Array, Head, Request, Response, as_json
from paddlemodel_server.protocol.served import Description, Place, Served, Shapes, WarmUp
from paddlemodel_server.tasks.images.task import PictureTask
from paddlemodel_server.tasks.object_detection import documents, plan
from paddlemodel_server.tasks.object_detection.objects import objects

if TYPE_CHECKING:
    from paddlemodel_api.tasks import ObjectDetection as Spec


class ObjectDetection(PictureTask):
    """One picture in, objects out."""

    name: ClassVar[str] = plan.TASK
    usage: ClassVar[str] = documents.USAGE

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

    def load(self) -> None:
        """Import OpenCV before the first picture, since that takes a good part of a second."""
        _prepared()

    def parse(self, served: Served, head: Head, body: bytes) -> Request:
        """The inputs for a picture; the answer needs to know its size."""
        del served, head
        arrays, size = self._inputs(body)
        return Request(arrays=arrays, kept=size)

    def arrays(self, body: bytes) -> list[Array]:
        """The inputs for a picture, in the model's order."""
        return self._inputs(body)[0]

    def _inputs(self, body: bytes) -> tuple[list[Array], tuple[int, int]]:
        picture = _prepared().prepared(body, self.plan.preparation)
        size, original = np.array(picture.size, np.float32), np.array(picture.original, np.float32)
        made = {"image": picture.tensor, "im_shape": size[None], "scale_factor": (size / original)[None]}
        return [made[role] for role in self.plan.roles], picture.original

    def render(self, served: Served, request: Request, outputs: Sequence[Array]) -> Response:
        """The objects, the size of the picture they are in, and which model found them."""
        height, width = request.kept
        return as_json(
            self.answer(served, outputs, (height, width))
            | {"width": width, "height": height, "model": served.name}
        )

    def answer(
        self, served: Served, outputs: Sequence[Array], size: tuple[int, int] = (1, 1)
    ) -> dict[str, Any]:
        """The objects of a picture with this height and width."""
        del served
        rows = outputs[self.plan.boxes]
        if rows.ndim != 2 or rows.shape[1] != plan.COLUMNS:
            raise ModelFailedError
        found = objects(rows, size, self.labels, self.spec.score_threshold, self.spec.max_detections)
        return {"objects": found}

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """The documents of `POST /predict`; they do not depend on shapes."""
        del proven
        return documents.describe(served.name)


def _prepared() -> ModuleType:
    from paddlemodel_server.tasks.images import prepared  # noqa: PLC0415 - OpenCV: not for the supervisor

    return prepared
