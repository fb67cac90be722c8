"""How two texts, or the texts of two answers, compare; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

MOST: Final = 10_000
"""Characters that are compared one by one, beyond what both begin and end with; more count as all others."""


@dataclass(frozen=True, kw_only=True)
class Texts:
    """All that is text in a part of an answer."""

    texts: tuple[str, ...]
    others: int  # numbers and booleans, which do not count

    @classmethod
    def of(cls, content: Any) -> "Texts":
        """Those of JSON, in its order."""
        found = list(_leaves(content))
        texts = tuple(one for one in found if type(one) is str)
        return cls(texts=texts, others=sum(one is not None for one in found) - len(texts))


def _leaves(content: Any) -> Iterator[Any]:
    if type(content) is dict:
        for value in content.values():
            yield from _leaves(value)
    elif type(content) is list:
        for value in content:
            yield from _leaves(value)
    else:
        yield content


def edits(expected: Texts, found: Texts) -> int:
    """How many characters have to be changed, added or removed to make `expected` of `found`."""
    one, other = expected.texts, found.texts
    whole = distance("\n".join(one), "\n".join(other))
    if len(one) != len(other):
        return whole
    # Of texts that are too long together, each may be short enough.
    return min(whole, sum(distance(a, b) for a, b in zip(one, other, strict=True)))


def distance(one: str, other: str) -> int:
    """Levenshtein's distance."""
    start = _common(one, other)
    one, other = one[start:], other[start:]
    end = _common(one[::-1], other[::-1])
    one, other = one[: len(one) - end], other[: len(other) - end]
    if max(len(one), len(other)) > MOST:
        return max(len(one), len(other))
    across = np.frombuffer(other.encode("utf-32-le"), np.uint32)
    steps = np.arange(len(across) + 1)
    row = steps
    for number, character in enumerate(one, 1):
        better = np.minimum(row[1:] + 1, row[:-1] + (across != ord(character)))
        # What is added to the text moves on along the row, one for each step.
        row = np.minimum.accumulate(np.concatenate([[number], better]) - steps) + steps
    return int(row[-1])


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def excerpt(one: str, other: str, most: int) -> tuple[str, str]:
    """Both from just before the first character that differs, with at most so many characters."""
    start = max(0, _common(one, other) - most // 3)
    return _cut(one, start, most), _cut(other, start, most)


def _cut(text: str, start: int, most: int) -> str:
    lead = "…" if start else ""
    rest = lead + text[start:]
    return rest if len(rest) <= most else rest[: most - 1] + "…"
