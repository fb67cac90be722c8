"""Image bytes become one NCHW (or NHWC) float32 array, as the plan says.

It takes about a millisecond or more, so the HTTP worker runs it in a thread.
"""

import numpy as np

from paddlemodel_server.protocol import Array
from paddlemodel_server.tasks.image_classification.plan import ImagePlan
from paddlemodel_server.tasks.images import decoding

MAX_GROWTH = 64  # how much larger than the model's input an image may become before it is cropped
CROP_RATIO = 0.875  # the middle 224 of 256, as ImageNet models are evaluated


def image(body: bytes, plan: ImagePlan) -> Array:
    """Decode, resize and normalise one image.

    Returns:
        float32 of shape [1, channels, height, width], or [1, height, width, channels].

    Raises:
        UnsupportedMediaTypeError: it is no image of a known format.
        BadRequestError: it is damaged, or larger than may be.
    """
    with decoding.decoded(body, plan.most_pixels, grey=plan.channels == 1) as whole:
        pixels, height, width = _resized(whole, plan)
    filled = np.zeros((plan.channels, plan.height, plan.width), np.float32)
    for channel in range(plan.channels):
        # OpenCV decodes to BGR; mean and std are in the order that the model wants.
        source = channel if plan.spec.channel_order == "BGR" else plan.channels - 1 - channel
        filled[channel, :height, :width] = plan.table[channel].take(pixels[:, :, source])
    return np.ascontiguousarray(filled.transpose(1, 2, 0))[None] if plan.channels_last else filled[None]


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


def _scaled(pixels: Array, height: int, width: int, plan: ImagePlan) -> Array:
    how = decoding.Scaling(interpolation=plan.spec.interpolation, antialias=plan.spec.antialias)
    return decoding.scaled(pixels, height, width, how)
