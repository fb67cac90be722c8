"""The task for people and machines: its part of OpenAPI document and page; pure."""

from paddlemodel_server.describe.schemas import obj
from paddlemodel_server.protocol.served import Description, Json
from paddlemodel_server.tasks.images import documents

_SCORE: Json = {
    "type": ["number", "null"],
    "description": "mean of the characters' scores, 0 where there are none; null where the outputs of the "
    "model that reads are no probabilities",
}
_LINE = obj({"text": {"type": "string"}, "score": _SCORE, "box": documents.BOX})
_TEXT: Json = {"type": "string", "description": "the text of all lines, one below the other"}


def describe(model: str) -> Description:
    """The documents of `POST /predict` of the model of this name."""
    return documents.single(
        model,
        "Page",
        {"lines": {"type": "array", "items": _LINE}, "text": _TEXT, **documents.SIZE},
        ("Read a page", "The lines, as a page is read."),
        "page.jpg",
    )
