"""The task for people and machines: its part of OpenAPI document, page and `predict --help`; pure."""

from paddlemodel_server.describe import answers
from paddlemodel_server.describe.schemas import BINARY, obj
from paddlemodel_server.protocol.served import Call, Description, Upload
from paddlemodel_server.tasks.images.task import BODIES, MEDIA, SENDING

USAGE = "cat.jpg         a picture (.jpg .png .webp .bmp), for the task imageClassification"


def describe(model: str, *, many: bool = False) -> Description:
    """The documents of `POST /predict`.

    Args:
        model: its name.
        many: whether an answer names all probable classes, and not the best ones.
    """
    return Description(
        operation={
            "summary": "Classify one image",
            "description": SENDING,
            "requestBody": {
                "required": True,
                "content": {media: {"schema": BINARY} for media in BODIES},
            },
            "responses": answers.ok("The most probable classes.", answers.json_of("Classes")),
        },
        schemas={"Classes": _classes(model, many=many)},
        call=Call(
            route="predict", arguments=("--data-binary", "@cat.jpg"), file="cat.jpg", stands_for="your file"
        ),
        upload=Upload(what="a picture", media=MEDIA, preview=True),
    )


def _classes(model: str, *, many: bool) -> dict[str, object]:
    entry = {
        "class_id": {"type": "integer", "minimum": 0},
        "label": {"type": ["string", "null"]},
        "score": {"type": "number"},
    }
    if many:
        return obj({"classes": {"type": "array", "items": obj(entry)}, "model": {"const": model}})
    top = {"type": "array", "items": obj(entry), "minItems": 1}
    return obj({**entry, "top_k": top, "model": {"const": model}})
