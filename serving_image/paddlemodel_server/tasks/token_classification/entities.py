"""The labels of tokens become entities of the text; pure.

The first piece of a word speaks for it. Labels begin or end with a letter of BIO, BIOES or BILOU, as in B-PER
or PER-B (Baidu's LAC); labels without one make entities of neighbours that are alike.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

_BEFORE, _BEHIND = re.compile(r"([BIESLU])-(.+)"), re.compile(r"(.+)-([BIESLU])")
_BEGINS, _ENDS = frozenset("BSU"), frozenset("ESLU")


class Token(NamedTuple):
    """What is known of one token.

    Attributes:
        word: the number of its word; None for a token that the tokenizer added.
        start: its first character in the text, in code points.
        end: the one behind its last.
        label: its class.
        score: of that class; None where the model tells none.
    """

    word: int | None
    start: int
    end: int
    label: int
    score: float | None


@dataclass(frozen=True)
class Labels:
    """All labels of a model, in the order of its classes.

    Attributes:
        names: of the classes.
        outside: the label of what belongs to no entity.
    """

    names: tuple[str, ...]
    outside: str

    @cached_property
    def parted(self) -> tuple[tuple[str, str], ...]:
        """Of each class the letter of its scheme (I, where it has none) and the entity's label."""
        inside = [name for name in self.names if name not in {self.outside, ""}]
        if inside and all(_BEFORE.fullmatch(name) for name in inside):
            return tuple(_before(name) for name in self.names)
        if inside and all(_BEHIND.fullmatch(name) for name in inside):
            return tuple(_behind(name) for name in self.names)
        return tuple(("I", name) for name in self.names)

    def is_outside(self, label: int) -> bool:
        """Whether a class belongs to no entity."""
        return self.names[label] in {self.outside, ""}


def _before(name: str) -> tuple[str, str]:
    found = _BEFORE.fullmatch(name)
    return (found[1], found[2]) if found else ("I", name)


def _behind(name: str) -> tuple[str, str]:
    found = _BEHIND.fullmatch(name)
    return (found[2], found[1]) if found else ("I", name)


def words(tokens: Sequence[Token]) -> list[Token]:
    """The words: the label of the first piece, from its start to the end of the last."""
    found: list[Token] = []
    for token in tokens:
        if token.word is None or token.end <= token.start:
            continue
        if found and found[-1].word == token.word:
            found[-1] = found[-1]._replace(end=max(found[-1].end, token.end))
        else:
            found.append(token)
    return found


def entities(text: str, tokens: Sequence[Token], labels: Labels) -> list[dict[str, Any]]:
    """The entities of a text, in order.

    Args:
        text: the text.
        tokens: of it, special ones included.
        labels: of the model.

    Returns:
        Of each its label, its text, the mean score of its words (None without scores), and where it starts
        and ends, in code points, the end exclusive.
    """
    groups: list[tuple[str, list[Token]]] = []
    open_label: str | None = None
    for word in words(tokens):
        if labels.is_outside(word.label):
            open_label = None
            continue
        letter, name = labels.parted[word.label]
        if letter in _BEGINS or name != open_label:
            groups.append((name, []))
        groups[-1][1].append(word)
        open_label = None if letter in _ENDS else name
    return [_entity(text, name, group) for name, group in groups]


def _entity(text: str, name: str, group: Sequence[Token]) -> dict[str, Any]:
    start, end = group[0].start, group[-1].end
    while start < end and text[start].isspace():
        start += 1
    scores = [word.score for word in group if word.score is not None]
    score = sum(scores) / len(scores) if scores else None
    return {"label": name, "text": text[start:end], "score": score, "start": start, "end": end}
