"""Unpacks a model's archive without trusting a byte of it.

The kind is read from the content, never from the name. Only plain files and folders come out, with our own
permissions, and both the number of members and the bytes they expand to are bounded while they are read.
"""

import bz2
import gzip
import io
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol, Self

from paddlemodel_server.errors import StartError
from paddlemodel_server.fetch.unpacking import member_names
from paddlemodel_server.model.files import LFS_POINTER, printable

Kind = Literal["tar", "tar.gz", "tar.bz2", "zip"]

_CHUNK = 1 << 20
_UTF8_FLAG = 0x800  # of a zip member: its name is UTF-8
_HEADER_LIMIT = 1 << 20  # bytes of one extended tar header, which tarfile holds in memory
_REPACK = "pack it again as .tar, .tar.gz, .tar.bz2 or .zip"
_OTHER_KINDS = {
    b"\x28\xb5\x2f\xfd": "a zstd",
    b"\xfd7zXZ\x00": "an xz",
    b"7z\xbc\xaf\x27\x1c": "a 7z",
    b"Rar!": "a rar",
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What an archive may cost before it is given up."""

    max_bytes: int = 20 << 30
    max_members: int = 10_000
    max_ratio: int = 100
    ratio_from: int = 64 << 20  # small archives of zeros are no danger


class _Budget:
    """Counts expanded bytes and stops at the limits."""

    def __init__(self, limits: Limits, packed: int) -> None:
        self._limits = limits
        self._packed = packed
        self._spent = 0

    def spend(self, count: int) -> None:
        self._spent += count
        if self._spent > self._limits.max_bytes:
            raise StartError(
                "TooLarge",
                f"The archive unpacks to more than {self._limits.max_bytes} bytes; pack only the model.",
            )
        if self._spent > max(self._limits.ratio_from, self._limits.max_ratio * self._packed):
            raise _unsafe(f"expands to more than {self._limits.max_ratio} times its size")


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Metered(io.RawIOBase):
    """A reader whose every byte is charged to the budget."""

    def __init__(self, source: _Readable, budget: _Budget) -> None:
        self._source = source
        self._budget = budget

    def read(self, size: int = -1, /) -> bytes:
        data = self._source.read(size)
        self._budget.spend(len(data))
        return data


@dataclass(frozen=True, kw_only=True)
class _Entry:
    name: bytes  # as it stands in the archive
    content: _Readable
    utf8: bool = False  # whether the archive says so of the name
    is_folder: bool = False  # whether the archive says so; a name that ends as a folder's says it, too


class _Header(tarfile.TarInfo):
    """A tar header whose extensions (long names, pax records) cannot fill the memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        extensions = {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE}
        extensions |= {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}
        if header.type in extensions and header.size > _HEADER_LIMIT:
            raise _unsafe("has a member with an endless name")
        return header


def unpack(archive: Path, into: Path, limits: Limits | None = None) -> None:
    """Unpack `archive` into the new folder `into`, or raise and leave `into` half full."""
    limits = limits or Limits()
    kind = kind_of(archive)
    budget = _Budget(limits, archive.stat().st_size)
    into.mkdir()
    with _faults_named(kind):
        entries = _zip_entries(archive, budget) if kind == "zip" else _tar_entries(archive, kind, budget)
        for number, entry in enumerate(entries):
            if number >= limits.max_members:
                raise _unsafe(f"has more than {limits.max_members} members")
            _write(entry, into)


def kind_of(archive: Path) -> Kind:
    """Tell what an archive is by its content."""
    with archive.open("rb") as file:
        head = file.read(tarfile.BLOCKSIZE)
    if head[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
        return "zip"
    if head[:2] == b"\x1f\x8b":
        return "tar.gz"
    if head[:3] == b"BZh":
        return "tar.bz2"
    if len(head) == tarfile.BLOCKSIZE and _is_tar_header(head):
        return "tar"
    raise StartError("NotAnArchive", f"The model's archive {_looks_like(head)}.")


def _is_tar_header(head: bytes) -> bool:
    if not any(head):
        return True  # the end mark alone: a tar without members
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _looks_like(head: bytes) -> str:
    if not head:
        return "is empty; upload it again"
    if head.lstrip()[:1] == b"<":
        return (
            "is a web page or XML document, not an archive; open the URI in a browser to see what it answers"
        )
    if head.startswith(LFS_POINTER):
        return "is only a Git LFS pointer; use the URI of the file itself"
    for magic, kind in _OTHER_KINDS.items():
        if head.startswith(magic):
            return f"is {kind} archive, which is not supported; {_REPACK}"
    return f"is none that is known; {_REPACK}"


def _tar_entries(archive: Path, kind: Kind, budget: _Budget) -> Iterator[_Entry]:
    with _expanded(archive, kind) as expanded:
        metered = _Metered(expanded, budget)
        with tarfile.open(fileobj=metered, mode="r|", tarinfo=_Header) as tar:
            for member in tar:
                yield _tar_entry(tar, member)
        while metered.read(_CHUNK):
            pass  # to the end: only there gzip compares its checksum


def _expanded(archive: Path, kind: Kind) -> gzip.GzipFile | bz2.BZ2File | BinaryIO:
    if kind == "tar.gz":
        return gzip.GzipFile(archive)
    if kind == "tar.bz2":
        return bz2.BZ2File(archive)
    return archive.open("rb")


def _tar_entry(tar: tarfile.TarFile, member: tarfile.TarInfo) -> _Entry:
    if member.issparse() or not (member.isfile() or member.isdir()):
        raise _unsafe(f"holds {printable(member.name)}, which is neither a plain file nor a folder")
    content = tar.extractfile(member) or io.BytesIO()
    return _Entry(name=os.fsencode(member.name), is_folder=member.isdir(), content=content)


def _zip_entries(archive: Path, budget: _Budget) -> Iterator[_Entry]:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            if stat.S_IFMT(member.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise _unsafe(
                    f"holds {printable(member.filename)}, which is neither a plain file nor a folder"
                )
            if member.flag_bits & 1:
                raise StartError(
                    "EncryptedArchive", f"The archive is encrypted; {_REPACK}, without a password."
                )
            with packed.open(member) as content:
                # zipfile cuts a name at its first zero byte; judge the one that stands in the archive
                utf8 = bool(member.flag_bits & _UTF8_FLAG)
                name = member.orig_filename.encode("utf-8" if utf8 else "cp437")
                yield _Entry(name=name, utf8=utf8, content=_Metered(content, budget))


def _write(entry: _Entry, into: Path) -> None:
    name = printable(os.fsdecode(entry.name))
    try:
        place = member_names.place(entry.name, utf8=entry.utf8)
    except ValueError as error:
        raise _unsafe(f"has the path {name}, {error}") from error
    target = into.joinpath(*place.parts)
    try:
        if entry.is_folder or place.is_folder:
            target.mkdir(parents=True, exist_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            while data := entry.content.read(_CHUNK):
                file.write(data)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _unsafe(f"holds {name} twice") from error


@contextmanager
def _faults_named(kind: Kind) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno is not None:  # the disk's fault, not the archive's
            raise
        raise _damaged(kind, error) from error
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,
        NotImplementedError,
    ) as error:
        raise _damaged(kind, error) from error


def _damaged(kind: Kind, error: Exception) -> StartError:
    return StartError(
        "DamagedArchive",
        f"The {kind} archive cannot be read ({printable(str(error))}); pack and upload it again.",
    )


def _unsafe(what: str) -> StartError:
    return StartError("UnsafeArchive", f"The archive {what}; pack the model's plain files into a new one.")
