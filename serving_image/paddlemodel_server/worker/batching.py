"""Which waiting requests run together: pure decisions, without a clock or a socket.

`take` is for a worker that is free. A run may have any of the sizes that were warmed up, and each size's time
is known, so the choice is arithmetic: the size that answers most rows per second.
"""

from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from paddlemodel_server.engine.run_sizes import best_size

T = TypeVar("T")


class Job(NamedTuple, Generic[T]):
    """Waiting requests that came together and are alike: one object for all of them."""

    source: T  # where they came from; the worker's own business
    slots: Sequence[int]  # one per request
    kind: Hashable
    rows: int  # of each of them
    arrived: float  # monotonic seconds
    sequence: int


class Waiting(Generic[T]):
    """The waiting requests, grouped by what may run together, oldest first."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, deque[Job[T]]] = {}
        self._sequence = 0
        self.count = 0

    def add(self, source: T, slots: Sequence[int], kind: Hashable, rows: int, now: float) -> None:
        """Append requests of `rows` rows each."""
        self._sequence += 1
        group = self._groups.get(kind)
        if group is None:
            group = self._groups[kind] = deque()
        group.append(Job(source, slots, kind, rows, now, self._sequence))
        self.count += len(slots)

    def oldest(self) -> deque[Job[T]]:
        """The group whose first request has waited longest."""
        if len(self._groups) == 1:
            return next(iter(self._groups.values()))
        return min(self._groups.values(), key=lambda group: group[0].sequence)

    def take(self, sizes: Mapping[int, float]) -> list[Job[T]]:
        """Remove and return the requests of the next run; each stays whole, and there is at least one.

        Args:
            sizes: seconds of a run, by rows; empty where requests cannot share a run.
        """
        group = self.oldest()
        kind, room = group[0].kind, group[0].rows
        if sizes:
            room = max(room, best_size(sum(job.rows * len(job.slots) for job in group), sizes))
        taken: list[Job[T]] = []
        while group and (fits := _fitting(group[0], room)):
            job = group.popleft()
            if fits < len(job.slots):
                group.appendleft(job._replace(slots=job.slots[fits:]))
                job = job._replace(slots=job.slots[:fits])
            taken.append(job)
            room -= job.rows * fits
            self.count -= fits
            if not sizes or not job.rows:
                break
        if not group:
            del self._groups[kind]
        return taken

    def drop(self, gone: Callable[[T], bool]) -> None:
        """Forget requests whose HTTP worker is gone."""
        for kind, group in list(self._groups.items()):
            kept = deque(job for job in group if not gone(job.source))
            self.count -= sum(len(job.slots) for job in group) - sum(len(job.slots) for job in kept)
            if kept:
                self._groups[kind] = kept
            else:
                del self._groups[kind]

    def wake_at(self, rows: int, max_delay: float) -> float:
        """When the next run should start: at once if full, else when its oldest waited long enough."""
        group = self.oldest()
        full = sum(job.rows * len(job.slots) for job in group) >= rows
        return 0.0 if full else group[0].arrived + max_delay


def _fitting(job: Job[T], room: int) -> int:
    """How many of a job's requests fit; without a known number of rows they run one by one."""
    return min(len(job.slots), room // job.rows) if job.rows else 1
