"""What a kind of place where models lie has to do: say what is there, and read it from any offset on.

All else is common to them, and stands in `transfer` and `command`: attempts, limits, digests, archives.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of a source."""

    uri: str
    timeout: float = 30.0  # seconds without a byte
    root: Path | None = None  # where links may lead; None: into the folder that the URI names
    target: Path | None = None  # the folder that will be written, which no source may overlap


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one attempt asks for."""

    path: str  # as Source.files() names it
    offset: int = 0  # bytes that are there already
    validator: str | None = None  # as an earlier Reading had it; None: begin anew


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One attempt to read a file."""

    chunks: Iterator[bytes]  # from `offset` on, as the bytes lie there
    offset: int = 0  # the one that was asked for; 0 where the source begins anew
    size: int | None = None  # of the whole file, in bytes; None: not told
    validator: str | None = None  # proves to the source that a later attempt wants the same file; None: none
    encoding: str = ""  # how the bytes were packed on the way, although nobody asked for that


class TryAgainError(Exception):
    """Something that another attempt may heal."""

    def __init__(self, what: str, pause: float = 0.0, *, restart: bool = False) -> None:
        """Say what happened.

        Args:
            what: half a sentence, without secrets.
            pause: seconds that the source asks to wait.
            restart: whether what was read before is of no use any more.
        """
        super().__init__(what)
        self.pause = pause
        self.restart = restart


class Source(Protocol):
    """A kind of place, by the scheme of its URIs."""

    def files(self, request: Request, /) -> Sequence[str]:
        """The files of the folder that the URI names, by their paths in it; of a single file an empty path.

        Raises:
            StartError: there is nothing, or it may not be read.
        """

    def read(self, request: Request, part: Part, /) -> AbstractContextManager[Reading]:
        """Read a file: from the offset on if the validator proves that it is the same, else all of it.

        Raises:
            StartError: no other attempt will help.
            TryAgainError: another may; the chunks may raise it, too.
        """
