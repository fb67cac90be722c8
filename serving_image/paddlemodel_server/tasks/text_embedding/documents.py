"""The task for people and machines: its part of OpenAPI document and page; pure."""

from dataclasses import replace

from paddlemodel_server.describe import answers
from paddlemodel_server.describe.schemas import obj, ref
from paddlemodel_server.protocol import EMBEDDINGS, JSON
from paddlemodel_server.protocol.served import Description, Json
from paddlemodel_server.tasks.text import documents
from paddlemodel_server.tasks.text.bodies import MOST_TEXTS

_VECTOR: Json = {"type": "array", "items": documents.NUMBER, "minItems": 1}
_EXAMPLES = ("A man is playing a guitar.", "Someone plays an instrument.")


def describe(model: str) -> Description:
    """The documents of `POST /predict` and `POST /v1/embeddings`."""
    common = documents.describe(
        model,
        {"embedding": _VECTOR},
        ("Turn texts into vectors", "The vectors."),
        _EXAMPLES,
    )
    schemas = {"EmbeddingsRequest": _request(model), "Embeddings": _answer(model)}
    return replace(common, schemas={**common.schemas, **schemas}, more={EMBEDDINGS: _operation(model)})


def _operation(model: str) -> Json:
    example = {"model": model, "input": list(_EXAMPLES)}
    return {
        "summary": "Turn texts into vectors, as OpenAI's API does",
        "description": "OpenAI's clients work unchanged. Vectors are lists of numbers, or float32 in base64, "
        "little-endian. What is wrong with one text refuses all.",
        "requestBody": {
            "required": True,
            "content": {
                JSON: {
                    "schema": ref("EmbeddingsRequest"),
                    "examples": {"list": {"summary": "Two texts", "value": example}},
                }
            },
        },
        "responses": answers.ok("The vectors.", answers.json_of("Embeddings")) | answers.errors(404),
    }


def _request(model: str) -> Json:
    listed = {"type": "array", "items": documents.TEXT, "minItems": 1, "maxItems": MOST_TEXTS}
    return obj(
        {
            "input": {"oneOf": [documents.TEXT, listed]},
            "model": {"const": model},
            "encoding_format": {"enum": ["float", "base64", None]},
            "dimensions": {"type": ["integer", "null"], "description": "of the model's vectors; no other"},
        },
        optional=("encoding_format", "dimensions"),
    )


def _answer(model: str) -> Json:
    entry = obj(
        {
            "object": {"const": "embedding"},
            "index": {"type": "integer", "minimum": 0},
            "embedding": {"oneOf": [_VECTOR, {"type": "string", "contentEncoding": "base64"}]},
            "truncated": {"const": True, "description": "The end of the text was left out."},
        },
        optional=("truncated",),
    )
    count: Json = {"type": "integer", "minimum": 0}
    return obj(
        {
            "object": {"const": "list"},
            "data": {"type": "array", "items": entry},
            "model": {"const": model},
            "usage": obj({"prompt_tokens": count, "total_tokens": count}),
        }
    )
