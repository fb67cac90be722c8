"""A validated body becomes tensors: image bytes -> one NCHW (or NHWC) float32 tensor, as spec.task says.

Both doors call `image`; it takes about a millisecond or more, so the lane runs it in a thread. OpenCV sees
only bytes whose header names one of four formats and honest dimensions.
"""

import os
import re
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, cast

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 26))  # before the import: OpenCV reads it once

import cv2
import numpy as np

from paddlemodel_server.errors import BadRequestError, StartError, UnsupportedMediaTypeError
from paddlemodel_server.model.signature import Model, Tensor
from paddlemodel_server.tasks.spec import ImageClassification

MAX_PIXELS = 1 << 26  # 64 million: 192 MiB once decoded
LARGE_PIXELS = 1 << 24  # 16 million, 48 MiB: an HTTP worker decodes larger images one at a time
PIXEL_BYTES = 3
MAX_SCANS = 100  # of a JPEG, which has ten or so; each of a few bytes costs as much time as the whole image
MAX_GROWTH = 64  # how much larger than the model's input an image may become before it is cropped
CROP_RATIO = 0.875  # the middle 224 of 256, as ImageNet models are evaluated

Array = np.ndarray[Any, np.dtype[Any]]

_ALONE = threading.Lock()  # held by the thread that decodes a large image
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # of a JPEG; what is left out stands among the pixels

cv2.setNumThreads(
    1
)  # an HTTP worker's parallelism is its thread pool; OpenCV would start one thread per host CPU


@dataclass(frozen=True, kw_only=True)
class ImagePlan:
    """How an image becomes the model's one input; everything that can be computed before a request is."""

    task: ImageClassification
    height: int
    width: int
    channels: int
    channels_last: bool
    table: Array  # [channel, pixel value] -> normalised value
    most_pixels: int


def plan(task: ImageClassification, model: Model, room: int | None = None) -> ImagePlan:
    """Fit the task to the model, or say why it does not fit.

    Args:
        task: the spec.
        model: the inputs.
        room: bytes that a decoded image may take; None: no less than for any.
    """
    if len(model.inputs) != 1:
        names = ", ".join(tensor.name for tensor in model.inputs)
        raise _misfit(f"takes one input, the model has {len(model.inputs)} ({names})")
    tensor = model.inputs[0]
    if len(tensor.shape) != 4 or tensor.dtype != "float32":
        raise _misfit(f"takes an FP32 input of 4 dimensions, the model has {described(tensor)}")
    channels_last = tensor.shape[1] not in {1, 3} and tensor.shape[3] in {1, 3}
    channels, height, width = (tensor.shape[i] for i in ((3, 1, 2) if channels_last else (1, 2, 3)))
    if channels == -1:
        channels = 3
    if channels not in {1, 3}:
        raise _misfit(f"takes 1 or 3 channels, the model has {described(tensor)}")
    sides = []
    for name, side, desired in (("height", height, task.height), ("width", width, task.width)):
        if side == -1 and desired is None:
            raise _misfit(f"needs the field {name}, because the model leaves it open: {described(tensor)}")
        if side != -1 and desired not in {None, side}:
            raise _misfit(f"has {name} {desired}, but the model's is fixed: {described(tensor)}")
        sides.append(desired if side == -1 else side)
    return ImagePlan(
        task=task,
        height=cast("int", sides[0]),
        width=cast("int", sides[1]),
        channels=channels,
        channels_last=channels_last,
        table=_table(task, channels),
        most_pixels=MAX_PIXELS if room is None else min(MAX_PIXELS, room // PIXEL_BYTES),
    )


def described(tensor: Tensor) -> str:
    """An input as messages show it."""
    return f"{tensor.name} {tensor.datatype} {list(tensor.shape)}"


def _misfit(message: str) -> StartError:
    return StartError(
        "TaskDoesNotFit", f"The task ImageClassification {message}; use the task Tensors or change it."
    )


def _table(task: ImageClassification, channels: int) -> Array:
    values = np.arange(256, dtype=np.float64) / 255
    rows = [(values - task.mean[c]) / task.std[c] for c in range(channels)]
    return np.stack(rows).astype(np.float32)


def image(body: bytes, plan: ImagePlan) -> Array:
    """Decode, resize and normalise one image."""
    large = check_header(body, plan.most_pixels) > LARGE_PIXELS
    with _ALONE if large else nullcontext():
        pixels, height, width = _resized(_decoded(body, plan), plan)
    filled = np.zeros((plan.channels, plan.height, plan.width), np.float32)
    for channel in range(plan.channels):
        # OpenCV decodes to BGR; mean and std are in the order that the model wants.
        source = channel if plan.task.channel_order == "BGR" else plan.channels - 1 - channel
        filled[channel, :height, :width] = plan.table[channel].take(pixels[:, :, source])
    return np.ascontiguousarray(filled.transpose(1, 2, 0))[None] if plan.channels_last else filled[None]


def _decoded(body: bytes, plan: ImagePlan) -> Array:
    flag = cv2.IMREAD_GRAYSCALE if plan.channels == 1 else cv2.IMREAD_COLOR
    try:
        decoded = cv2.imdecode(np.frombuffer(body, np.uint8), flag)
    except cv2.error:
        decoded = None
    if decoded is None:
        raise BadRequestError("The image is damaged: its header is right, its content cannot be decoded.")
    return decoded[:, :, None] if decoded.ndim == 2 else decoded


def _resized(pixels: Array, plan: ImagePlan) -> tuple[Array, int, int]:
    """The image at the model's size, and how much of the tensor it fills."""
    height, width = pixels.shape[:2]
    if plan.task.resize == "Stretch":
        return _scaled(pixels, plan.height, plan.width), plan.height, plan.width
    if plan.task.resize == "Pad":
        scale = min(plan.height / height, plan.width / width)
        inner_height = min(plan.height, max(1, round(height * scale)))
        inner_width = min(plan.width, max(1, round(width * scale)))
        return _scaled(pixels, inner_height, inner_width), inner_height, inner_width
    scale = max(plan.height / height, plan.width / width) / CROP_RATIO
    if height * width * scale * scale > MAX_GROWTH * plan.height * plan.width:
        # 1 x 8000 pixels would become 256 x 2,000,000: cut the middle out before, not after.
        pixels = _middle(pixels, max(1, round(plan.height / scale)), max(1, round(plan.width / scale)))
        return _scaled(pixels, plan.height, plan.width), plan.height, plan.width
    scaled = _scaled(pixels, round(height * scale), round(width * scale))
    return _middle(scaled, plan.height, plan.width), plan.height, plan.width


def _middle(pixels: Array, height: int, width: int) -> Array:
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    top, left = max(0, top), max(0, left)
    return pixels[top : top + height, left : left + width]


def _scaled(pixels: Array, height: int, width: int) -> Array:
    if pixels.shape[:2] == (height, width):
        return pixels
    scaled = cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=cv2.INTER_LINEAR)
    return scaled if scaled.ndim == 3 else scaled[:, :, None]


def check_header(body: bytes, most_pixels: int) -> int:
    """Refuse what is no image, and what would explode, before OpenCV sees it; returns its pixels."""
    size = header_size(body)
    if size is None:
        raise UnsupportedMediaTypeError("The body is not a JPEG, PNG, WebP or BMP image.")
    width, height = size
    if width <= 0 or height <= 0:
        raise BadRequestError("The image's header is damaged: it names no size.")
    if width * height > most_pixels:
        raise BadRequestError(f"The image has {width} x {height} pixels; at most {most_pixels} are allowed.")
    if body[:2] == b"\xff\xd8" and body.count(b"\xff\xda") > MAX_SCANS and _scans(body) > MAX_SCANS:
        raise BadRequestError(f"The JPEG has more than {MAX_SCANS} scans; save it anew.")
    return width * height


def header_size(body: bytes) -> tuple[int, int] | None:
    """Width and height as the header says; (0, 0) where it is damaged, None where it is no known image."""
    if body[:8] == b"\x89PNG\r\n\x1a\n":
        return _big(body, 16, 4), _big(body, 20, 4)
    if body[:3] == b"\xff\xd8\xff":
        return _jpeg_size(body)
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return _webp_size(body)
    if body[:2] == b"BM":
        return _little(body, 18, 4), abs(int.from_bytes(body[22:26], "little", signed=True))
    return None


def _jpeg_size(body: bytes) -> tuple[int, int]:
    position = 2
    while position + 9 < len(body):
        if body[position] != 0xFF:
            return 0, 0
        marker = body[position + 1]
        if marker == 0xFF:  # padding
            position += 1
        elif 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            return _big(body, position + 7, 2), _big(body, position + 5, 2)
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:
            position += 2
        else:
            position += 2 + max(2, _big(body, position + 2, 2))
    return 0, 0


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
