"""Do two answers in JSON agree? Floats within the tolerance, all else equal; pure.

A tolerance may name a field: it holds for all that is in it, wherever that stands. With `top_k` a list of
things is the same if its first ones are, whatever their scores, and a row of numbers if its largest ones are
at the same places. The numbers of a thing, such as those of a box, are no such row: they are compared as
anywhere. With `text` only the texts in the field count. Whole numbers are classes and counts unless a
tolerance names their field.
"""

import base64
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np

from paddlemodel_server.engine.difference import difference
from paddlemodel_server.verification import differences
from paddlemodel_server.verification.differences import Difference, Tolerance, Tolerances, Value
from paddlemodel_server.verification.texts import Texts, edits, excerpt

Array = np.ndarray[Any, np.dtype[Any]]
ANSWER: Final = ""
"""The name of what has none: an answer as a whole."""
MOST_PATH: Final = 253  # characters, as the API takes them
MOST_QUOTED: Final = 32  # of a value
_KINDS: Final = {int: "i", float: "f"}  # as numpy calls them; a boolean is no number
_SCORE: Final = "score"
"""The field of every task that says how certain something is."""
_BASE64: Final = "embedding"
"""The field of OpenAI's embeddings, which may be the bytes of float32 as base64."""


def compare(expected: Any, found: Any, tolerances: Tolerances) -> list[Difference]:
    """How the fields that `tolerances` names compare, and all others together."""
    walk = _Walk(tolerances)
    walk.go(_Place(ANSWER), expected, found)
    groups = [group.difference(walk.tolerance(name), name) for name, group in walk.groups.items()]
    return walk.places + [one.difference() for one in walk.texts.values()] + groups


def fields(content: Any) -> set[str]:
    """The names of all fields of an answer, wherever they stand."""
    if type(content) is dict:
        return set(content).union(*(fields(value) for value in content.values()))
    return set().union(*(fields(value) for value in content)) if type(content) is list else set()


class _Place(NamedTuple):
    """Where something stands: the innermost field around it that has a tolerance of its own, and its path."""

    name: str
    path: str = ""

    def field(self, key: str, *, named: bool) -> "_Place":
        """That of a field in it."""
        return _Place(key if named else self.name, f"{self.path}.{key}" if self.path else key)

    def entry(self, at: int) -> "_Place":
        """That of an entry of a list."""
        return _Place(self.name, f"{self.path}[{at}]")


@dataclass
class _Group:
    """What is compared with one tolerance: floats, arrays of them, and what is equal or not."""

    floats: list[tuple[str, float, float]] = field(default_factory=list)  # a path, expected and found
    arrays: list[tuple[str, Array, Array]] = field(default_factory=list)
    others: int = 0
    unequal: int = 0
    unlike: Value | None = None  # the first that is not equal

    def difference(self, tolerance: Tolerance, name: str) -> Difference:
        """How all of it compares."""
        expected = _all([one for _, one, _ in self.floats], [one for _, one, _ in self.arrays])
        found = _all([one for *_, one in self.floats], [one for *_, one in self.arrays])
        distance = difference(expected, found)
        off = distance.off(rtol=tolerance.rtol, atol=tolerance.atol)
        numbers = int(off.sum())
        beyond, size = self.unequal + numbers, self.others + distance.exact.size
        worst = self._worst(np.where(off, distance.absolute, -1)) if numbers and not self.unlike else None
        return Difference(
            output=name,
            fault=f"{beyond} of {size} values differ" if beyond else "",
            largest=distance.largest,
            largest_relative=distance.largest_relative,
            beyond=beyond,
            size=size,
            worst=self.unlike or worst,
        )

    def _worst(self, distance: Array) -> Value:
        """The number that is farthest off; `distance` is that of all of them, one behind the other."""
        at = int(distance.argmax())
        absolute, rest = float(distance[at]), at - len(self.floats)
        if rest < 0:
            path, *pair = self.floats[at]
            return differences.value((), np.array(pair[0]), np.array(pair[1]), absolute, path)
        ends = np.cumsum([one.size for _, one, _ in self.arrays])
        path, expected, found = self.arrays[of := int(np.searchsorted(ends, rest, side="right"))]
        inside = np.unravel_index(rest - int(ends[of] - expected.size), expected.shape)
        return differences.value(inside, expected, found, absolute, path)


@dataclass
class _Texts:
    """The texts of one field, everywhere."""

    name: str
    tolerance: Tolerance
    edits: int = 0
    characters: int = 0  # that are expected
    numbers: bool = False  # whether a field holds numbers alone
    unlike: Value | None = None

    def add(self, path: str, one: Any, other: Any) -> None:
        """Take in what stands in the field at one place."""
        expected, found = Texts.of(one), Texts.of(other)
        changed = edits(expected, found)
        self.edits += changed
        self.characters += sum(map(len, expected.texts))
        self.numbers = self.numbers or bool(expected.others and not expected.texts)
        if changed and self.unlike is None:
            one, other = excerpt("\n".join(expected.texts), "\n".join(found.texts), MOST_QUOTED)
            self.unlike = Value(index=path[-MOST_PATH:], expected=one, actual=other)

    def difference(self) -> Difference:
        """How all of them compare."""
        if self.numbers:
            fault = "it has numbers and no texts: compare it by Values or TopK"
            return Difference(output=self.name, fault=fault)
        beyond = self.edits if self.edits > self.tolerance.rtol * self.characters else 0
        return Difference(
            output=self.name,
            fault=f"{beyond} characters are others, {self.characters} were expected" if beyond else "",
            largest_relative=self.edits / max(1, self.characters),
            beyond=beyond,
            size=max(1, self.characters),
            worst=self.unlike if beyond else None,
        )


class _Walk:
    """Both answers at once, from the outside in."""

    def __init__(self, tolerances: Tolerances) -> None:
        self._tolerances = tolerances
        self.groups: dict[str, _Group] = {}
        self.texts: dict[str, _Texts] = {}
        self.places: list[Difference] = []

    def tolerance(self, name: str) -> Tolerance:
        """That of numbers in a field; one for places says nothing of values."""
        found = self._tolerances.of.get(name)
        return self._tolerances.default if found is None or found.top_k else found

    def go(self, place: _Place, one: Any, other: Any, most: int = 0) -> None:
        """Compare what stands at one place in both.

        Args:
            place: where.
            one: the expected answer's.
            other: the found one's.
            most: how many of the first things, or of the largest numbers, count; 0: all.
        """
        if type(one) is dict and type(other) is dict:
            self._fields(place, one, other, most)
        elif type(one) is list and type(other) is list:
            self._list(place, one, other, most)
        else:
            self._leaf(place, one, other)

    def _fields(self, place: _Place, one: dict[str, Any], other: dict[str, Any], most: int) -> None:
        if not self._equal(place, one.keys() == other.keys()):
            self._note(place, *(", ".join(sorted(fields)) for fields in (one, other)))
        of = self._tolerances.of
        for key, mine in one.items():
            if key not in other:
                continue
            named, theirs = key in of, other[key]
            inner, inner_most = place.field(key, named=named), of[key].top_k if named else most
            if named and of[key].text:
                self.texts.setdefault(key, _Texts(key, of[key])).add(inner.path, mine, theirs)
            elif key == _BASE64 and type(mine) is type(theirs) is str:
                self._floats(inner, mine, theirs)
            else:
                self.go(inner, mine, theirs, inner_most)

    def _list(self, place: _Place, one: list[Any], other: list[Any], most: int) -> None:
        rows, others, name = _rows(one), _rows(other), place.name
        if rows is None or others is None:
            self._entries(place, one, other, most)
        elif most:
            exactly = Tolerances(default=self._tolerances.of[name])
            self.places += differences.compare({name: rows}, {name: others}, exactly)
        elif rows.shape != others.shape:
            self._differ_in_shape(place, rows, others)
        elif self._is_whole(name, rows.dtype.kind, others.dtype.kind):
            self._whole(place, rows, others)
        else:
            self._group(name).arrays.append((place.path, rows, others))

    def _entries(self, place: _Place, one: list[Any], other: list[Any], most: int) -> None:
        """Things, of which with `most` the first count; or rows, each of which is a list of its own."""
        if most and not any(type(entry) is list for entry in one):
            one, other = ([_without_score(entry) for entry in entries[:most]] for entries in (one, other))
            most = 0
        if not self._equal(place, len(one) == len(other)):
            self._note(place, f"{len(one)} long", f"{len(other)} long")
        for at, (a, b) in enumerate(zip(one, other, strict=False)):
            self.go(place.entry(at), a, b, most)

    def _is_whole(self, name: str, *kinds: str) -> bool:
        """Whether these are whole numbers that no tolerance makes others of."""
        of = self._tolerances.of
        return "f" not in kinds and (name not in of or of[name].top_k > 0)

    def _leaf(self, place: _Place, one: Any, other: Any) -> None:
        kinds = [_KINDS.get(type(value), "") for value in (one, other)]
        if "" in kinds or self._is_whole(place.name, *kinds):
            if not self._equal(place, type(one) is type(other) and one == other):
                self._note(place, *_said(one, other))
        else:
            self._group(place.name).floats.append((place.path, float(one), float(other)))

    def _whole(self, place: _Place, rows: Array, others: Array) -> None:
        agree, group = rows == others, self._group(place.name)
        group.others += agree.size
        group.unequal += int(np.count_nonzero(~agree))
        if not agree.all():
            at = np.unravel_index(int(agree.argmin()), agree.shape)
            place = place._replace(path=place.path + differences.index(at))
            self._note(place, str(rows[at]), str(others[at]))

    def _equal(self, place: _Place, agrees: bool) -> bool:
        """Count something that is equal or not; the same."""
        group = self._group(place.name)
        group.others += 1
        group.unequal += not agrees
        return agrees

    def _differ_in_shape(self, place: _Place, rows: Array, others: Array) -> None:
        self._equal(place, False)
        self._note(place, f"of {list(rows.shape)}", f"of {list(others.shape)}")

    def _note(self, place: _Place, one: str, other: str) -> None:
        """Keep the first that is not equal, as an example."""
        group = self._group(place.name)
        if group.unlike is None:
            index, expected, actual = place.path[-MOST_PATH:], one[:MOST_QUOTED], other[:MOST_QUOTED]
            group.unlike = Value(index=index, expected=expected, actual=actual)

    def _floats(self, place: _Place, one: str, other: str) -> None:
        numbers, others = (np.frombuffer(base64.b64decode(text), np.float32) for text in (one, other))
        if numbers.shape == others.shape:
            self._equal(place, True)
            self._group(place.name).arrays.append((place.path, numbers, others))
        else:
            self._differ_in_shape(place, numbers, others)

    def _group(self, name: str) -> _Group:
        return self.groups.setdefault(name, _Group())


def _all(floats: list[float], arrays: list[Array]) -> Array:
    """One behind the other, as float64."""
    flat = [np.array(floats, np.float64), *(one.astype(np.float64).ravel() for one in arrays)]
    return np.concatenate(flat)


def _said(one: Any, other: Any) -> tuple[str, str]:
    """Two values, as short as they are quoted."""
    if type(one) is type(other) is str:
        one, other = excerpt(one, other, MOST_QUOTED)
        return one, other
    return str(one), str(other)


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
