"""The task itself: fits the model, takes texts, answers entities."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from paddlemodel_server.describe.schemas import obj
from paddlemodel_server.errors import NotFiniteError
from paddlemodel_server.protocol import Array
from paddlemodel_server.protocol.served import Description, Place, Served, Shapes, WarmUp
from paddlemodel_server.tasks import outputs
from paddlemodel_server.tasks.text import documents, names
from paddlemodel_server.tasks.text.task import Read, TextTask, counts
from paddlemodel_server.tasks.token_classification.entities import Labels, Token, entities

if TYPE_CHECKING:
    from paddlemodel_api.tasks import TokenClassification as Spec

_PLACE: dict[str, Any] = {
    "type": "integer",
    "minimum": 0,
    "description": "in code points; the end is exclusive",
}


class TokenClassification(TextTask):
    """Texts in, entities out."""

    name: ClassVar[str] = "tokenClassification"
    placed: ClassVar[bool] = True

    def __init__(self, spec: "Spec", place: Place) -> None:
        super().__init__(spec, place)
        self._output = outputs.chosen(self.name, spec.output, place.model.outputs, "the scores or labels")
        tensor = place.model.outputs[self._output]
        self._scored = tensor.dtype in outputs.FLOATS and len(tensor.shape) == 3
        if not self._scored and not (tensor.dtype in outputs.WHOLE and len(tensor.shape) == 2):
            raise outputs.misfit(
                self.name,
                "takes a float output [rows, tokens, classes] or whole numbers [rows, tokens], the model has "
                f"{outputs.described(tensor)}",
                "export the model so",
            )
        outputs.check_rows(self.name, tensor)
        classes = tensor.shape[2] if self._scored else -1
        found = names.names(self.name, spec, place.folder, tensor, classes)
        if not found:
            raise outputs.misfit(
                self.name,
                "needs the labels of the model's classes, and config.json beside it has no id2label",
                f"name them in spec.task.{self.name}.labels or labelsFile",
            )
        self.labels = Labels(found, spec.outside)
        self._columns = None
        if self._scored:
            self._columns = names.columns(self.name, spec, self._output, classes, found)

    @classmethod
    def fit(cls, spec: "Spec", place: Place) -> "TokenClassification":
        """Compare tokenizer, inputs, output and labels with the model's."""
        return cls(spec, place)

    @property
    def output(self) -> int:
        """The number of the output with the scores or labels."""
        return self._output

    @property
    def warm_up(self) -> WarmUp:
        """The lengths of texts; and whether the outputs are scores already, where the user leaves it open."""
        auto = self._scored and self.spec.activation == "Auto"
        return WarmUp(
            shapes=self.plan.shapes,
            scores=self._output if auto else None,
            setting=f"spec.task.{self.name}.activation" if auto else "",
            columns=self._columns,
        )

    def result(self, row: Array, read: Read) -> dict[str, Any]:
        """The entities of one text; the row has shape [tokens and padding, classes], or without classes."""
        labelled = zip(read.places, *self._labelled(row[: read.tokens]), strict=True)
        tokens = [Token(*place, label, score) for place, label, score in labelled]
        return {"entities": entities(read.item.text, tokens, self.labels), **counts(read)}

    def _labelled(self, row: Array) -> tuple[list[int], list[float | None]]:
        """The class of each token and its score."""
        if not self._scored:
            if row.size and not 0 <= int(row.min()) <= int(row.max()) < len(self.labels.names):
                raise NotFiniteError
            return row.tolist(), [None] * len(row)
        values = row.astype(np.float64)
        if not np.isfinite(values).all():
            raise NotFiniteError
        if self.spec.activation == "Softmax" or (
            self.spec.activation == "Auto" and self._place.scores() != "Probabilities"
        ):
            values = np.exp(values - values.max(axis=-1, keepdims=True))
            values /= values.sum(axis=-1, keepdims=True)
        best = values.argmax(axis=-1)
        return best.tolist(), values[np.arange(len(best)), best].tolist()

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """The documents of `POST /predict`; they do not depend on shapes."""
        del proven
        entity = obj(
            {
                "label": {"type": "string"},
                "text": {"type": "string"},
                "score": {"type": ["number", "null"], "description": "null where the model tells none"},
                "start": _PLACE,
                "end": _PLACE,
            }
        )
        return documents.describe(
            served.name,
            {"entities": {"type": "array", "items": entity}},
            ("Find entities in texts", "The entities."),
            ("李彦宏2000年在北京创建百度。", "Paddle was published in 2016."),
        )
