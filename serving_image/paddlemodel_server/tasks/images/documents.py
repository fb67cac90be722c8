"""A task that takes pictures, for people and machines: its part of OpenAPI document and page; pure."""

from paddlemodel_server.describe import answers
from paddlemodel_server.describe.schemas import BINARY, obj
from paddlemodel_server.protocol.served import Call, Description, Json, Upload
from paddlemodel_server.tasks.batches.documents import batched
from paddlemodel_server.tasks.images.task import BODIES, MEDIA, SENDING

_CORNER = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2}
BOX = {
    "type": "array",
    "items": _CORNER,
    "minItems": 4,
    "maxItems": 4,
    "description": "the corners [x, y] in pixels of the picture, upright; from the text's top left clockwise",
}
LINE = obj({"score": {"type": "number"}, "box": BOX})
SIZE: Json = {"width": {"type": "integer", "minimum": 1}, "height": {"type": "integer", "minimum": 1}}


def describe(model: str, name: str, fields: Json, texts: tuple[str, str], file: str) -> Description:
    """The documents of `POST /predict` that takes several pictures, too; arguments as of `single`."""
    return batched(model, single(model, name, fields, texts, file), name)


def single(model: str, name: str, fields: Json, texts: tuple[str, str], file: str) -> Description:
    """The documents of `POST /predict`.

    Args:
        model: its name.
        name: of the schema of the answer to one picture.
        fields: of the answer, but for the model, each with its schema.
        texts: the summary, and what the answer is.
        file: that the command sends.
    """
    summary, answer = texts
    return Description(
        operation={
            "summary": summary,
            "description": SENDING,
            "requestBody": {"required": True, "content": {media: {"schema": BINARY} for media in BODIES}},
            "responses": answers.ok(answer, answers.json_of(name)),
        },
        schemas={name: obj({**fields, "model": {"const": model}})},
        call=Call(
            route="predict", arguments=("--data-binary", f"@{file}"), file=file, stands_for="your picture"
        ),
        upload=Upload(what="a picture", media=MEDIA, preview=True),
    )
