"""The task itself: fits the model, takes a picture, names classes. OpenCV comes in with `load`."""

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from paddlemodel_server.protocol import Array, tensors
from paddlemodel_server.protocol.served import (
    Description,
    Place,
    Reduction,
    ScoreKind,
    Served,
    Shapes,
    WarmUp,
)
from paddlemodel_server.tasks import labels as label_files
from paddlemodel_server.tasks.batches.batched import Batched
from paddlemodel_server.tasks.batches.documents import batched
from paddlemodel_server.tasks.body import BodyTask
from paddlemodel_server.tasks.classes import above, classes, kept
from paddlemodel_server.tasks.image_classification import documents, plan
from paddlemodel_server.tasks.images.task import PictureTask

if TYPE_CHECKING:
    from paddlemodel_api.tasks import ImageClassification as Spec

MANY = 1024  # classes, whose scores are a page of memory: of more, workers leave the best


class ImageClassification(Batched, PictureTask, BodyTask):
    """One picture in, the most probable classes out."""

    name: ClassVar[str] = "imageClassification"
    usage: ClassVar[str] = documents.USAGE

    def __init__(self, spec: "Spec", place: Place) -> None:
        self.spec = spec
        self.plan = plan.plan(spec, place.model, place.body_bytes)
        self.output = plan.scores_output(spec, place.model.outputs)
        scores = place.model.outputs[self.output]
        self.labels = plan.labels(spec, place.folder, scores)
        self.reduction = None
        if spec.threshold is None and scores.shape[1] > MANY:
            self.reduction = Reduction(function="top", output=self.output, axis=1, count=spec.top_k)
        self._columns = None
        if scores.shape[1] == -1:
            alone = "" if spec.activation == "None" else plan.ALONE
            self._columns = label_files.columns(self.name, self.output, self.labels, alone)
        self._input = place.model.inputs[0].name
        self._scores = place.scores

    @classmethod
    def fit(cls, spec: "Spec", place: Place) -> "ImageClassification":
        """Compare input, output and labels with the model's; see `plan`."""
        return cls(spec, place)

    @property
    def warm_up(self) -> WarmUp:
        """The size of pictures; and whether the outputs are scores already, where the user leaves it open."""
        auto = self.spec.activation == "Auto"
        return WarmUp(
            shapes={self._input: self.plan.shape},
            scores=self.output if auto else None,
            setting=f"{plan.PATH}.activation" if auto else "",
            reduction=self.reduction,
            columns=self._columns,
        )

    def load(self) -> None:
        """Import OpenCV before the first picture, since that takes a good part of a second."""
        _pixels()

    def arrays(self, body: bytes) -> list[Array]:
        """Decode one picture: float32 of the input's shape, with one row."""
        return [_pixels().image(body, self.plan)]

    def answer(self, served: Served, outputs: Sequence[Array]) -> dict[str, Any]:
        """The best classes, or all that are probable; the scores are floats of shape [1, classes]."""
        if self.reduction:
            how = self.activation(self._scores())
            return kept(outputs, self.labels, softmax=how == "Softmax", sigmoid=how == "Sigmoid")
        scores = tensors.meant(outputs[self.output], served.in_order[self.output])
        how = self.activation(self._scores())
        if self.spec.threshold is not None:
            return above(scores, self.spec.threshold, self.labels, sigmoid=how == "Sigmoid")
        return classes(
            scores, self.spec.top_k, self.labels, softmax=how == "Softmax", sigmoid=how == "Sigmoid"
        )

    def activation(self, found: ScoreKind | None) -> str:
        """What turns outputs into scores: None, Softmax or Sigmoid.

        Args:
            found: what the warm-up saw.
        """
        if self.spec.activation != "Auto":
            return str(self.spec.activation)
        if found in {"Probabilities", "Independent"}:
            return "None"
        return "Softmax" if self.spec.threshold is None else "Sigmoid"

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """The documents of `POST /predict`; they do not depend on shapes."""
        del proven
        one = documents.describe(served.name, many=self.spec.threshold is not None)
        return batched(served.name, one, "Classes")


def _pixels() -> ModuleType:
    from paddlemodel_server.tasks.image_classification import pixels  # noqa: PLC0415 - OpenCV: not for the supervisor

    return pixels
