"""A task that takes several things at once, for machines: what OpenAPI has in addition; pure."""

from dataclasses import replace
from typing import Any

from paddlemodel_server.describe import answers
from paddlemodel_server.describe.schemas import obj, ref
from paddlemodel_server.protocol.served import Description
from paddlemodel_server.tasks.batches.multipart import KIND, MOST_PARTS

Schema = dict[str, Any]
_FILES: Schema = {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}
_FAULT: Schema = obj({"error": {"type": "string", "minLength": 1}})


def batched(model: str, one: Description, schema: str) -> Description:
    """The description of a task of one thing, with forms of several.

    Args:
        model: its name.
        one: the description.
        schema: the name of the schema of an answer to one thing, `model` included.
    """
    operation = dict(one.operation)
    body = dict(operation["requestBody"])
    files = obj({"file": _FILES | {"maxItems": MOST_PARTS}})
    body["content"] = body["content"] | {KIND: {"schema": files}}
    operation["requestBody"] = body
    operation["description"] += (
        f" Several of them, {MOST_PARTS} at most, are sent as a form: `curl -F file=@one -F file=@two`; they "
        "are answered in order, each by its result or by what is wrong with it."
    )
    operation["responses"] = answers.ok(
        one.operation["responses"]["200"]["description"], answers.json_of("Answer")
    )
    whole = one.schemas[schema]
    result = {name: found for name, found in whole["properties"].items() if name != "model"}
    entries = {"type": "array", "items": {"anyOf": [ref("Result"), _FAULT]}, "minItems": 1}
    schemas = {
        "Result": obj(result),
        "Answer": {"oneOf": [ref(schema), obj({"results": entries, "model": {"const": model}})]},
    }
    return replace(one, operation=operation, schemas=one.schemas | schemas)
