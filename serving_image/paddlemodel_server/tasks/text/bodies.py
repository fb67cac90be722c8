"""The body of a request with texts: JSON, or one text as it is; pure.

{"text": …}, a pair as {"text": …, "text_pair": …}, or {"texts": [… , …]} of strings or such objects. What is
wrong with one text of a list is told in its place; what is no text at all refuses the whole request.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.protocol.json import text as json_text
from paddlemodel_server.protocol.json.text import kind, shown

MOST_TEXTS = 2048  # as many as OpenAI's API takes
MOST_CHARACTERS = 1_000_000  # of a text, whatever becomes of its tokens: they take 100 bytes each meanwhile
_ONE = frozenset({"text", "text_pair"})


@dataclass(frozen=True, slots=True)
class Item:
    """A text, or a pair of them.

    Attributes:
        text: the first or only one.
        pair: the second one.
        fault: what is wrong with it, where something is.
    """

    text: str
    pair: str | None = None
    fault: str = ""

    @property
    def content(self) -> str | tuple[str, str]:
        """As a tokenizer takes it."""
        return self.text if self.pair is None else (self.text, self.pair)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a body holds.

    Attributes:
        items: in order; one where no list was sent.
        listed: whether it was a list.
    """

    items: tuple[Item, ...]
    listed: bool


def plain(body: bytes) -> Sent:
    """A body that is one text.

    Raises:
        BadRequestError: it is not UTF-8, is empty, or has too many characters.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadRequestError(f"The text is not UTF-8: byte {error.start} is wrong.") from None
    return _alone(_checked(text, None))


def from_json(body: bytes, *, pairs: bool) -> Sent:
    """A body of JSON.

    Args:
        body: the JSON.
        pairs: whether the task takes pairs of texts.

    Raises:
        BadRequestError: it is not of this form; or its only text is empty, or has too many characters.
    """
    content = json_text.read(body)
    json_text.check_keys("The request", content, _ONE | {"texts"} if pairs else frozenset({"text", "texts"}))
    listed = content.get("texts")
    if listed is None:
        return _alone(_item(content, "", pairs=pairs))
    if content.get("text") is not None or content.get("text_pair") is not None:
        raise BadRequestError("The request has both text and texts; send one of them.")
    return Sent(tuple(items(listed, "texts", pairs=pairs)), listed=True)


def items(found: Any, name: str, *, pairs: bool) -> list[Item]:
    """The texts of a list.

    Raises:
        BadRequestError: it is no list, is empty or too long, or holds what is no text.
    """
    if type(found) is not list or not found:
        raise BadRequestError(f"{name} is {shown(found)}; expected a list of texts.")
    if len(found) > MOST_TEXTS:
        raise BadRequestError(f"{name} has {len(found)} texts; at most {MOST_TEXTS} are taken at once.")
    made = []
    for at, entry in enumerate(found):
        if type(entry) is dict and pairs:
            json_text.check_keys(f"{name}[{at}]", entry, _ONE)
            made.append(_item(entry, f"{name}[{at}].", pairs=pairs))
        elif type(entry) is str:
            made.append(_checked(entry, None))
        else:
            raise BadRequestError(f"{name}[{at}] is {kind(entry)}; expected a text.")
    return made


def _item(found: dict[str, Any], where: str, *, pairs: bool) -> Item:
    for name in ("text", "text_pair") if pairs else ("text",):
        value = found.get(name)
        if type(value) is not str and (name == "text" or value is not None):
            said = "is missing" if value is None else f"is {kind(value)}"
            raise BadRequestError(f"{where}{name} {said}; expected a text.")
    return _checked(found["text"], found.get("text_pair"))


def _checked(text: str, pair: str | None) -> Item:
    for name, value in (("text", text), ("text_pair", pair)):
        if value is None:
            continue
        if not value or value.isspace():
            return Item("", None, f"The {name} is empty.")
        if len(value) > MOST_CHARACTERS:
            fault = f"The {name} has {len(value)} characters; at most {MOST_CHARACTERS} are read."
            return Item("", None, fault)
    return Item(text, pair)


def _alone(item: Item) -> Sent:
    if item.fault:
        raise BadRequestError(item.fault)
    return Sent((item,), listed=False)


def first_fault(sent: Sequence[Item], name: str) -> None:
    """Refuse a request as a whole for what is wrong with one of its texts.

    Raises:
        BadRequestError: it names the text.
    """
    for at, item in enumerate(sent):
        if item.fault:
            raise BadRequestError(f"{name}[{at}]: {item.fault}")
