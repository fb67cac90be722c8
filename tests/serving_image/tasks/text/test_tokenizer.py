"""Tokens as Hugging Face makes them, from either file, in many scripts; and what is no tokenizer."""

import json
import random
from pathlib import Path

import pytest
import tokenizers
from paddlemodel_server.errors import StartError
from paddlemodel_server.tasks.text import tokenizer, vocabulary

from tests.trained_text import minilm

SCRIPTS = (
    "The quick brown fox jumps over the lazy dog unbelievably",
    "Быстрая бурая лиса перепрыгивает через ленивую собаку",
    "百度是一家高科技公司 总部在北京",
    "いろはにほへと ちりぬるを カタカナ 漢字",
    "다람쥐 헌 쳇바퀴에 타고파",
    "نص حكيم له سر قاطع وذو شأن عظيم",
    "דג סקרן שט בים מאוכזב ולפתע מצא",
    "ऋषियों को सताने वाले दुष्ट राक्षसों",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία",
    "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า",
    "👩\u200d👩\u200d👧 🏳️\u200d🌈 😀 naïve e\u0301 ﬁ Å Ω \u0000 \u200b don't 3.14 [MASK] [SEP] x@y.z",
)


def sentences(count: int = 1000) -> list[str]:
    """Words of all scripts, mixed and cut in odd places; the same ones every time."""
    chosen = random.Random(7)
    made = ["", " ", *SCRIPTS]
    while len(made) < count:
        words = " ".join(chosen.sample(SCRIPTS, 3)).split(" ")
        chosen.shuffle(words)
        made.append(" ".join(words)[chosen.randrange(9) : chosen.randrange(10, 200)])
    return made


def reading(folder: Path, source: str, truncate: int | None = None) -> tokenizer.Tokenizer:
    return tokenizer.Tokenizer(tokenizer.Reading(folder=folder, source=source, truncate=truncate))


def test_a_vocabulary_is_read_as_hugging_face_reads_it() -> None:
    """The package carries both files; its tokenizer.json is what transformers makes of its vocab.txt."""
    folder = minilm()
    theirs = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    theirs.no_padding()
    theirs.no_truncation()
    texts = [*sentences(), "".join(SCRIPTS) * 200]  # the last one has 100 kB
    assert len(texts[-1].encode()) > 100_000
    expected = theirs.encode_batch(texts)
    for source in ("tokenizer.json", "vocab.txt"):
        found = list(reading(folder, source).encode(texts))
        for text, mine, other in zip(texts, found, expected, strict=True):
            assert (mine.ids, mine.type_ids, mine.offsets) == (other.ids, other.type_ids, other.offsets), text


def test_a_pair_has_two_types() -> None:
    (found,) = reading(minilm(), "vocab.txt").encode([("a dog", "a cat")])
    assert found.tokens == ["[CLS]", "a", "dog", "[SEP]", "a", "cat", "[SEP]"]
    assert found.type_ids == [0, 0, 0, 0, 1, 1, 1]


def test_a_long_text_is_whole_or_truncated() -> None:
    text = "word " * 20_000
    (whole,) = reading(minilm(), "tokenizer.json").encode([text])
    assert len(whole) == 20_002
    (cut, short) = reading(minilm(), "tokenizer.json", 128).encode([text, "word"])
    assert (len(cut), bool(cut.overflowing)) == (128, True)
    assert cut.tokens[-1] == "[SEP]"
    assert (len(short), bool(short.overflowing)) == (3, False)


def test_old_files_name_the_ids_behind_a_tab(tmp_path: Path) -> None:
    """ERNIE's of 2019."""
    tokens = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "hello"]
    (tmp_path / "vocab.txt").write_text("".join(f"{token}\t{at * 2}\n" for at, token in enumerate(tokens)))
    (found,) = reading(tmp_path, "vocab.txt").encode(["hello you"])
    assert found.ids == [2, 8, 6, 4]
    assert vocabulary.find(tmp_path, "textEmbedding").largest == 8


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("vocab.txt", b"\xff", "vocab.txt beside the model is not UTF-8"),
        ("vocab.txt", b"\n\n", "vocab.txt beside the model names no tokens"),
        ("tokenizer.json", b"{", "tokenizer.json beside the model cannot be used (it is not JSON: "),
        ("tokenizer.json", b"[]", "tokenizer.json beside the model names no tokens"),
        (
            "other.json",
            b"{}",
            "The task textEmbedding needs a tokenizer beside the model: put its tokenizer.json",
        ),
    ],
)
def test_what_is_no_tokenizer_is_refused_with_a_cure(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StartError) as refusal:
        vocabulary.find(tmp_path, "textEmbedding")
    assert refusal.value.message.startswith(said)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("vocab.txt", "hello\n[UNK]\n[CLS]\n", "vocab.txt beside the model is no tokenizer that can be used"),
        (
            "tokenizer.json",
            json.dumps({"model": {"vocab": {"a": 1}}}),
            "tokenizer.json beside the model is no tokenizer that can be used",
        ),
    ],
)
def test_what_the_library_does_not_take_is_refused_too(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    (tmp_path / name).write_text(content)
    assert vocabulary.find(tmp_path, "textEmbedding").source == name
    with pytest.raises(StartError) as refusal:
        tokenizer.load(tokenizer.Reading(folder=tmp_path, source=name, truncate=None))
    assert refusal.value.message.startswith(said)


@pytest.mark.parametrize(
    ("files", "limit", "said"),
    [
        ({}, 512, ""),
        ({"config.json": {"max_position_embeddings": 64}}, 64, "config.json"),
        ({"tokenizer_config.json": {"model_max_length": 10**30}}, 512, ""),
        (
            {
                "tokenizer_config.json": {"model_max_length": 512},
                "config.json": {"max_position_embeddings": 64},
            },
            64,
            "tokenizer_config.json",
        ),
        (
            {
                "sentence_bert_config.json": {"max_seq_length": 256},
                "tokenizer_config.json": {"model_max_length": 9},
            },
            256,
            "sentence_bert_config.json",
        ),
        ({"tokenizer_config.json": {"model_max_length": "many"}}, 512, ""),
    ],
)
def test_the_files_say_how_many_tokens_a_text_may_have(
    tmp_path: Path, files: dict[str, object], limit: int, said: str
) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n")
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    found = vocabulary.find(tmp_path, "textEmbedding")
    assert (found.limit, found.limit_from, found.pad, found.largest) == (limit, said, 0, 3)
