"""What Hugging Face and ModelScope have in common: repositories whose revisions list files with digests."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, unquote, urlsplit

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources import http_client
from paddlemodel_server.fetch.sources.source import File, Part, Reading
from paddlemodel_server.model.files import printable

T = TypeVar("T")

MOST_ENTRIES = 20_000  # before it is given up, folders counted
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_FORM = re.compile(rf"[a-z]+://(?P<id>{_NAME}/{_NAME})(?:@(?P<revision>[^/?#]+))?(?:/(?P<path>[^?#]*))?")
_PROGRAM = (".json", ".pdmodel")
_ARCHIVE = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".zip")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Place:
    """What a URI names."""

    repository: str  # OWNER/NAME
    revision: str | None  # a branch, tag or commit; None: the newest of the main branch
    path: str  # in the repository, without slashes at its ends; "": all of it

    def full(self, path: str) -> str:
        """The path in the repository of a file of the listing."""
        if not path:
            return self.path
        folder = self.path.rpartition("/")[0] if self.path.endswith(_PROGRAM) else self.path
        return f"{folder}/{path}" if folder else path


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a repository's list."""

    path: str  # in the repository
    size: int = 0  # bytes
    sha256: str | None = None  # hexadecimal
    is_folder: bool = False

    def __post_init__(self) -> None:
        """Check what came over the network.

        Raises:
            ValueError: it cannot be so.
        """
        if not self.path or not isinstance(self.path, str) or not isinstance(self.size, int) or self.size < 0:
            raise ValueError(self.path)
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise ValueError(self.sha256)


def pinned(files: Sequence[File], revision: str) -> Sequence[File]:
    """The files with a validator that begins with the revision from which they are to be read."""
    return [replace(file, validator=quote(revision, safe="")) for file in files]


def unpinned(part: Part) -> tuple[str, Part]:
    """The revision, and the part with the validator that the server gave, if it did already."""
    revision, _, given = (part.validator or "").partition(" ")
    return unquote(revision), replace(part, validator=given or None)


def repinned(reading: Reading, revision: str) -> Reading:
    """The reading with a validator that tells the revision, too."""
    given = reading.validator
    return replace(reading, validator=f"{quote(revision, safe='')} {given}" if given else None)


class Look(Protocol):
    """Lists a folder of one revision; "" is the repository itself. It may be told more than asked for."""

    def __call__(self, folder: str, *, deep: bool) -> Sequence[Entry]:
        """The entries, by `deep` those of the folders in it, too; nothing where there is no such folder."""


def place(uri: str) -> Place:
    """Read a URI.

    Raises:
        StartError: `InvalidUri`.
    """
    found = _FORM.fullmatch(uri)
    path = unquote((found and found["path"]) or "").strip("/")
    if not found or any(part in {"", ".", ".."} for part in path.split("/") if path):
        scheme = uri.partition(":")[0]
        raise StartError(
            "InvalidUri",
            f"The URI must be {scheme}://OWNER/NAME@REVISION/PATH, perhaps without @REVISION and /PATH; "
            "percent-encode what is special in them, such as a slash in a revision as %2F.",
        )
    return Place(repository=found["id"], revision=unquote(found["revision"] or "") or None, path=path)


def chosen(place: Place, look: Look) -> Sequence[File]:
    """What a URI names: a folder's files, one archive, or a program with its parameters.

    Args:
        place: the URI.
        look: lists the revision.

    Raises:
        StartError: `NotFound`.
    """
    folder, _, _ = place.path.rpartition("/")
    if place.path.endswith(_ARCHIVE + _PROGRAM):
        beside = {entry.path: entry for entry in look(folder, deep=False) if not entry.is_folder}
        if place.path not in beside:
            raise _absent(place)
        if place.path.endswith(_ARCHIVE):
            return [_file(beside[place.path], "")]
        stem = place.path.rpartition(".")[0]
        wanted = [
            path for path in (place.path, f"{stem}.pdiparams", f"{stem}.pdiparams.info") if path in beside
        ]
        return [_file(beside[path], path.rpartition("/")[2]) for path in wanted]
    start = f"{place.path}/" if place.path else ""
    found = [e for e in look(place.path, deep=True) if not e.is_folder and e.path.startswith(start)]
    if not found:
        raise _absent(place)
    return [_file(entry, entry.path.removeprefix(start)) for entry in found]


def too_many() -> StartError:
    """Refuse a list that does not end."""
    return StartError(
        "TooManyFiles",
        f"There are more than {MOST_ENTRIES} files and folders; name the model's folder in the URI.",
    )


def _absent(place: Place) -> StartError:
    at = f" at revision {printable(place.revision)}" if place.revision else ""
    if place.path:
        return StartError(
            "NotFound", f"{place.repository} has no {printable(place.path)}{at}; correct the path in the URI."
        )
    return StartError("NotFound", f"{place.repository} holds no files{at}; correct the URI.")


def _file(entry: Entry, path: str) -> File:
    return File(path=path, size=entry.size, sha256=entry.sha256)


def page(call: http_client.Call, check: Callable[[http_client.Answer], None], read: Callable[[Any], T]) -> T:
    """What a page of JSON says.

    Args:
        call: asks for it.
        check: refuses an answer by its status and headers.
        read: takes the page apart; may raise what a page of another shape makes it raise.

    Raises:
        StartError: as http_client.body() and `check`; `UnexpectedAnswer`.
        TryAgainError: as http_client.body().
    """
    answer, content = http_client.body(call)
    check(answer)
    try:
        return read(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StartError(
            "UnexpectedAnswer",
            f"{urlsplit(call.uri).hostname} sent a list that cannot be read; check that this is the address "
            "of a hub of this kind.",
        ) from error
