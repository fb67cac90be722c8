"""`POST /v1/embeddings` as OpenAI's API has it, so that its clients work unchanged; pure.

https://platform.openai.com/docs/api-reference/embeddings. Its clients ask for base64 by default: float32,
little-endian. What this server cannot do is refused, never ignored.
"""

import base64
from collections.abc import Sequence
from typing import Any, Final

from paddlemodel_server.errors import BadRequestError, NotFiniteError, NotFoundError
from paddlemodel_server.protocol.json import text as json_text
from paddlemodel_server.protocol.json.text import shown
from paddlemodel_server.tasks.text import bodies
from paddlemodel_server.tasks.text.bodies import Sent

FLOAT: Final = "float"
BASE64: Final = "base64"
_KEYS = frozenset({"input", "model", "encoding_format", "dimensions"})


def read(body: bytes, model: str, numbers: int) -> tuple[Sent, str]:
    """A request's texts, and how it wants its vectors.

    Args:
        body: the JSON.
        model: the served model's name.
        numbers: of a vector; -1 where that is not known.

    Raises:
        BadRequestError: it is not of this form.
        NotFoundError: it names another model.
    """
    content = json_text.read(body)
    json_text.check_keys("The request", content, _KEYS)
    if content.get("model") != model:
        raise NotFoundError(f"There is no model {shown(content.get('model'))} here; this server has {model}.")
    form = content.get("encoding_format") or FLOAT
    if form not in {FLOAT, BASE64}:
        raise BadRequestError(f"encoding_format is {shown(form)}; expected {FLOAT} or {BASE64}.")
    wanted = content.get("dimensions")
    if wanted is not None and wanted != numbers:
        raise BadRequestError(
            f"dimensions is {shown(wanted)}; this model's vectors have {numbers} numbers, and are not cut."
        )
    return Sent(_texts(content.get("input")), listed=True), form


def _texts(found: Any) -> tuple[bodies.Item, ...]:
    if type(found) is list and found and type(found[0]) in {int, list}:
        raise BadRequestError("input holds token ids; send texts: this model has a tokenizer of its own.")
    items = bodies.items([found] if type(found) is str else found, "input", pairs=False)
    bodies.first_fault(items, "input")
    return tuple(items)


def answer(results: Sequence[dict[str, Any]], model: str, form: str) -> dict[str, Any]:
    """The answer.

    Args:
        results: of each text: `embedding` float32 [numbers], `tokens`, `truncated`.
        model: its name.
        form: FLOAT or BASE64.

    Raises:
        NotFiniteError: a vector has numbers that are none.
    """
    if any("error" in result for result in results):
        raise NotFiniteError
    tokens = sum(result["tokens"] for result in results)
    return {
        "object": "list",
        "data": [_entry(at, result, form) for at, result in enumerate(results)],
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _entry(at: int, result: dict[str, Any], form: str) -> dict[str, Any]:
    vector = result["embedding"]
    written = base64.b64encode(vector.astype("<f4").tobytes()).decode() if form == BASE64 else vector
    entry = {"object": "embedding", "index": at, "embedding": written}
    return entry | {"truncated": True} if result["truncated"] else entry
