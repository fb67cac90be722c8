"""The small files beside a model that say how its texts are read, as Hugging Face and Paddle write them.

sentence_bert_config.json, modules.json and 1_Pooling/config.json are those of sentence-transformers,
tokenizer_config.json and config.json those of transformers and PaddleNLP.
"""

from pathlib import Path
from typing import Any

import orjson

from paddlemodel_server.errors import StartError

MOST_BYTES = 64 * 1024 * 1024  # of a tokenizer.json; one with 250,000 tokens has 17 MB
Json = dict[str, Any]


def content(folder: Path, name: str) -> bytes | None:
    """The bytes of a file, or None where there is none.

    Raises:
        StartError: `TokenizerUnreadable`; it is too large, or cannot be read.
    """
    path = folder / name
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > MOST_BYTES:
            raise _unreadable(name, f"it has more than {MOST_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(name, str(error.strerror)) from None


def read(folder: Path, name: str) -> Any:
    """What a JSON file holds, or None where there is none.

    Raises:
        StartError: `TokenizerUnreadable`.
    """
    found = content(folder, name)
    if found is None:
        return None
    try:
        return orjson.loads(found)
    except orjson.JSONDecodeError as error:
        raise _unreadable(name, f"it is not JSON: {error}") from None


def table(folder: Path, name: str) -> Json:
    """The object that a JSON file holds; an empty one where there is no file, or no object in it."""
    found = read(folder, name)
    return found if isinstance(found, dict) else {}


def _unreadable(name: str, why: str) -> StartError:
    return StartError(
        "TokenizerUnreadable",
        f"{name} beside the model cannot be used ({why}); export it anew, or remove it.",
    )


def whole(value: Any, most: int = 1 << 20) -> int | None:
    """A sensible whole number; transformers writes 10^30 for no limit."""
    return value if type(value) is int and 0 < value <= most else None


def token_of(config: Json, key: str) -> str | None:
    """A special token, which is a string or an object with its content."""
    found = config.get(key)
    if isinstance(found, dict):
        found = found.get("content")
    return found if isinstance(found, str) else None
