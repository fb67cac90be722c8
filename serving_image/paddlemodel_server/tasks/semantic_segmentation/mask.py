"""A mask becomes an indexed PNG and the shares of its classes; pure.

A pixel's value in the PNG is its class; the palette only shows it. Colours are PaddleSeg's and PaddleX's.
"""

import struct
import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from paddlemodel_server.protocol import Array

CLASSES = 256  # that an indexed PNG can hold
_LEVEL = 6
_BLOCK = 1 << 20  # pixels that are counted at once: numpy counts in eight bytes each


@cache
def colours() -> tuple[tuple[int, int, int], ...]:
    """The colour of each class: red, green and blue from 0 to 255.

    As get_color_map_list of paddleseg/utils/visualize.py makes them: the bits of class + 1, three at a time,
    are spread over the channels from their highest bit down.
    """
    return tuple(_colour(number + 1) for number in range(CLASSES))


def _colour(number: int) -> tuple[int, int, int]:
    channels = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            channels[channel] |= (number >> (3 * bit + channel) & 1) << (7 - bit)
    return channels[0], channels[1], channels[2]


def png(mask: Array) -> bytes:
    """An indexed PNG of eight bits (https://www.w3.org/TR/png-3/, colour type 3).

    Args:
        mask: uint8 [height, width].
    """
    height, width = mask.shape
    lines = np.zeros((height, width + 1), np.uint8)  # before each line the number of its filter: none
    lines[:, 1:] = mask
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    palette = bytes(value for colour in colours() for value in colour)
    chunks = (
        _chunk(b"IHDR", head),
        _chunk(b"PLTE", palette),
        _chunk(b"IDAT", zlib.compress(lines.data, _LEVEL)),
        _chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def classes(mask: Array, names: Sequence[str]) -> list[dict[str, Any]]:
    """Each class of a mask with its share of the pixels, the largest first.

    Args:
        mask: uint8 [height, width].
        names: the labels; none, or one for each class.
    """
    flat, counts = mask.reshape(-1), np.zeros(CLASSES, np.int64)
    for at in range(0, flat.size, _BLOCK):
        counts += np.bincount(flat[at : at + _BLOCK], minlength=CLASSES)
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    return [_class(int(at), int(counts[at]) / flat.size, names) for at in order]


def _class(at: int, fraction: float, names: Sequence[str]) -> dict[str, Any]:
    return {
        "class_id": at,
        "label": (names[at] if at < len(names) else "") or None,
        "fraction": fraction,
        "color": "#{:02x}{:02x}{:02x}".format(*colours()[at]),
    }
