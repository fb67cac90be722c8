"""Which tokenizer lies beside a model, read without the library for it: size, padding, most tokens; pure.

The supervisor needs no more to refuse a tokenizer that is missing, or not this model's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paddlemodel_server.errors import StartError
from paddlemodel_server.tasks.text import beside
from paddlemodel_server.tasks.text.beside import Json

DEFAULT_TOKENS = 512
_PADS = ("[PAD]", "<pad>", "<PAD>")


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What is known of the tokenizer.

    Attributes:
        source: the name of its file: tokenizer.json or vocab.txt.
        largest: the largest token id.
        pad: the id that fills a text up; None where the tokenizer has none.
        limit: most tokens of a text, as the files say.
        positions: what the model's table of positions holds, where config.json says so.
        limit_from: the file that said the limit, for messages.
    """

    source: str
    largest: int
    pad: int | None
    limit: int
    limit_from: str
    positions: int | None


def find(folder: Path, task: str) -> Vocabulary:
    """Look for a tokenizer beside the model.

    Args:
        folder: of the model's files.
        task: the member of spec.task, for messages.

    Raises:
        StartError: `TokenizerMissing` or `TokenizerUnreadable`.
    """
    described = beside.read(folder, "tokenizer.json")
    config = beside.table(folder, "tokenizer_config.json")
    if described is not None:
        source, ids = "tokenizer.json", _ids(described)
    else:
        lines = beside.content(folder, "vocab.txt")
        if lines is None:
            raise StartError(
                "TokenizerMissing",
                f"The task {task} needs a tokenizer beside the model: put its tokenizer.json, or the "
                "vocab.txt of a BERT tokenizer, into the model's folder; or use the task tensors.",
            )
        source, ids = "vocab.txt", wordpieces(lines)
    if not ids:
        raise StartError("TokenizerUnreadable", f"{source} beside the model names no tokens; export it anew.")
    limit, limit_from, positions = _limits(folder, described, config)
    return Vocabulary(
        source=source,
        largest=max(ids.values()),
        pad=_pad(described, config, beside.table(folder, "special_tokens_map.json"), ids),
        limit=limit,
        limit_from=limit_from,
        positions=positions,
    )


def wordpieces(content: bytes) -> dict[str, int]:
    """The ids of a vocab.txt: the number of a token's line, or what stands behind a tab (old ERNIE files).

    Raises:
        StartError: `TokenizerUnreadable`.
    """
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise StartError(
            "TokenizerUnreadable", "vocab.txt beside the model is not UTF-8; export it anew."
        ) from None
    found: dict[str, int] = {}
    for number, line in enumerate(lines):
        token, tab, at = line.rstrip("\r").partition("\t")
        if token:
            found[token] = int(at) if tab and at.isascii() and at.isdigit() else number
    return found


def _ids(described: Any) -> dict[str, int]:
    """The ids of a tokenizer.json: of a table (WordPiece, BPE, WordLevel) or of a list (Unigram)."""
    if not isinstance(described, dict):
        return {}
    model = described.get("model")
    vocab = model.get("vocab") if isinstance(model, dict) else None
    found: dict[str, int] = {}
    if isinstance(vocab, dict):
        found = {token: at for token, at in vocab.items() if type(at) is int}
    elif isinstance(vocab, list):
        found = {str(entry[0]): at for at, entry in enumerate(vocab) if isinstance(entry, list) and entry}
    added = described.get("added_tokens")
    for entry in added if isinstance(added, list) else ():
        if isinstance(entry, dict) and type(entry.get("id")) is int:
            found[str(entry.get("content"))] = entry["id"]
    return found


def _pad(described: Any, config: Json, special: Json, ids: dict[str, int]) -> int | None:
    padding = described.get("padding") if isinstance(described, dict) else None
    if isinstance(padding, dict) and type(padding.get("pad_id")) is int:
        return int(padding["pad_id"])
    named = beside.token_of(config, "pad_token") or beside.token_of(special, "pad_token")
    return next((ids[token] for token in (named, *_PADS) if token in ids), None)


def _limits(folder: Path, described: Any, config: Json) -> tuple[int, str, int | None]:
    """Most tokens of a text, which file says so, and how many positions the model has."""
    positions = beside.whole(beside.table(folder, "config.json").get("max_position_embeddings"))
    truncation = described.get("truncation") if isinstance(described, dict) else None
    said = {
        "sentence_bert_config.json": beside.table(folder, "sentence_bert_config.json").get("max_seq_length"),
        "tokenizer.json": truncation.get("max_length") if isinstance(truncation, dict) else None,
        "tokenizer_config.json": config.get("model_max_length"),
        "config.json": positions,
    }
    for name, number in said.items():
        if limit := beside.whole(number, 32768):
            return min(limit, positions or limit), name, positions
    return min(DEFAULT_TOKENS, positions or DEFAULT_TOKENS), "", positions
