"""The door to OpenCV: the bytes of an image become pixels, and pixels another size.

OpenCV sees only bytes whose header names one of four formats and honest dimensions.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.host import c_stderr
from paddlemodel_server.protocol import Array
from paddlemodel_server.tasks.images import jpeg
from paddlemodel_server.tasks.images.headers import MAX_PIXELS, check_header

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))  # OpenCV reads it once, at its import

import cv2
import numpy as np
from PIL import Image

LARGE_PIXELS = 1 << 24  # 16 million, 48 MiB: an HTTP worker works on larger images one at a time

_ALONE = threading.Lock()  # held by the thread that works on a large image

# An HTTP worker's parallelism is its thread pool; OpenCV would start one thread per host CPU.
cv2.setNumThreads(1)


@contextmanager
def decoded(body: bytes, most_pixels: int, *, grey: bool = False) -> Iterator[Array]:
    """The pixels of an image, upright; while they are worked on, no other large image is.

    Args:
        body: the file.
        most_pixels: that it may have.
        grey: whether it should have one channel.

    Yields:
        uint8 of shape [height, width, 3] in the order BGR, or [height, width, 1].

    Raises:
        UnsupportedMediaTypeError: it is no image of a known format.
        BadRequestError: it is damaged, or larger than may be.
    """
    with alone(check_header(body, most_pixels)):
        yield _pixels(body, grey=grey)


@contextmanager
def alone(count: int) -> Iterator[None]:
    """While something is done with so many pixels that no other large image should be in work."""
    with _ALONE if count > LARGE_PIXELS else nullcontext():
        yield


_OPENCV = {
    "Nearest": cv2.INTER_NEAREST,
    "Linear": cv2.INTER_LINEAR,
    "Cubic": cv2.INTER_CUBIC,
    "Area": cv2.INTER_AREA,
    "Lanczos": cv2.INTER_LANCZOS4,
}
_PILLOW = {
    "Nearest": Image.Resampling.NEAREST,
    "Linear": Image.Resampling.BILINEAR,
    "Cubic": Image.Resampling.BICUBIC,
    "Area": Image.Resampling.BOX,
    "Lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How pixels are made where an image changes its size.

    Attributes:
        interpolation: Nearest, Linear, Cubic, Area or Lanczos.
        antialias: as Pillow does, where every pixel has its part in an image that gets smaller.
    """

    interpolation: str = "Linear"
    antialias: bool = False


LINEAR = Scaling()


def scaled(pixels: Array, height: int, width: int, how: Scaling = LINEAR) -> Array:
    """An image at another size: uint8 [height, width, channels]."""
    if pixels.shape[:2] == (height, width):
        return pixels
    if how.antialias:
        picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        found: Array = np.asarray(picture.resize((width, height), _PILLOW[how.interpolation]))
    else:
        method = _OPENCV[how.interpolation]
        found = cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=method)
    return found if found.ndim == 3 else found[:, :, None]


def _pixels(body: bytes, *, grey: bool) -> Array:
    if body[:2] == b"\xff\xd8" and (stored := jpeg.decoded(body, grey=grey)) is not None:
        return _turned(stored, jpeg.orientation(body))
    try:
        with c_stderr.without_decoders():
            found = cv2.imdecode(
                np.frombuffer(body, np.uint8), cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR
            )
    except cv2.error:
        found = None
    if found is None:
        raise BadRequestError("The image is damaged: its header is right, its content cannot be decoded.")
    return found[:, :, None] if found.ndim == 2 else found


# What makes a picture upright, by EXIF's orientation (CIPA DC-008, tag 0x0112): transposed first or not, then
# the axis to flip for OpenCV: 0 upside down, 1 left and right, -1 both, None neither.
_TURNS = {
    2: (False, 1),
    3: (False, -1),
    4: (False, 0),
    5: (True, None),
    6: (True, 1),
    7: (True, -1),
    8: (True, 0),
}


def _turned(pixels: Array, orientation: int) -> Array:
    transposed, axis = _TURNS.get(orientation, (False, None))
    if transposed:
        pixels = cv2.transpose(pixels)
    if axis is not None:
        pixels = cv2.flip(pixels, axis)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels
