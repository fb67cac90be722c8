"""The task itself: fits the model, takes a sound, names classes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from paddlemodel_server.describe.schemas import obj
from paddlemodel_server.protocol import Array, Request, tensors
from paddlemodel_server.protocol.served import Description, Place, ScoreKind, Served, Shapes, WarmUp
from paddlemodel_server.tasks import outputs
from paddlemodel_server.tasks.audio import documents
from paddlemodel_server.tasks.audio.task import SoundTask
from paddlemodel_server.tasks.batches.batched import Batched
from paddlemodel_server.tasks.batches.documents import batched
from paddlemodel_server.tasks.classes import classes
from paddlemodel_server.tasks.text import names

if TYPE_CHECKING:
    from paddlemodel_api.tasks import AudioClassification as Spec

_CLASS: dict[str, Any] = {
    "class_id": {"type": "integer", "minimum": 0},
    "label": {"type": ["string", "null"]},
    "score": {"type": "number"},
}


class AudioClassification(Batched, SoundTask):
    """One sound in, the most probable classes out."""

    name: ClassVar[str] = "audioClassification"

    def __init__(self, spec: "Spec", place: Place) -> None:
        super().__init__(spec, place)
        self._output = outputs.chosen(self.name, spec.output, place.model.outputs, "the scores")
        tensor = place.model.outputs[self._output]
        if tensor.dtype not in outputs.FLOATS or len(tensor.shape) != 2:
            raise outputs.misfit(
                self.name,
                "takes a float output of 2 dimensions [rows, classes], the model has "
                f"{outputs.described(tensor)}",
                "export the model without argmax or anything else behind its scores",
            )
        outputs.check_rows(self.name, tensor, "sound")
        self.labels = names.names(self.name, spec, place.folder, tensor, tensor.shape[1])
        self._columns = names.columns(self.name, spec, self._output, tensor.shape[1], self.labels)

    @classmethod
    def fit(cls, spec: "Spec", place: Place) -> "AudioClassification":
        """Compare features, input, output and labels with the model's."""
        return cls(spec, place)

    @property
    def warm_up(self) -> WarmUp:
        """How long sounds are; and whether the outputs are scores already, where the user leaves it open."""
        auto = self.spec.activation == "Auto"
        return replace(
            super().warm_up,
            scores=self._output if auto else None,
            setting=f"spec.task.{self.name}.activation" if auto else "",
            columns=self._columns,
        )

    def activation(self, found: ScoreKind | None) -> str:
        """What turns outputs into scores: None, Softmax or Sigmoid.

        Args:
            found: what the warm-up saw.
        """
        if self.spec.activation != "Auto":
            return str(self.spec.activation)
        return "None" if found in {"Probabilities", "Independent"} else "Softmax"

    def result(self, served: Served, request: Request, outputs: Sequence[Array]) -> dict[str, Any]:
        """The best classes; the scores are floats of shape [1, classes]."""
        scores = tensors.meant(outputs[self._output], served.in_order[self._output])
        how = self.activation(self._place.scores())
        softmax, sigmoid = how == "Softmax", how == "Sigmoid"
        found = classes(scores, self.spec.top_k, self.labels, softmax=softmax, sigmoid=sigmoid)
        facts: dict[str, Any] = request.kept
        return found | facts

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """The documents of `POST /predict`; they do not depend on shapes."""
        del proven
        top: dict[str, Any] = {"type": "array", "items": obj(_CLASS), "minItems": 1}
        words = ("Classify one sound", "The most probable classes.")
        one = documents.describe(served.name, {**_CLASS, "top_k": top}, words)
        return batched(served.name, one, "Heard")
