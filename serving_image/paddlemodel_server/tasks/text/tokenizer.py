"""The door to Hugging Face's tokenizers: texts become token ids, with the place of each token in its text.

Its library works in one thread: an HTTP worker's parallelism is its thread pool. Only `encode_batch` lets go
of Python's lock, so that a long text in a thread does not hold up the event loop.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # read with every call

import tokenizers

from paddlemodel_server.errors import StartError
from paddlemodel_server.tasks.text import beside, vocabulary

LARGE_CHARACTERS = 1 << 16  # of texts; more are read by one thread at a time, as a token takes 100 bytes
_ALONE = threading.Lock()

Text = str | tuple[str, str]
Encoding = tokenizers.Encoding


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How texts are read; equal ones share a tokenizer.

    Attributes:
        folder: of the model's files.
        source: tokenizer.json or vocab.txt.
        truncate: to how many tokens; None: not at all.
    """

    folder: Path
    source: str
    truncate: int | None


class Tokenizer:
    """One model's."""

    def __init__(self, reading: Reading) -> None:
        self._tokenizer = _loaded(reading)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        if reading.truncate is not None:
            self._tokenizer.enable_truncation(reading.truncate)

    def encode(self, texts: Sequence[Text]) -> Iterator[Encoding]:
        """The tokens of texts or pairs of them, in order, special tokens included.

        A text that was truncated has an `overflowing` part. Few texts are in memory at a time.
        """
        large = sum(map(_characters, texts)) > LARGE_CHARACTERS
        for some in _chunks(texts):
            with _ALONE if large else nullcontext():
                found = self._tokenizer.encode_batch(some)
            yield from found

    def special_tokens(self, *, pair: bool) -> int:
        """How many tokens are added to a text, or to a pair."""
        return self._tokenizer.num_special_tokens_to_add(pair)


def _chunks(texts: Sequence[Text]) -> Iterator[list[Text]]:
    """The texts, in lists of LARGE_CHARACTERS at most, or of one text."""
    chunk: list[Text] = []
    characters = 0
    for text in texts:
        characters += _characters(text)
        if chunk and characters > LARGE_CHARACTERS:
            yield chunk
            chunk, characters = [], _characters(text)
        chunk.append(text)
    if chunk:
        yield chunk


def _characters(text: Text) -> int:
    return len(text) if isinstance(text, str) else len(text[0]) + len(text[1])


@lru_cache(maxsize=1)
def load(reading: Reading) -> Tokenizer:
    """Load it; done before the HTTP workers are forked, which share its memory.

    Raises:
        StartError: `TokenizerUnreadable`.
    """
    try:
        return Tokenizer(reading)
    except StartError:
        raise
    except Exception as error:  # noqa: BLE001 - the library raises plain Exceptions, whatever the fault
        raise StartError(
            "TokenizerUnreadable",
            f"{reading.source} beside the model is no tokenizer that can be used ({error}); export it anew.",
        ) from None


def _loaded(reading: Reading) -> tokenizers.Tokenizer:
    content = beside.content(reading.folder, reading.source) or b""
    if reading.source == "tokenizer.json":
        return tokenizers.Tokenizer.from_buffer(content)
    return _bert(reading.folder, vocabulary.wordpieces(content))


def _bert(folder: Path, ids: dict[str, int]) -> tokenizers.Tokenizer:
    """As transformers and PaddleNLP read a vocab.txt; what tokenizer_config.json leaves out is BERT's."""
    config = beside.table(folder, "tokenizer_config.json")
    special = {
        key: beside.token_of(config, f"{key}_token") or f"[{key.upper()}]"
        for key in ("unk", "sep", "cls", "pad", "mask")
    }
    for key in ("unk", "sep", "cls"):
        if special[key] not in ids:
            raise ValueError(f"vocab.txt has no token {special[key]}")
    lower = config.get("do_lower_case", True) is not False
    accents = config.get("strip_accents")
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordPiece(ids, unk_token=special["unk"], max_input_chars_per_word=100)
    )
    tokenizer.add_special_tokens([token for token in special.values() if token in ids])
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=config.get("tokenize_chinese_chars", True) is not False,
        strip_accents=accents if isinstance(accents, bool) else None,
        lowercase=lower,
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = tokenizers.processors.BertProcessing(
        (special["sep"], ids[special["sep"]]), (special["cls"], ids[special["cls"]])
    )
    return tokenizer
