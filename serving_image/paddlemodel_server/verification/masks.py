"""The pixels of a mask that a server has answered; pure.

It reads the PNG that `tasks.semantic_segmentation.mask` writes, and no other: eight bits for a pixel, lines
without a filter. A picture of another kind is compared by its bytes.
"""

import struct
import zlib
from typing import Any, Final

import numpy as np

MOST_PIXELS: Final = 1 << 26
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEAD: Final = struct.Struct(">IIBBBBB")
_KINDS: Final = {(8, 0), (8, 3)}  # bits, and grey or a palette


def pixels(picture: bytes) -> np.ndarray[Any, np.dtype[np.uint8]] | None:
    """The values, uint8 [height, width]; None where it is no such picture."""
    if not picture.startswith(_SIGNATURE):
        return None
    try:
        chunks = _chunks(picture)
        width, height, bits, colours, *rest = _HEAD.unpack(chunks[b"IHDR"])
        size = height * (width + 1)
        if (bits, colours) not in _KINDS or any(rest) or not 0 < size <= MOST_PIXELS:
            return None
        unpacking = zlib.decompressobj()
        lines = np.frombuffer(unpacking.decompress(chunks[b"IDAT"], size + 1), np.uint8)
    except (KeyError, struct.error, zlib.error):
        return None
    if len(lines) != size or lines[:: width + 1].any():
        return None
    return lines.reshape(height, width + 1)[:, 1:]


def _chunks(picture: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = len(_SIGNATURE)
    while at + 8 <= len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        kind, content = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        found[kind] = found.get(kind, b"") + content
        at += 12 + length
    return found
