"""The door to libjpeg-turbo: a JPEG's size and pixels, and whether it is whole.

OpenCV decodes what it can of a damaged JPEG, writes libjpeg's warning to stderr and says nothing. Here the
warning is read: damage is refused. What is harmless is left to OpenCV, whose decoder is the same library.
"""

import io
import re
from struct import error as StructError  # noqa: N812 - what Pillow raises beside its own
from typing import cast

import simplejpeg  # type: ignore[import-untyped]  # its stubs lack the marker
from PIL.ExifTags import Base
from PIL.JpegImagePlugin import JpegImageFile

from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.protocol import Array

# Of libjpeg-turbo's warnings (jerror.h) those that tell of lost or changed pixels. The others are about a
# profile, a version, or parameters that a decoder does not need.
_DAMAGE = re.compile(r"premature end|bad (Huffman|arithmetic) code|found marker", re.IGNORECASE)
_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
_FEW_BYTES = (
    16  # webcams and scanners leave one or two at the end of a scan; a decoder that lost its way, many
)
_RESTARTS = range(0xD0, 0xD8)  # markers amid the pixels, where no byte is spare
_UPRIGHT = 1
_PILLOW_REFUSES = (OSError, SyntaxError, ValueError, LookupError, StructError, UserWarning)


def size(body: bytes) -> tuple[int, int]:
    """Width and height of a JPEG as its head says; (0, 0) where that is damaged."""
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(body, strict=False)
    except (KeyError, ValueError):  # perhaps only because a sampling of colours has no name there
        pass
    else:
        return int(width), int(height)
    try:
        return JpegImageFile(io.BytesIO(body)).size
    except _PILLOW_REFUSES:
        return 0, 0


def decoded(body: bytes, *, grey: bool) -> Array | None:
    """The pixels as they are stored: uint8 [height, width, 3] in the order BGR, or [height, width, 1].

    None: there is nothing to say against it, but this decoder does not take it.

    Raises:
        BadRequestError: pixels are missing or were changed.
    """
    try:
        return cast("Array", simplejpeg.decode_jpeg(body, "GRAY" if grey else "BGR", strict=True))
    except KeyError:
        return None
    except ValueError as error:
        if _tells_of_damage(str(error), body):
            raise BadRequestError(f"The image is damaged: {error}.") from None
        return None


def _tells_of_damage(warning: str, body: bytes) -> bool:
    found = _EXTRANEOUS.search(warning)
    if not found:
        return bool(_DAMAGE.search(warning))
    count, marker = int(found[1]), int(found[2], 16)
    if marker in _RESTARTS:
        return True
    return count > _FEW_BYTES and bytes(count) + bytes([0xFF, marker]) not in body  # zeros are padding


def orientation(body: bytes) -> int:
    """EXIF's value from 1 (upright) to 8; upright where the file does not say it, or not legibly."""
    if b"Exif\0\0" not in body:
        return _UPRIGHT
    try:
        # Not Image.open, which would look for further pictures in the file.
        found = JpegImageFile(io.BytesIO(body)).getexif().get(Base.Orientation, _UPRIGHT)
    except _PILLOW_REFUSES:
        return _UPRIGHT
    return found if isinstance(found, int) else _UPRIGHT
