"""Which requests have ended a worker, in memory of all HTTP workers: any of them may get the next one.

Each HTTP worker writes a ring of its own, so no lock is needed; its successor goes on with it. A reader that
comes amid a write takes a digest for one that no request has.
"""

from typing import Final, NamedTuple

MOST: Final = 512  # remembered of each HTTP worker; the oldest are overwritten
_FIELDS: Final = 3


class Blame(NamedTuple):
    """One request that has ended one worker."""

    kind: int  # a digest of 64 bits: of the dtypes and shapes of its tensors
    digest: int  # likewise, of all of it
    at_ns: int  # monotonic: one clock for all processes


def cells(rows: int) -> int:
    """How many cells of 64 bits so many HTTP workers take: their counts first, then their rings."""
    return rows * (1 + _FIELDS * MOST)


class Blames:
    """All rings, as one HTTP worker reads them, and its own."""

    def __init__(self, memory: memoryview, row: int, rows: int, most_rows: int) -> None:
        """Look at the first `rows` of `most_rows` rings; `row` is the own one."""
        self._counts = memory[:rows]
        self._rings = memory[most_rows:]
        self._row = row

    def count(self) -> int:
        """How many there have been so far, remembered or not."""
        return sum(self._counts)

    def add(self, blame: Blame) -> None:
        """Tell every HTTP worker."""
        count = self._counts[self._row]
        at = self._at(self._row, count % MOST)
        for offset, value in enumerate(blame):
            self._rings[at + offset] = value
        self._counts[self._row] = count + 1

    def remembered(self) -> list[Blame]:
        """All that are left, in the order of time."""
        found = []
        for row, count in enumerate(self._counts):
            for number in range(min(count, MOST)):
                at = self._at(row, number)
                found.append(Blame(*self._rings[at : at + _FIELDS]))
        return sorted(found, key=lambda blame: blame.at_ns)

    @staticmethod
    def _at(row: int, number: int) -> int:
        return (row * MOST + number) * _FIELDS
