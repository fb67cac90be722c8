"""A sha256 that is computed beside the caller's own work: a download waits for neither disk nor digest.

hashlib lets go of Python's lock for large pieces. They are collected, and one thread at a time takes what was
collected; it ends by itself, so that nothing has to be closed when a download is given up.
"""

import functools
import hashlib
import sys

from paddlemodel_server.fetch import parallel

_BATCH = 8 << 20  # bytes; twice as many are in memory at most, besides the last piece


class Digest:
    """The sha256 of what was added."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._collected: list[bytes] = []
        self._size = 0  # bytes of memory that they take
        self._beside: parallel.Job[None] | None = None

    def add(self, data: bytes) -> None:
        """What follows."""
        self._collected.append(data)
        self._size += sys.getsizeof(data)  # a piece of two bytes is an object of 35
        if self._size >= _BATCH:
            self._wait()
            self._beside = parallel.Job(functools.partial(_take, self._sha256, self._collected))
            self._collected, self._size = [], 0

    def hexdigest(self) -> str:
        """Of all of it, as 64 digits."""
        self._wait()
        _take(self._sha256, self._collected)
        self._collected, self._size = [], 0
        return self._sha256.hexdigest()

    def _wait(self) -> None:
        if self._beside is not None:
            self._beside.result()
            self._beside = None


def _take(sha256: "hashlib._Hash", pieces: list[bytes]) -> None:
    for piece in pieces:
        sha256.update(piece)
