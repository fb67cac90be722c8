"""What the head of a JPEG, PNG, WebP or BMP file promises, read before a decoder sees the file.

A small file may promise, and take, gigabytes. JPEG's and BMP's heads are read by libjpeg-turbo and Pillow.
The sides of a PNG (https://www.w3.org/TR/png-3/) and a WebP (RFC 9649) stand at fixed places: Pillow would
reserve two canvases to tell a WebP's, and refuse PNGs for their comments. How many scans a JPEG has (ITU-T
T.81), no reader tells.
"""

import io
import re

from paddlemodel_server.errors import BadRequestError, UnsupportedMediaTypeError

MAX_PIXELS = 1 << 26  # 64 million: 192 MiB once decoded
PIXEL_BYTES = 3
MAX_SCANS = 100  # of a JPEG, which has ten or so; each of a few bytes costs as much time as the whole image
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # of a JPEG; what is left out stands among the pixels


def most_pixels(body_bytes: int | None) -> int:
    """How many pixels a picture may have, by the memory that it may take; None: as much as any."""
    return MAX_PIXELS if body_bytes is None else min(MAX_PIXELS, body_bytes // PIXEL_BYTES)


def check_header(body: bytes, most: int) -> int:
    """Refuse what is no image, and what would explode, before OpenCV sees it; returns its pixels."""
    size = header_size(body)
    if size is None:
        raise UnsupportedMediaTypeError("The body is not a JPEG, PNG, WebP or BMP image.")
    width, height = size
    if width <= 0 or height <= 0:
        raise BadRequestError("The image's header is damaged: it names no size.")
    if width * height > most:
        raise BadRequestError(f"The image has {width} x {height} pixels; at most {most} are allowed.")
    if body[:2] == b"\xff\xd8" and body.count(b"\xff\xda") > MAX_SCANS and _scans(body) > MAX_SCANS:
        raise BadRequestError(f"The JPEG has more than {MAX_SCANS} scans; save it anew.")
    return width * height


def header_size(body: bytes) -> tuple[int, int] | None:
    """Width and height as the header says; (0, 0) where it is damaged, None where it is no known image."""
    if body[:8] == b"\x89PNG\r\n\x1a\n":
        return _big(body, 16, 4), _big(body, 20, 4)
    if body[:3] == b"\xff\xd8\xff":
        from paddlemodel_server.tasks.images import jpeg  # noqa: PLC0415 - Pillow: not for who reads no picture

        return jpeg.size(body)
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return _webp_size(body)
    if body[:2] == b"BM":
        return _bmp_size(body)
    return None


def _scans(body: bytes) -> int:
    """How often a JPEG goes over its pixels; what follows its end (a phone's film) may look like more."""
    scans, position = 0, 2
    while scans <= MAX_SCANS and (found := _MARKER.search(body, position)):
        position, marker = found.end(), body[found.end() - 1]
        if marker == 0xD9:  # the end
            break
        scans += marker == 0xDA
        if marker not in {0x01, 0xD8}:  # all others have a length
            position += max(2, _big(body, position, 2))
    return scans


def _bmp_size(body: bytes) -> tuple[int, int]:
    from PIL.BmpImagePlugin import BmpImageFile  # noqa: PLC0415 - see above

    try:
        return BmpImageFile(io.BytesIO(body)).size
    except (OSError, SyntaxError, ValueError):
        return 0, 0


def _webp_size(body: bytes) -> tuple[int, int]:
    kind = body[12:16]
    if kind == b"VP8X":
        return 1 + _little(body, 24, 3), 1 + _little(body, 27, 3)
    if kind == b"VP8 ":
        return _little(body, 26, 2) & 0x3FFF, _little(body, 28, 2) & 0x3FFF
    if kind == b"VP8L":
        bits = _little(body, 21, 4)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return 0, 0


def _big(body: bytes, at: int, size: int) -> int:
    return int.from_bytes(body[at : at + size], "big") if at + size <= len(body) else 0


def _little(body: bytes, at: int, size: int) -> int:
    return int.from_bytes(body[at : at + size], "little") if at + size <= len(body) else 0
