"""Bodies with texts: what is taken, and the sentence for everything else."""

import json
from typing import Any

import pytest
from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.protocol import PREDICT, Head, forms, is_heavy
from paddlemodel_server.tasks.text import bodies
from paddlemodel_server.tasks.text.bodies import Item


def read(content: Any, *, pairs: bool = True) -> bodies.Sent:
    return bodies.from_json(json.dumps(content).encode(), pairs=pairs)


def test_one_text_a_pair_and_lists() -> None:
    assert bodies.plain("é 猫".encode()) == bodies.Sent((Item("é 猫"),), listed=False)
    assert read({"text": "a"}) == bodies.Sent((Item("a"),), listed=False)
    assert read({"text": "a", "text_pair": "b"}).items == (Item("a", "b"),)
    assert read({"text": "a", "text_pair": None}).items == (Item("a"),)
    assert read({"texts": ["a", {"text": "b", "text_pair": "c"}]}) == bodies.Sent(
        (Item("a"), Item("b", "c")), listed=True
    )
    assert read({"texts": ["a"]}, pairs=False).listed


def test_what_is_wrong_with_a_text_of_a_list_stands_in_its_place() -> None:
    long = "x" * (bodies.MOST_CHARACTERS + 1)
    found = read({"texts": ["a", "", " \n", {"text": "b", "text_pair": ""}, long]}).items
    assert [item.fault for item in found] == [
        "",
        "The text is empty.",
        "The text is empty.",
        "The text_pair is empty.",
        "The text has 1000001 characters; at most 1000000 are read.",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "text is missing; expected a text."),
        ({"text": 1}, "text is a number; expected a text."),
        ({"text": ["a"]}, "text is a list; expected a text."),
        ({"text": ""}, "The text is empty."),
        ({"text": "a", "texts": ["b"]}, "The request has both text and texts; send one of them."),
        ({"texts": []}, "texts is []; expected a list of texts."),
        ({"texts": "a"}, 'texts is "a"; expected a list of texts.'),
        ({"texts": ["a", 1]}, "texts[1] is a number; expected a text."),
        ({"texts": ["a", None]}, "texts[1] is null; expected a text."),
        ({"texts": [{"text_pair": "a"}]}, "texts[0].text is missing; expected a text."),
        ({"texts": [{"text": "a", "x": 1}]}, 'texts[0] has the field "x", which is not known here'),
        ({"texts": ["a"] * 2049}, "texts has 2049 texts; at most 2048 are taken at once."),
        ({"text": "a", "top_k": 3}, 'The request has the field "top_k", which is not known here'),
        (["a"], "The body must be a JSON object, not a list."),
    ],
)
def test_what_is_no_text_refuses_the_request(content: Any, said: str) -> None:
    with pytest.raises(BadRequestError) as refusal:
        read(content)
    assert refusal.value.message.startswith(said)


def test_a_task_without_pairs_refuses_them() -> None:
    with pytest.raises(BadRequestError, match="text_pair"):
        read({"text": "a", "text_pair": "b"}, pairs=False)
    with pytest.raises(BadRequestError, match=r"texts\[0\] is an object; expected a text"):
        read({"texts": [{"text": "b"}]}, pairs=False)


@pytest.mark.parametrize("body", [b'{"text": "\xff"}', b'{"text": "\\ud800"}', b'{"text": "a"', b""])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """A lone surrogate is no character."""
    with pytest.raises(BadRequestError, match="The body is not JSON"):
        bodies.from_json(body, pairs=True)


@pytest.mark.parametrize(("size", "heavy"), [(512, False), (513, True), (1 << 20, True)])
def test_a_text_that_takes_long_to_read_is_left_to_a_thread(size: int, heavy: bool) -> None:
    head = Head(
        route=PREDICT,
        headers={},
        form=forms.TEXT,
        encoding=None,
        json_size=None,
        timeout_seconds=None,
        media=None,
    )
    assert is_heavy(head, size) is heavy


def test_a_plain_body_is_utf_8_and_not_empty() -> None:
    with pytest.raises(BadRequestError, match="The text is not UTF-8: byte 1 is wrong"):
        bodies.plain(b"a\xff")
    with pytest.raises(BadRequestError, match="The text is empty"):
        bodies.plain(b"")
