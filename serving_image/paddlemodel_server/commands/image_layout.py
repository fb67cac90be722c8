"""Writes files as an image that registries and containerd take, byte for byte the same each time.

The formats are those of the Open Container Initiative: image-spec 1.1, its image layout in one tar. Times,
owners and modes are fixed. The layers are gzip files, because skopeo and Docker compress all others and so
change the digest, but of stored blocks (RFC 1951, 3.2.4): parameters do not shrink, and the next version of a
compressor would write other bytes.
"""

import hashlib
import io
import json
import os
import struct
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_EPOCH = "1970-01-01T00:00:00Z"
_BIG = 16 << 20  # bytes; a file from here on is a layer of its own, which stays when others change
_MOST_LAYERS = 100  # containerd's overlay takes 127
_CHUNK = 1 << 20
_STORED = 65_535  # bytes of the longest stored block

Files = Mapping[str, Path]
"""Where each file lies, by its path in the image: relative, with slashes."""


class ChangedError(Exception):
    """A file is not what it was when the packing began; the message is its path in the image."""


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """What names a blob: its media type, its digest (`sha256:…`) and its size in bytes."""

    media_type: str
    digest: str
    size: int

    def as_json(self) -> dict[str, Any]:
        """As manifests write it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True, kw_only=True)
class Written:
    """What an image became."""

    manifest: Descriptor
    layers: tuple[Descriptor, ...]
    digests: Mapping[str, str]  # sha256 (hexadecimal) of each file, by its path in the image


def layers_of(sizes: Mapping[str, int]) -> list[list[str]]:
    """Share files out among layers: each big one alone, the others together, at most 100 layers.

    Args:
        sizes: in bytes, by path.
    """
    names = sorted(sizes)
    biggest = sorted((name for name in names if sizes[name] >= _BIG), key=lambda name: -sizes[name])
    alone = sorted(biggest[: _MOST_LAYERS - 1])
    others = [name for name in names if name not in set(alone)]
    return ([others] if others else []) + [[name] for name in alone]


def write(goal: BinaryIO, files: Files, name: str | None = None) -> Written:
    """Write the image of these files as a layout in one tar.

    Args:
        goal: a new file, which can be sought.
        files: what shall be in the image.
        name: what programs that import it call the image, as REGISTRY/REPOSITORY:TAG.

    Raises:
        ChangedError: somebody wrote a file meanwhile.
        OSError: a file cannot be read.
    """
    layout = _Layout(goal)
    layout.add_bytes("oci-layout", _as_json({"imageLayoutVersion": "1.0.0"}))
    digests: dict[str, str] = {}
    made = [_layer(layout, files, names, digests) for names in layers_of(_sizes(files))]
    # Nothing in it runs; containerd only mounts what says that it is for its own platform.
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": _EPOCH,
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [unpacked for _, unpacked in made]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.add_document(_CONFIG, config).as_json(),
        "layers": [layer.as_json() for layer, _ in made],
    }
    found = layout.add_document(MANIFEST, manifest)
    named = {"annotations": _names(name)} if name else {}
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [found.as_json() | named]}
    layout.add_bytes("index.json", _as_json(index))
    layout.end()
    return Written(manifest=found, layers=tuple(layer for layer, _ in made), digests=digests)


def is_one(path: Path) -> bool:
    """Whether a file is a layout in one tar, as `write` makes it."""
    with path.open("rb") as file:
        head = file.read(tarfile.BLOCKSIZE)
    return head.startswith(b"oci-layout\0")


def _sizes(files: Files) -> dict[str, int]:
    return {name: path.stat().st_size for name, path in files.items()}


def _names(name: str) -> dict[str, str]:
    """As containerd and skopeo look for them; Docker's own builder writes both."""
    tag = name.rpartition("/")[2].partition("@")[0].partition(":")[2]
    known = {"io.containerd.image.name": name}
    return known | ({"org.opencontainers.image.ref.name": tag} if tag else {})


def _as_json(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _layer(
    layout: "_Layout", files: Files, names: Sequence[str], digests: dict[str, str]
) -> tuple[Descriptor, str]:
    """Add these files as a layer, and their sha256 to `digests`; the layer, and the digest of its tar."""
    with layout.blob() as blob:
        stored = _Stored(blob)
        unpacked = _Digested(stored)
        # Buffers only make it faster; tarfile pads to the same length always.
        with tarfile.open(fileobj=unpacked, mode="w|", bufsize=_CHUNK, format=tarfile.PAX_FORMAT) as tar:
            for folder in sorted({str(up) for name in names for up in PurePosixPath(name).parents} - {"."}):
                tar.addfile(_header(folder, tarfile.DIRTYPE, 0o755))
            for name in names:
                with files[name].open("rb") as file:
                    digests[name] = _add(tar, name, file)
        stored.end()
    return Descriptor(media_type=_LAYER, digest=blob.digest, size=blob.size), unpacked.digest


def _add(tar: tarfile.TarFile, name: str, file: BinaryIO) -> str:
    before = os.fstat(file.fileno())
    header = _header(name, tarfile.REGTYPE, 0o644)
    header.size = before.st_size
    read = _Read(file)
    try:
        tar.addfile(header, read)
    except OSError as error:
        if error.errno is not None:  # the disk's fault; else the file is shorter now
            raise
        raise ChangedError(name) from error
    after = os.fstat(file.fileno())
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise ChangedError(name)
    return read.sha256.hexdigest()


class _Read(io.RawIOBase):
    """Digests what is read from a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self.sha256.update(data)
        return data


def _header(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.type, header.mode = kind, mode
    return header


class _Goal(Protocol):
    def write(self, data: bytes, /) -> int: ...


class _Digested(io.RawIOBase):
    """Passes on what is written, counted and digested."""

    def __init__(self, goal: _Goal) -> None:
        self._goal = goal
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: "ReadableBuffer", /) -> int:
        content = bytes(data)
        self._sha256.update(content)
        self.size += len(content)
        return self._goal.write(content)

    @property
    def digest(self) -> str:
        return f"sha256:{self._sha256.hexdigest()}"


class _Stored:
    """A gzip file (RFC 1952) of stored blocks, each as long as it may be."""

    def __init__(self, goal: _Goal) -> None:
        self._goal = goal
        self._left = b""
        self._crc = 0
        self._size = 0
        goal.write(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")

    def write(self, data: bytes, /) -> int:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        content = self._left + data
        whole = len(content) - len(content) % _STORED
        for begin in range(0, whole, _STORED):
            self._block(content[begin : begin + _STORED], last=False)
        self._left = content[whole:]
        return len(data)

    def end(self) -> None:
        self._block(self._left, last=True)
        self._goal.write(struct.pack("<II", self._crc, self._size & 0xFFFFFFFF))

    def _block(self, content: bytes, *, last: bool) -> None:
        self._goal.write(struct.pack("<BHH", last, len(content), len(content) ^ 0xFFFF) + content)


class _Layout:
    """A tar whose members are named by what they turn out to hold."""

    def __init__(self, goal: BinaryIO) -> None:
        self._goal = goal

    def add_document(self, media_type: str, content: object) -> Descriptor:
        with self.blob() as blob:
            blob.write(_as_json(content))
        return Descriptor(media_type=media_type, digest=blob.digest, size=blob.size)

    def add_bytes(self, name: str, content: bytes) -> None:
        self._goal.write(self._head(name, len(content)) + content)
        self._pad(len(content))

    @contextmanager
    def blob(self) -> Iterator[_Digested]:
        """Written once: the head, which has the digest, is filled in afterwards."""
        begin = self._goal.tell()
        self._goal.write(bytes(tarfile.BLOCKSIZE))
        blob = _Digested(self._goal)
        yield blob
        name = f"blobs/{blob.digest.replace(':', '/')}"
        self._pad(blob.size)
        self._goal.seek(begin)
        self._goal.write(self._head(name, blob.size))
        self._goal.seek(0, 2)

    def end(self) -> None:
        self._goal.write(bytes(2 * tarfile.BLOCKSIZE))

    def _head(self, name: str, size: int) -> bytes:
        header = _header(name, tarfile.REGTYPE, 0o644)
        header.size = size
        # In GNU's format a head is one block also for 8 GiB and more.
        return header.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")

    def _pad(self, size: int) -> None:
        self._goal.write(bytes(-size % tarfile.BLOCKSIZE))
