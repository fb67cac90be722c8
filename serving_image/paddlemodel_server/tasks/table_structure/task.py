"""The task itself: fits the model, takes a table, tells its structure. OpenCV comes in with `load`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from paddlemodel_server.describe.schemas import obj
from paddlemodel_server.errors import ModelFailedError
from paddlemodel_server.model.signature import Tensor
from paddlemodel_server.protocol import Array, Request, tensors
from paddlemodel_server.protocol.request import Expected
from paddlemodel_server.protocol.served import Description, Place, Served, Shapes, WarmUp
from paddlemodel_server.tasks import outputs as model_outputs
from paddlemodel_server.tasks.batches.batched import Batched
from paddlemodel_server.tasks.images import documents, inputs
from paddlemodel_server.tasks.images.headers import most_pixels
from paddlemodel_server.tasks.images.task import PictureTask, decoding
from paddlemodel_server.tasks.table_structure import structure

if TYPE_CHECKING:
    from paddlemodel_api.tasks import TableStructure as Spec

CORNERS = 8  # x and y of four corners
SIDE = 488
_BOX = documents.BOX | {"description": "the corners [x, y] of a cell in pixels of the picture, upright"}
_FIELDS: dict[str, Any] = {
    "html": {"type": "string", "description": "the table, with cells that are empty"},
    "cells": {
        "type": "array",
        "items": obj({"box": _BOX}),
        "description": "in the order in which they stand in html",
    },
    "score": {
        "type": ["number", "null"],
        "description": "mean of the tokens' scores, 0 where there are none; null where the model's outputs "
        "are no probabilities",
    },
    **documents.SIZE,
}


class TableStructure(Batched, PictureTask):
    """A picture of a table in, its rows and cells out."""

    name: ClassVar[str] = structure.NAME
    usage: ClassVar[str] = "table.png       a table, for the task tableStructure"

    def __init__(self, spec: "Spec", place: Place) -> None:
        self.spec = spec
        self.input = inputs.find(self.name, spec, place.model)
        self.side = _side(self.input, spec.side)
        self.corners, self.scores = _outputs(place.model.outputs)
        self.tokens = structure.find(spec, place.folder, place.model.outputs[self.scores])
        self.expected = [Expected(place.model.outputs[at]) for at in (self.corners, self.scores)]
        self.most_pixels = most_pixels(place.body_bytes)
        self._kind = place.scores

    @classmethod
    def fit(cls, spec: "Spec", place: Place) -> "TableStructure":
        """Compare input, outputs and tokens with the model's."""
        return cls(spec, place)

    @property
    def warm_up(self) -> WarmUp:
        """All tables have one size."""
        return WarmUp(
            shapes={self.input.name: [1, self.input.channels, self.side, self.side]}, scores=self.scores
        )

    def request(self, body: bytes) -> Request:
        """Decode one table, scale its longer side, and fill it up below or at the right."""
        with decoding().decoded(body, self.most_pixels, grey=self.input.channels == 1) as pixels:
            size = pixels.shape[:2]
            scale = self.side / max(size)
            height, width = (max(1, round(side * scale)) for side in size)
            array = self.input.filled(decoding().scaled(pixels, height, width), self.side, self.side)
        return Request(arrays=[array], kept=size)

    def result(self, served: Served, request: Request, outputs: Sequence[Array]) -> dict[str, Any]:
        """The table as HTML, and its cells in pixels of the picture as it was sent, upright."""
        del served
        found = zip((self.corners, self.scores), self.expected, strict=True)
        corners, scores = (tensors.meant(outputs[at], expected) for at, expected in found)
        if corners.shape[:2] != scores.shape[:2] or corners.shape[2:] != (CORNERS,):
            raise ModelFailedError
        table = structure.read(self.tokens, scores[0], corners[0])
        height, width = request.kept
        longest = float(max(height, width))
        scale = (longest, longest) if self.spec.boxes == "Padded" else (float(width), float(height))
        return {
            "html": f"<table>{''.join(table.tokens)}</table>",
            "cells": [{"box": box} for box in structure.boxes(table.corners, scale, (width, height))],
            "score": None if self._kind() == "Logits" else table.score,
            "width": width,
            "height": height,
        }

    def describe(self, served: Served, proven: Shapes | None) -> Description:
        """The documents of `POST /predict`; they do not depend on shapes."""
        del proven
        texts = ("Find rows and cells of a table", "The table as HTML, and where its cells are.")
        return documents.describe(served.name, "Table", _FIELDS, texts, "table.png")


def _side(found: inputs.PictureInput, desired: int | None) -> int:
    """Both sides of the input, which are equal."""
    height, width = (
        inputs.side(structure.NAME, "side", side, desired, SIDE) for side in (found.height, found.width)
    )
    if height != width:
        raise model_outputs.misfit(
            structure.NAME,
            f"fills tables up to a square, the model takes {height} x {width} pixels",
            "export the model with equal sides, or with open ones",
        )
    return height


def _outputs(found: Sequence[Tensor]) -> tuple[int, int]:
    """The numbers of the outputs with corners and with scores; where both have eight, corners come first."""
    steps = [at for at, one in enumerate(found) if one.dtype in model_outputs.FLOATS and len(one.shape) == 3]
    corners = [at for at in steps if found[at].shape[2] == CORNERS]
    if len(found) != 2 or len(steps) != 2 or not corners:
        names = ", ".join(map(model_outputs.described, found))
        raise model_outputs.misfit(
            structure.NAME,
            f"answers from corners FP32 [rows, steps, {CORNERS}] and scores FP32 [rows, steps, classes], the "
            f"model has {names}",
            "export a model for tables such as SLANet_plus, with four corners for a cell (loc_reg_num 8)",
        )
    for at in steps:
        model_outputs.check_rows(structure.NAME, found[at], "picture")
    return corners[0], 1 - corners[0]
