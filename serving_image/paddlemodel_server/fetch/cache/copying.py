"""Copies a model and digests every byte on the way, so that the check on use costs no second reading."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from paddlemodel_server.fetch.digesting import Digest

_CHUNK = 1 << 20


class DamagedError(Exception):
    """A cached model is not what was put there."""


def digests_in(record: Mapping[str, Any]) -> Mapping[str, str]:
    """The sha256 of each file by its path, of a record that can be trusted as far as that goes."""
    found = record["files"]
    if not isinstance(found, dict) or not found:
        raise DamagedError
    for path in found:
        if path.startswith("/") or {"", ".", ".."} & set(path.split("/")):
            raise DamagedError
    return found


def copy(source: Path, goal: Path, wanted: Mapping[str, str] | None) -> dict[str, str]:
    """Copy files, all of them if none is named; returns the sha256 of each.

    Raises:
        DamagedError: a file has another sha256 than wanted, or cannot be read.
        OSError: the copy cannot be written.
    """
    names = wanted or {
        str(path.relative_to(source)): "" for path in sorted(source.rglob("*")) if path.is_file()
    }
    found = {}
    for name, digest in names.items():
        place = goal / name
        place.parent.mkdir(parents=True, exist_ok=True)
        sha256 = Digest()
        with place.open("xb") as copy:
            for data in _chunks(source / name):
                sha256.add(data)
                copy.write(data)
        found[name] = sha256.hexdigest()
        if digest not in {"", found[name]}:
            raise DamagedError
    return found


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                yield data
    except OSError as error:
        raise DamagedError from error
