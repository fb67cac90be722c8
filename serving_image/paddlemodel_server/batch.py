"""Which waiting requests run together: pure decisions, without a clock or a socket.

The owner calls `take` whenever it is free. A run may have any of the sizes that were warmed up, and each
size's time is known, so the choice is arithmetic: the size that answers most rows per second.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
GAIN = 1.05  # a larger run must be this much better: timings are noisy, and a smaller run answers sooner


class Job(NamedTuple, Generic[T]):
    """One waiting request; `ticket` is the owner's own business."""

    ticket: T
    kind: Hashable
    rows: int
    arrived: float
    sequence: int


class Waiting(Generic[T]):
    """The waiting requests, grouped by what may run together, oldest first."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, deque[Job[T]]] = {}
        self._sequence = 0
        self.count = 0

    def add(self, ticket: T, kind: Hashable, rows: int, now: float) -> None:
        """Append a request."""
        self._sequence += 1
        group = self._groups.get(kind)
        if group is None:
            group = self._groups[kind] = deque()
        group.append(Job(ticket, kind, rows, now, self._sequence))
        self.count += 1

    def oldest(self) -> deque[Job[T]]:
        """The group whose first request has waited longest."""
        if len(self._groups) == 1:
            return next(iter(self._groups.values()))
        return min(self._groups.values(), key=lambda group: group[0].sequence)

    def take(self, sizes: Mapping[int, float]) -> list[Job[T]]:
        """Remove and return the requests of the next run.

        Args:
            sizes: seconds of a run, by rows; empty where requests cannot share a run.
        """
        group = self.oldest()
        jobs = [group.popleft()]
        if sizes:
            limit = best_size(sum(job.rows for job in group) + jobs[0].rows, sizes)
            rows = jobs[0].rows
            while group and rows + group[0].rows <= limit:
                rows += group[0].rows
                jobs.append(group.popleft())
        if not group:
            del self._groups[jobs[0].kind]
        self.count -= len(jobs)
        return jobs

    def drop(self, gone: Callable[[T], bool]) -> None:
        """Forget requests whose front is gone."""
        for kind, group in list(self._groups.items()):
            kept = deque(job for job in group if not gone(job.ticket))
            self.count -= len(group) - len(kept)
            if kept:
                self._groups[kind] = kept
            else:
                del self._groups[kind]

    def wake_at(self, rows: int, max_delay: float) -> float:
        """When the next run should start: at once if full, else when its oldest waited long enough."""
        group = self.oldest()
        full = sum(job.rows for job in group) >= rows
        return 0.0 if full else group[0].arrived + max_delay


def best_size(rows: int, sizes: Mapping[int, float]) -> int:
    """The warmed size that answers most rows per second when `rows` rows wait; small sizes win ties."""
    best, best_rate = min(sizes), 0.0
    for size in sorted(sizes):
        rate = min(rows, size) / max(sizes[size], 1e-9)
        if rate > best_rate * GAIN:
            best, best_rate = size, rate
    return best


def padded_size(rows: int, sizes: Iterable[int]) -> int:
    """The smallest warmed size that holds the rows; the rows themselves where none does."""
    return min((size for size in sizes if size >= rows), default=rows)


def warm_sizes(cap: int) -> list[int]:
    """The sizes worth warming up: powers of two and the cap itself."""
    return sorted({cap, *(1 << power for power in range(cap.bit_length()) if 1 << power <= cap)})
