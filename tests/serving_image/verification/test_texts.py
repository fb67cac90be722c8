"""How far texts are from each other."""

import pytest
from paddlemodel_server.verification import texts
from paddlemodel_server.verification.texts import Texts, distance, edits


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("Invoice", "Invoice", 0),
        ("Invoice", "lnvoice", 1),
        ("kitten", "sitting", 3),
        ("flaw", "lawn", 2),
        ("abcdef", "defabc", 6),
        ("汉字识别", "汉宇识别", 1),
        ("a😀b", "ab", 1),
        ("aaa", "aa", 1),
    ],
)
def test_the_least_number_of_changes(one: str, other: str, wanted: int) -> None:
    assert (distance(one, other), distance(other, one)) == (wanted, wanted)


def test_texts_that_are_too_long_to_be_compared_closely_are_all_others() -> None:
    assert distance("start" + "a" * texts.MOST + "x", "start" + "b" * texts.MOST + "y") == texts.MOST + 1
    assert distance("a" * 50_000 + "b", "a" * 50_000 + "c") == 1


def test_all_texts_of_an_answer_in_its_order() -> None:
    page = {"lines": [{"text": "one", "score": 0.5}, {"text": "two", "score": None}], "text": "both"}
    assert Texts.of(page) == Texts(texts=("one", "two", "both"), others=1)
    assert Texts.of([]) == Texts(texts=(), others=0)


def test_one_text_more_or_less_counts_its_characters() -> None:
    three, two = (Texts.of(found) for found in (["one", "and", "two"], ["one", "two"]))
    assert edits(three, two) == len("\nand")


def test_an_excerpt_begins_before_what_differs() -> None:
    one, other = texts.excerpt("Total amount 1,234.50 EUR and more of it", "Total amount 1.234.50 EUR", 32)
    assert (one, other) == ("…l amount 1,234.50 EUR and more…", "…l amount 1.234.50 EUR")
    assert texts.excerpt("short", "shirt", 32) == ("short", "shirt")
