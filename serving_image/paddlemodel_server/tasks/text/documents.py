"""The tasks for texts, for people and machines: what OpenAPI operations and pages have in common; pure."""

from typing import Any

import orjson

from paddlemodel_server.describe import answers
from paddlemodel_server.describe.schemas import obj, ref
from paddlemodel_server.protocol import JSON
from paddlemodel_server.protocol.served import Ask, Call, Description
from paddlemodel_server.tasks.text.bodies import MOST_CHARACTERS, MOST_TEXTS

Schema = dict[str, Any]
TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS}
NUMBER: Schema = {"type": "number"}
COUNTS: Schema = {
    "tokens": {"type": "integer", "minimum": 0, "description": "of the text, as the model read it"},
    "truncated": {"type": "boolean", "description": "whether the end of the text was left out"},
}
_FAULT: Schema = obj({"error": {"type": "string", "minLength": 1}})
_OPTIONAL = ("text_pair",)


def describe(
    model: str,
    result: Schema,
    words: tuple[str, str],
    examples: tuple[str, ...],
    *,
    pairs: bool = False,
) -> Description:
    """The documents of `POST /predict`.

    Args:
        model: its name.
        result: the schema's properties of what is answered to one text.
        words: a summary of the operation, and of what it answers.
        examples: texts; the first one is what the page shows.
        pairs: whether the task takes pairs of texts.
    """
    summary, answered = words
    return Description(
        operation={
            "summary": summary,
            "description": "One text, or a list of them: answered in order, each by its result or by what is "
            "wrong with it. As text/plain the body is one text in UTF-8.",
            "requestBody": {
                "required": True,
                "content": {
                    JSON: {
                        "schema": ref("Texts"),
                        "examples": {
                            "one": {"summary": "A text", "value": {"text": examples[0]}},
                            "list": {"summary": "A list", "value": {"texts": list(examples)}},
                        },
                    },
                    "text/plain": {"schema": {"type": "string", "minLength": 1}},
                },
            },
            "responses": answers.ok(answered, answers.json_of("Answer")),
        },
        schemas={
            "Texts": _texts(pairs=pairs),
            "Result": obj(result | COUNTS),
            "Answer": {
                "oneOf": [
                    obj(result | COUNTS | {"model": {"const": model}}),
                    obj(
                        {
                            "results": {"type": "array", "items": {"anyOf": [ref("Result"), _FAULT]}},
                            "model": {"const": model},
                        }
                    ),
                ]
            },
        },
        call=Call(
            route="predict",
            arguments=("-H", f"Content-Type: {JSON}", "--data-binary", _json({"text": examples[0]})),
        ),
        ask=Ask(what="a text", example=examples[0]),
    )


def _json(content: Schema) -> str:
    return orjson.dumps(content).decode()


def _texts(*, pairs: bool) -> Schema:
    if not pairs:
        listed: Schema = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MOST_TEXTS}
        return {"oneOf": [obj({"text": TEXT}), obj({"texts": listed})]}
    one = obj({"text": TEXT, "text_pair": TEXT}, optional=_OPTIONAL)
    entry = {
        "anyOf": [
            {"type": "string"},
            obj({"text": {"type": "string"}, "text_pair": {"type": "string"}}, optional=_OPTIONAL),
        ]
    }
    listed = {"type": "array", "items": entry, "minItems": 1, "maxItems": MOST_TEXTS}
    return {"oneOf": [one, obj({"texts": listed})]}
