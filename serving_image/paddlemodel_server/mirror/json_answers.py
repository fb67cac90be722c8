"""Do two answers in JSON agree? Floats within the tolerance, all else equal; pure.

A tolerance may name a field: it holds for all that is in it, wherever that stands. With `top_k` a list of
things is the same if its first ones are, whatever their scores, and a row of numbers if its largest ones are
at the same places. The numbers of a thing, such as those of a box, are no such row: they are compared as
anywhere. Whole numbers are classes and counts unless a tolerance names their field.
"""

import base64
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from paddlemodel_server.engine.difference import difference
from paddlemodel_server.verification import recording
from paddlemodel_server.verification.recording import Difference, Tolerance, Tolerances

Array = np.ndarray[Any, np.dtype[Any]]
ANSWER: Final = ""
_KINDS: Final = {int: "i", float: "f"}  # as numpy calls them; a boolean is no number
_SCORE: Final = "score"
"""The field of every task that says how certain something is."""
_BASE64: Final = "embedding"
"""The field of OpenAI's embeddings, which may be the bytes of float32 as base64."""


def compare(expected: Any, found: Any, tolerances: Tolerances) -> list[Difference]:
    """How the fields that `tolerances` names compare, and all others together."""
    walk = _Walk(tolerances)
    walk.go(ANSWER, expected, found)
    return walk.places + [group.difference(walk.tolerance(name), name) for name, group in walk.groups.items()]


@dataclass
class _Group:
    """What is compared with one tolerance."""

    expected: list[Array] = field(default_factory=list)
    found: list[Array] = field(default_factory=list)
    others: int = 0
    unequal: int = 0

    def equal(self, agree: Array) -> None:
        """Take in what is equal or not, one or an array of booleans."""
        self.others += agree.size
        self.unequal += int(np.count_nonzero(~agree))

    def add(self, expected: Any, found: Any) -> None:
        """Take in floats, one or an array."""
        self.expected.append(np.ravel(expected))
        self.found.append(np.ravel(found))

    def difference(self, tolerance: Tolerance, name: str) -> Difference:
        """How all of it compares."""
        none = np.empty(0)
        distance = difference(np.concatenate([none, *self.expected]), np.concatenate([none, *self.found]))
        beyond = self.unequal + distance.beyond(rtol=tolerance.rtol, atol=tolerance.atol)
        size = self.others + distance.exact.size
        return Difference(
            output=name,
            fault=f"{beyond} of {size} values differ" if beyond else "",
            largest=distance.largest,
            largest_relative=distance.largest_relative,
            beyond=beyond,
            size=size,
        )


class _Walk:
    """Both answers at once, from the outside in."""

    def __init__(self, tolerances: Tolerances) -> None:
        self._tolerances = tolerances
        self.groups: dict[str, _Group] = {}
        self.places: list[Difference] = []

    def tolerance(self, name: str) -> Tolerance:
        """That of numbers in a field; one for places says nothing of values."""
        found = self._tolerances.of.get(name)
        return self._tolerances.default if found is None or found.top_k else found

    def go(self, name: str, one: Any, other: Any, most: int = 0) -> None:
        """Compare what stands at one place in both.

        Args:
            name: the innermost field around it that has a tolerance of its own.
            one: the expected answer's.
            other: the found one's.
            most: how many of the first things, or of the largest numbers, count; 0: all.
        """
        if type(one) is dict and type(other) is dict:
            self._fields(name, one, other, most)
        elif type(one) is list and type(other) is list:
            self._list(name, one, other, most)
        else:
            self._leaf(name, one, other)

    def _fields(self, name: str, one: dict[str, Any], other: dict[str, Any], most: int) -> None:
        self._equal(name, one.keys() == other.keys())
        of = self._tolerances.of
        for key in one.keys() & other.keys():
            inner, inner_most = (key, of[key].top_k) if key in of else (name, most)
            if key == _BASE64 and type(one[key]) is type(other[key]) is str:
                self._floats(inner, one[key], other[key])
            else:
                self.go(inner, one[key], other[key], inner_most)

    def _list(self, name: str, one: list[Any], other: list[Any], most: int) -> None:
        rows, others = _rows(one), _rows(other)
        if rows is None or others is None:
            self._entries(name, one, other, most)
        elif most:
            exactly = Tolerances(default=self._tolerances.of[name])
            self.places += recording.compare({name: rows}, {name: others}, exactly)
        elif rows.shape != others.shape:
            self._equal(name, False)
        elif self._is_whole(name, rows.dtype.kind, others.dtype.kind):
            self._group(name).equal(rows == others)
        else:
            self._group(name).add(rows, others)

    def _entries(self, name: str, one: list[Any], other: list[Any], most: int) -> None:
        """Things, of which with `most` the first count; or rows, each of which is a list of its own."""
        if most and not any(type(entry) is list for entry in one):
            one, other = ([_without_score(entry) for entry in entries[:most]] for entries in (one, other))
            most = 0
        self._equal(name, len(one) == len(other))
        for a, b in zip(one, other, strict=False):
            self.go(name, a, b, most)

    def _is_whole(self, name: str, *kinds: str) -> bool:
        """Whether these are whole numbers that no tolerance makes others of."""
        of = self._tolerances.of
        return "f" not in kinds and (name not in of or of[name].top_k > 0)

    def _leaf(self, name: str, one: Any, other: Any) -> None:
        kinds = [_KINDS.get(type(value), "") for value in (one, other)]
        if "" in kinds or self._is_whole(name, *kinds):
            self._equal(name, type(one) is type(other) and one == other)
        else:
            self._group(name).add(float(one), float(other))

    def _equal(self, name: str, agrees: bool) -> None:
        self._group(name).equal(np.array(agrees))

    def _floats(self, name: str, one: str, other: str) -> None:
        numbers, others = (np.frombuffer(base64.b64decode(text), np.float32) for text in (one, other))
        self._equal(name, numbers.shape == others.shape)
        if numbers.shape == others.shape:
            self._group(name).add(numbers, others)

    def _group(self, name: str) -> _Group:
        return self.groups.setdefault(name, _Group())


def _without_score(entry: Any) -> Any:
    return {key: value for key, value in entry.items() if key != _SCORE} if type(entry) is dict else entry


def _rows(values: list[Any]) -> Array | None:
    """Numbers as an array of one or more dimensions; None where something else is among them."""
    if not values or type(values[0]) not in {float, int, list}:
        return None
    try:
        array = np.array(values)
    except ValueError:  # rows of different lengths
        return None
    return array if array.dtype.kind in "fiu" else None
