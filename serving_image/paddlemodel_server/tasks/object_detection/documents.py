"""The task for people and machines: its part of OpenAPI document, page and `predict --help`; pure."""

from paddlemodel_server.describe import answers
from paddlemodel_server.describe.schemas import BINARY, obj
from paddlemodel_server.protocol.served import Call, Description, Upload
from paddlemodel_server.tasks.images.task import BODIES, MEDIA, SENDING

USAGE = "street.jpg      a picture (.jpg .png .webp .bmp), for the task objectDetection"


def describe(model: str) -> Description:
    """The documents of `POST /predict`."""
    return Description(
        operation={
            "summary": "Find objects in one image",
            "description": SENDING,
            "requestBody": {"required": True, "content": {media: {"schema": BINARY} for media in BODIES}},
            "responses": answers.ok(
                "The objects, the most probable first; corners in pixels of the image, upright.",
                answers.json_of("Objects"),
            ),
        },
        schemas={"Objects": _objects(model)},
        call=Call(
            route="predict",
            arguments=("--data-binary", "@street.jpg"),
            file="street.jpg",
            stands_for="your file",
        ),
        upload=Upload(what="a picture", media=MEDIA, preview=True),
    )


def _objects(model: str) -> dict[str, object]:
    side: dict[str, object] = {"type": "integer", "minimum": 1}
    corner: dict[str, object] = {"type": "number", "minimum": 0}
    entry = {
        "class_id": {"type": "integer", "minimum": 0},
        "label": {"type": ["string", "null"]},
        "score": {"type": "number"},
        "box": obj(dict.fromkeys(("xmin", "ymin", "xmax", "ymax"), corner)),
    }
    return obj(
        {
            "objects": {"type": "array", "items": obj(entry)},
            "width": side,
            "height": side,
            "model": {"const": model},
        }
    )
