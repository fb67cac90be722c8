"""What the HTTP workers found in the mounted Secrets, in shared memory: any of them answers /metrics for all.

The supervisor makes the page where the server asks for keys. Each HTTP worker writes what it found; they find
the same within seconds, so the last one that wrote is right.
"""

import mmap
from typing import Final

from paddlemodel_server.ipc import pages

_CELLS: Final = 6


def create() -> int:
    """Make the page; the descriptor is inherited by every child."""
    return pages.create("access", _CELLS * 8)


class AccessPage:
    """The page: some numbers, each written as a whole."""

    def __init__(self, fd: int) -> None:
        self._cells = memoryview(mmap.mmap(fd, _CELLS * 8)).cast("q")

    @property
    def keys(self) -> int:
        """How many keys are valid."""
        return self._cells[0]

    @property
    def keys_outdated(self) -> bool:
        """Whether the Secret has changed to something unusable, so that the keys before it stay valid."""
        return bool(self._cells[1])

    @property
    def certificate_outdated(self) -> bool:
        """Whether the Secret has changed to an unusable pair, so that the one before it stays in use."""
        return bool(self._cells[2])

    @property
    def token_keys(self) -> int:
        """How many keys of the issuer there are."""
        return self._cells[3]

    @property
    def token_keys_outdated(self) -> bool:
        """Whether newer ones cannot be fetched or used, so that those before them stay valid."""
        return bool(self._cells[4])

    def write_token_keys(self, count: int, *, outdated: bool) -> None:
        """Tell what was found."""
        self._cells[3], self._cells[4] = count, outdated

    @property
    def shared_limits_down(self) -> bool:
        """Whether the store of shared limits does not answer, so that this pod counts for itself."""
        return bool(self._cells[5])

    def write_shared_limits(self, *, down: bool) -> None:
        """Tell what was found."""
        self._cells[5] = down

    def write_certificate(self, *, outdated: bool) -> None:
        """Tell what was found."""
        self._cells[2] = outdated

    def write_keys(self, count: int, *, outdated: bool) -> None:
        """Tell what was found."""
        self._cells[0], self._cells[1] = count, outdated
