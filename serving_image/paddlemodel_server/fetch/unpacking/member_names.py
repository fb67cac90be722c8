"""Where a member of an archive belongs, told from the bytes of its name. Pure.

Names come from everywhere: .NET and PowerShell 5 write backslashes between folders, and zips of East Asian
Windows carry Shift-JIS, GBK, Big5 or Korean names, which no flag tells and in which a character's second byte
may be the backslash's. A backslash separates folders only where every one of these encodings that can read
the name sees a backslash.
"""

import os
import re
from dataclasses import dataclass

_EAST_ASIAN = ("cp932", "gbk", "cp950", "cp949")
_BACKSLASH = ord("\\")
_LONGEST_PART, _LONGEST_NAME = 255, 2000  # bytes


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place below the folder where an archive is unpacked."""

    parts: tuple[str, ...]
    is_folder: bool  # whether the name ends as a folder's


def place(raw: bytes, *, utf8: bool) -> Place:
    """Where a member belongs.

    Args:
        raw: the name as it stands in the archive.
        utf8: whether the archive says that it is UTF-8, in which no second byte is a backslash.

    Raises:
        ValueError: there is no such place inside; half a sentence says why.
    """
    separated = _with_slashes(raw, utf8=utf8)
    pieces = separated.split(b"/")
    windows_root = separated != raw and re.match(rb"[A-Za-z]:", raw)
    if separated.startswith(b"/") or b".." in pieces or windows_root or any(byte < 32 for byte in raw):
        raise ValueError("which leaves its folder or no file can have")
    parts = tuple(_readable(piece) for piece in pieces if piece not in {b"", b"."})
    if any(len(os.fsencode(part)) > _LONGEST_PART for part in parts) or len(raw) > _LONGEST_NAME:
        raise ValueError("which is too long")
    return Place(parts=parts, is_folder=separated.endswith(b"/"))


def _with_slashes(raw: bytes, *, utf8: bool) -> bytes:
    """The name with slashes only, where a backslash separates folders."""
    at = {position for position, byte in enumerate(raw) if byte == _BACKSLASH}
    if not at:
        return raw
    if not utf8 and not _is_utf8(raw):
        for codec in _EAST_ASIAN:
            at &= _backslashes(raw, codec)
    return bytes(ord("/") if position in at else byte for position, byte in enumerate(raw))


def _backslashes(raw: bytes, codec: str) -> set[int]:
    """Where this encoding sees a backslash; everywhere, if it cannot read the name at all."""
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError:
        return set(range(len(raw)))
    found, position = set(), 0
    for char in text:
        if char == "\\":
            found.add(position)
        position += len(char.encode(codec))
    return found


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _readable(piece: bytes) -> str:
    """A part as text: UTF-8, else the zip format's cp437; with half a character its bytes as they are."""
    if _is_utf8(piece):
        return piece.decode()
    return os.fsdecode(piece) if _BACKSLASH in piece else piece.decode("cp437")
