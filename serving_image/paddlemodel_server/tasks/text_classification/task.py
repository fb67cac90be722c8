"""The task itself: fits the model, takes texts, names classes."""

from typing import TYPE_CHECKING, Any, ClassVar

from paddlemodel_server.describe.schemas import obj
from paddlemodel_server.protocol import Array
from paddlemodel_server.protocol.served import Description, Place, ScoreKind, Served, Shapes, WarmUp
from paddlemodel_server.tasks import outputs
from paddlemodel_server.tasks.classes import classes
from paddlemodel_server.tasks.text import beside, documents, names
from paddlemodel_server.tasks.text.task import Read, TextTask, counts

if TYPE_CHECKING:
    from paddlemodel_api.tasks import TextClassification as Spec

_CLASS: dict[str, Any] = {
    "class_id": {"type": "integer", "minimum": 0},
    "label": {"type": ["string", "null"]},
    "score": {"type": "number"},
}


class TextClassification(TextTask):
    """Texts in, classes out."""

    name: ClassVar[str] = "textClassification"
    pairs: ClassVar[bool] = True

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
        outputs.check_rows(self.name, tensor)
        self.labels = names.names(self.name, spec, place.folder, tensor, tensor.shape[1])
        self._columns = names.columns(self.name, spec, self._output, tensor.shape[1], self.labels)
        config = beside.table(place.folder, "config.json")
        self._many = config.get("problem_type") == "multi_label_classification"

    @classmethod
    def fit(cls, spec: "Spec", place: Place) -> "TextClassification":
        """Compare tokenizer, inputs, output and labels with the model's."""
        return cls(spec, place)

    @property
    def output(self) -> int:
        """The number of the output with the scores."""
        return self._output

    @property
    def warm_up(self) -> WarmUp:
        """The lengths of texts; and whether the outputs are scores already, where the user leaves it open."""
        auto = self.spec.activation == "Auto"
        return WarmUp(
            shapes=self.plan.shapes,
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
        if found in {"Probabilities", "Independent"}:
            return "None"
        return "Sigmoid" if self._many else "Softmax"

    def result(self, row: Array, read: Read) -> dict[str, Any]:
        """The best classes of one text."""
        how = self.activation(self._place.scores())
        found = classes(row, self.spec.top_k, self.labels, softmax=how == "Softmax", sigmoid=how == "Sigmoid")
        return found | counts(read)

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """The documents of `POST /predict`; they do not depend on shapes."""
        del proven
        top: dict[str, Any] = {"type": "array", "items": obj(_CLASS), "minItems": 1}
        return documents.describe(
            served.name,
            {**_CLASS, "top_k": top},
            ("Classify texts", "The most probable classes."),
            ("The film is wonderful, and the music even better.", "I was bored from the first minute on."),
            pairs=True,
        )
