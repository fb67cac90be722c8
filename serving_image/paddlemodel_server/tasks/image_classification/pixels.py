"""The door to OpenCV: image bytes become one NCHW (or NHWC) float32 array, as the plan says.

It takes about a millisecond or more, so the HTTP worker runs it in a thread. OpenCV sees only bytes whose
header names one of four formats and honest dimensions.
"""

import os
import threading
from contextlib import nullcontext

from paddlemodel_server.errors import BadRequestError
from paddlemodel_server.protocol import Array
from paddlemodel_server.tasks.image_classification import jpeg
from paddlemodel_server.tasks.image_classification.headers import check_header
from paddlemodel_server.tasks.image_classification.plan import MAX_PIXELS, ImagePlan

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))  # OpenCV reads it once, at its import

import cv2
import numpy as np
from PIL import Image

LARGE_PIXELS = 1 << 24  # 16 million, 48 MiB: an HTTP worker decodes larger images one at a time
MAX_GROWTH = 64  # how much larger than the model's input an image may become before it is cropped
CROP_RATIO = 0.875  # the middle 224 of 256, as ImageNet models are evaluated

_ALONE = threading.Lock()  # held by the thread that decodes a large image

# An HTTP worker's parallelism is its thread pool; OpenCV would start one thread per host CPU.
cv2.setNumThreads(1)


def image(body: bytes, plan: ImagePlan) -> Array:
    """Decode, resize and normalise one image.

    Returns:
        float32 of shape [1, channels, height, width], or [1, height, width, channels].

    Raises:
        UnsupportedMediaTypeError: it is no image of a known format.
        BadRequestError: it is damaged, or larger than may be.
    """
    large = check_header(body, plan.most_pixels) > LARGE_PIXELS
    with _ALONE if large else nullcontext():
        pixels, height, width = _resized(_decoded(body, plan), plan)
    filled = np.zeros((plan.channels, plan.height, plan.width), np.float32)
    for channel in range(plan.channels):
        # OpenCV decodes to BGR; mean and std are in the order that the model wants.
        source = channel if plan.spec.channel_order == "BGR" else plan.channels - 1 - channel
        filled[channel, :height, :width] = plan.table[channel].take(pixels[:, :, source])
    return np.ascontiguousarray(filled.transpose(1, 2, 0))[None] if plan.channels_last else filled[None]


def _decoded(body: bytes, plan: ImagePlan) -> Array:
    grey = plan.channels == 1
    if body[:2] == b"\xff\xd8" and (stored := jpeg.decoded(body, grey=grey)) is not None:
        return _turned(stored, jpeg.orientation(body))
    try:
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


def _resized(pixels: Array, plan: ImagePlan) -> tuple[Array, int, int]:
    """The image at the model's size, and how much of the tensor it fills."""
    height, width = pixels.shape[:2]
    if plan.spec.resize == "Stretch":
        return _scaled(pixels, plan.height, plan.width, plan), plan.height, plan.width
    if plan.spec.resize == "Pad":
        scale = min(plan.height / height, plan.width / width)
        inner_height = min(plan.height, max(1, round(height * scale)))
        inner_width = min(plan.width, max(1, round(width * scale)))
        return _scaled(pixels, inner_height, inner_width, plan), inner_height, inner_width
    if plan.spec.resize_short is None:
        scale = max(plan.height / height, plan.width / width) / CROP_RATIO
    else:
        scale = plan.spec.resize_short / min(height, width)
    if height * width * scale * scale > MAX_GROWTH * plan.height * plan.width:
        # 1 x 8000 pixels would become 256 x 2,000,000: cut the middle out before, not after.
        pixels = _middle(pixels, max(1, round(plan.height / scale)), max(1, round(plan.width / scale)))
        return _scaled(pixels, plan.height, plan.width, plan), plan.height, plan.width
    scaled = _scaled(pixels, round(height * scale), round(width * scale), plan)
    return _middle(scaled, plan.height, plan.width), plan.height, plan.width


def _middle(pixels: Array, height: int, width: int) -> Array:
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    top, left = max(0, top), max(0, left)
    return pixels[top : top + height, left : left + width]


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


def _scaled(pixels: Array, height: int, width: int, plan: ImagePlan) -> Array:
    if pixels.shape[:2] == (height, width):
        return pixels
    how = plan.spec.interpolation
    if plan.spec.antialias:
        picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        scaled: Array = np.asarray(picture.resize((width, height), _PILLOW[how]))
    else:
        scaled = cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=_OPENCV[how])
    return scaled if scaled.ndim == 3 else scaled[:, :, None]
