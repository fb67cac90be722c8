"""What a kind of place where models lie has to do: say what is there, and read it from any offset on.

All else is common to them, and stands beside this room: attempts, limits, digests, archives, the cache.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

Addressing = Literal["Path", "VirtualHost"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of a source."""

    uri: str
    timeout: float = 30.0  # seconds without a byte
    root: Path | None = None  # where links may lead; None: into the folder that the URI names
    target: Path | None = None  # the folder that will be written, which no source may overlap
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)  # the Secret: content by key
    endpoint: str | None = None  # the address of the service, where it is not the provider's own
    region: str | None = None
    addressing: Addressing | None = None  # whether the bucket's name is in the path or in the host's name


@dataclass(frozen=True, kw_only=True)
class File:
    """One file that lies there."""

    path: str  # in the folder that the URI names; "" where the URI names this one file
    size: int | None = None  # bytes, where the place tells
    sha256: str | None = None  # hexadecimal, where the place promises it: then checked as the bytes come
    validator: str | None = None  # as Part.validator, to begin with
    unpack: bool = False  # whether it is a layer of an image, to be unpacked over the files before


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a URI names at this moment."""

    files: Sequence[File]
    revision: str | None = None  # what the URI resolved to: a commit, a manifest's digest, an ETag
    everything: bool = False  # whether all of it belongs to the model, whatever it is called

    @property
    def is_file(self) -> bool:
        """Whether the URI names one file, not a folder."""
        return [file.path for file in self.files] == [""]


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one attempt asks for."""

    path: str  # as Listing.files names it
    offset: int = 0  # bytes that are there already
    length: int | None = None  # bytes that are wanted, only of a source that is read in parallel; None: all
    validator: str | None = None  # as File or an earlier Reading had it; None: begin anew


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One attempt to read a file."""

    chunks: Iterator[bytes]  # from `offset` on, as the bytes lie there
    offset: int = 0  # the one that was asked for; 0 where the source begins anew
    size: int | None = None  # of the whole file, in bytes; None: unknown
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


class ChangedError(Exception):
    """A file is not the one of the listing any more: all begins anew with another listing."""


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The keys of a Secret that belong together."""

    needed: frozenset[str]
    optional: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Takes:
    """What a kind of place can use of a Request, so that the rest is refused and never ignored."""

    root: bool = False
    endpoint: bool = False
    region: bool = False
    addressing: bool = False
    secrets: tuple[Keys, ...] = ()  # one of them, if there is a Secret


class Source(Protocol):
    """A kind of place, by the scheme of its URIs."""

    takes: Takes
    parallel: (
        bool  # whether parts of a file may be asked for side by side: then it tells sizes and validators
    )

    def listing(self, request: Request, /) -> Listing:
        """The files that the URI names.

        Raises:
            StartError: there is nothing, or it may not be read.
            TryAgainError: another attempt may help.
        """

    def read(self, request: Request, part: Part, /) -> AbstractContextManager[Reading]:
        """Read a file: from the offset on if the validator proves that it is the same, else all of it.

        Raises:
            StartError: no other attempt will help.
            TryAgainError: another may; the chunks may raise it, too.
            ChangedError: the listing is out of date.
        """
