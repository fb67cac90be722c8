"""The tasks for sounds, for people and machines: what OpenAPI operations and pages have in common; pure."""

from typing import Any

from paddlemodel_server.describe import answers
from paddlemodel_server.describe.schemas import BINARY, obj
from paddlemodel_server.protocol import OCTETS
from paddlemodel_server.protocol.served import Call, Description, Upload
from paddlemodel_server.tasks.audio.formats import FILES

Schema = dict[str, Any]
_MEDIA = tuple(FILES.values())
_FACTS: Schema = {
    "seconds": {"type": "number", "minimum": 0, "description": "of the sound, as the model heard it"},
    "truncated": {"type": "boolean", "description": "whether the end of the sound was left out"},
}


def describe(model: str, result: Schema, words: tuple[str, str]) -> Description:
    """The documents of `POST /predict`.

    Args:
        model: its name.
        result: the schema's properties of what is answered.
        words: a summary of the operation, and of what it answers.
    """
    summary, answered = words
    return Description(
        operation={
            "summary": summary,
            "description": "The body is the file as it is: `curl --data-binary @yes.wav`. "
            "Without a Content-Type, or with another one, the bytes decide.",
            "requestBody": {
                "required": True,
                "content": {media: {"schema": BINARY} for media in (*_MEDIA, OCTETS)},
            },
            "responses": answers.ok(answered, answers.json_of("Heard")),
        },
        schemas={"Heard": obj(result | _FACTS | {"model": {"const": model}})},
        call=Call(
            route="predict", arguments=("--data-binary", "@yes.wav"), file="yes.wav", stands_for="your file"
        ),
        upload=Upload(what="a sound", media=_MEDIA, sound=True),
    )
