"""Labels of tokens become entities: every scheme, pieces of words, and places in code points."""

from typing import Any

import pytest
from paddlemodel_server.tasks.token_classification.entities import Labels, Token, entities

TEXT = "😀 Ada Lovelace met Bob"
PLACES = [(2, 5), (6, 14), (15, 18), (19, 22)]


def found(names: tuple[str, ...], chosen: list[str], **more: Any) -> list[tuple[str, str]]:
    tokens = [
        Token(at, start, end, names.index(label), 0.5)
        for at, ((start, end), label) in enumerate(zip(PLACES, chosen, strict=True))
    ]
    made = entities(TEXT, tokens, Labels(names, more.get("outside", "O")))
    return [(entity["label"], entity["text"]) for entity in made]


BIO = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
LAC = ("PER-B", "PER-I", "v-B", "v-I", "O")
BIOES = ("O", "B-PER", "I-PER", "E-PER", "S-PER")


@pytest.mark.parametrize(
    ("names", "chosen", "expected"),
    [
        (BIO, ["B-PER", "I-PER", "O", "B-PER"], [("PER", "Ada Lovelace"), ("PER", "Bob")]),
        (BIO, ["B-PER", "B-PER", "O", "O"], [("PER", "Ada"), ("PER", "Lovelace")]),
        (BIO, ["I-PER", "I-LOC", "O", "I-PER"], [("PER", "Ada"), ("LOC", "Lovelace"), ("PER", "Bob")]),
        (LAC, ["PER-B", "PER-I", "v-B", "PER-B"], [("PER", "Ada Lovelace"), ("v", "met"), ("PER", "Bob")]),
        (
            BIOES,
            ["B-PER", "E-PER", "S-PER", "S-PER"],
            [("PER", "Ada Lovelace"), ("PER", "met"), ("PER", "Bob")],
        ),
        (("O", "name"), ["name", "name", "O", "name"], [("name", "Ada Lovelace"), ("name", "Bob")]),
        (("", "name"), ["name", "", "", "name"], [("name", "Ada"), ("name", "Bob")]),
        (
            ("none", "B-only", "mixed"),
            ["B-only", "mixed", "none", "none"],
            [("B-only", "Ada"), ("mixed", "Lovelace")],
        ),
    ],
    ids=["BIO", "neighbours", "no beginning", "LAC", "BIOES", "plain", "nameless", "no scheme"],
)
def test_a_scheme_is_read_from_the_labels(
    names: tuple[str, ...], chosen: list[str], expected: list[tuple[str, str]]
) -> None:
    assert found(names, chosen, outside="none" if "none" in names else "O") == expected


def test_the_first_piece_of_a_word_speaks_for_it() -> None:
    """And tokens that the tokenizer added are no part of the text."""
    tokens = [
        Token(None, 0, 0, 1, 0.9),
        Token(0, 2, 4, 1, 0.9),
        Token(0, 4, 5, 0, 0.1),
        Token(1, 5, 14, 2, 0.7),
        Token(2, 15, 18, 0, 0.9),
        Token(None, 0, 0, 1, 0.9),
    ]
    assert entities(TEXT, tokens, Labels(BIO, "O")) == [
        {"label": "PER", "text": "Ada Lovelace", "score": pytest.approx(0.8), "start": 2, "end": 14}
    ]


def test_without_scores_there_is_none() -> None:
    (entity,) = entities(TEXT, [Token(0, 1, 5, 1, None)], Labels(BIO, "O"))
    assert entity == {"label": "PER", "text": "Ada", "score": None, "start": 2, "end": 5}
