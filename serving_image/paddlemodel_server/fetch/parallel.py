"""Parts of one file, asked for side by side and handed out in order, so that what is written has no holes.

At most PARTS parts of PART_BYTES are in memory, whatever the file's size. The threads are daemons: a fetcher
that is told to end does not wait for a store that has fallen silent.
"""

import functools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

PARTS = 4
PART_BYTES = 8 << 20

T = TypeVar("T")
Chunks = list[bytes]


class Job(Generic[T]):
    """Something that is done in a thread of its own."""

    def __init__(self, job: Callable[[], T]) -> None:
        self._job = job
        self._found: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found.append(self._job())
        except BaseException as error:  # noqa: BLE001 - raised again by who waits for it
            self._error = error

    def result(self) -> T:
        """What the job returned, or raises what it raised, once it is over."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found[0]


def aside(job: Callable[[], T]) -> T:
    """The result of a job that hears no signal while it waits, as those of native libraries."""
    return Job(job).result()


def in_order(ask: Callable[[int, int], Chunks], begin: int, size: int) -> Iterator[bytes]:
    """The bytes of a file from `begin` to `size`.

    Args:
        ask: brings a part, by its first byte and its length; called in threads.
        begin: the first byte that is wanted.
        size: of the whole file, in bytes.

    Raises:
        Exception: whatever `ask` raises, of the first part in order that failed.
    """
    on_the_way: deque[Job[Chunks]] = deque()
    at = begin
    while at < size or on_the_way:
        while at < size and len(on_the_way) < PARTS:
            length = min(PART_BYTES, size - at)
            on_the_way.append(Job(functools.partial(ask, at, length)))
            at += length
        yield from on_the_way.popleft().result()
