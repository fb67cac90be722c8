"""A folder or an archive on a volume, or in the image: `file:///PATH`, and what the operator makes of `pvc://`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.sources.place import params_of
from paddlemodel_server.fetch.sources.source import File, Listing, Part, Reading, Request, Takes
from paddlemodel_server.model import files

_CHUNK = 1 << 20


class Local:
    """What is mounted or lies on this machine's disk."""

    takes = Takes(root=True)
    parallel = False

    def listing(self, request: Request) -> Listing:
        """As Source.listing(); links are followed as long as they stay in the folder, or in `request.root`.

        Raises:
            StartError: `NotFound`, `UnsupportedScheme`, `TargetInTheWay`, and all of model.files.find().
        """
        place = _place(request.uri)
        if request.target is not None:
            _keep_apart(place.resolve(), request.target.resolve())
        if place.is_dir():
            files.find(place)  # before anything is copied
            return Listing(
                everything=True,
                files=[
                    _file(str(path.relative_to(place)), path) for path in files.listed(place, request.root)
                ],
            )
        if place.is_file() and params_of(place.name):
            params = Path(params_of(str(place)) or "")
            beside = [place, params] if params.is_file() else [place]
            return Listing(everything=True, files=[_file(path.name, path) for path in beside])
        if place.is_file():
            return Listing(files=[_file("", place)])
        raise StartError("NotFound", "There is no such file or folder; correct the path in the URI.")

    @contextmanager
    def read(self, request: Request, part: Part) -> Iterator[Reading]:
        """As Source.read(); always from the beginning: what is mounted does not break off."""
        place = _place(request.uri)
        if part.path:
            place = (place.parent if place.is_file() else place) / part.path
        with place.open("rb") as file:
            yield Reading(chunks=_chunks(file), size=os.fstat(file.fileno()).st_size)


def _file(name: str, path: Path) -> File:
    seen = path.stat()
    return File(path=name, size=seen.st_size, validator=f"{seen.st_mtime_ns:x}-{seen.st_size:x}")


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while data := file.read(_CHUNK):
        yield data


def _place(uri: str) -> Path:
    parts = urlsplit(uri)
    if parts.netloc not in {"", "localhost"}:
        raise StartError(
            "UnsupportedScheme",
            f"file://{files.printable(parts.netloc)} is another host; write file:///PATH.",
        )
    return Path(unquote(parts.path))


def _keep_apart(source: Path, target: Path) -> None:
    """Nothing may be written over what is read, or around it."""
    if target.is_relative_to(source) or source.is_relative_to(target):
        raise StartError(
            "TargetInTheWay",
            f"{files.printable(str(target))} and the source lie in one another; name another folder.",
        )
