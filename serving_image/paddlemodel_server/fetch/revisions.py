"""What a URI resolved to, in one short word: the same after a fetch and for a look at what changed."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources.source import File, Listing
from paddlemodel_server.fetch.transfer import Courier
from paddlemodel_server.model.files import printable


def of(listing: Listing) -> str | None:
    """The revision of a listing.

    Where the place has none: of a single file its ETag or time of change, of a folder a fingerprint of those
    of all its files. None: the place does not tell them.
    """
    if listing.revision is not None:
        return printable(listing.revision.strip('"'))
    marks = [(file.path, file.sha256 or file.validator) for file in listing.files]
    if not all(mark for _, mark in marks):
        return None
    if listing.is_file:
        return printable(str(marks[0][1]).strip('"'))
    return "files-" + hashlib.sha256(repr(sorted(marks)).encode()).hexdigest()[:32]


def seen(listing: Listing, validators: Mapping[str, str | None]) -> Listing:
    """The listing, with what the place has told of files when they were read."""

    def known(file: File) -> File:
        return file if file.sha256 or file.validator else replace(file, validator=validators.get(file.path))

    return replace(listing, files=[known(file) for file in listing.files])


def asked(courier: Courier, listing: Listing) -> Listing:
    """The listing, with what the place tells of a file when it is opened, where that is not in it.

    Raises:
        StartError: a file may not be read; `Unreachable`.
    """
    if listing.revision is not None:
        return listing
    silent = [file for file in listing.files if not (file.sha256 or file.validator)]
    return seen(listing, {file.path: courier.validator(file) for file in silent})


def checked(courier: Courier, listing: Listing) -> str:
    """The revision, without a download.

    Raises:
        StartError: `NoRevision`, and as asked().
    """
    found = of(asked(courier, listing))
    if found is None:
        raise StartError(
            "NoRevision",
            "The server tells neither an ETag nor a time of change, so new content cannot be noticed; let it "
            "send one of them.",
        )
    return found
