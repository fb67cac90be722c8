"""To which size a picture is scaled before text is looked for in it; pure.

After DetResizeForTest of PaddleX 3.7 (paddlex/inference/models/text_detection/processors.py), with its
rounding.
"""

from typing import TYPE_CHECKING

import numpy as np

from paddlemodel_server.protocol import Array

if TYPE_CHECKING:
    from paddlemodel_api.tasks import TextDetection as Spec

STEP = 32  # what the networks' strides multiply to
TINY = 64  # height and width together


def size(height: int, width: int, spec: "Spec") -> tuple[int, int]:
    """Height and width, multiples of 32.

    Args:
        height: of the picture.
        width: likewise.
        spec: the validated member.
    """
    shorter, longer = sorted((height, width))
    ratio = 1.0
    if spec.limit_type == "Min" and shorter < spec.limit_side:
        ratio = spec.limit_side / shorter
    elif spec.limit_type == "Max" and longer > spec.limit_side:
        ratio = spec.limit_side / longer
    height, width = int(height * ratio), int(width * ratio)
    if max(height, width) > spec.max_side:
        ratio = spec.max_side / max(height, width)
        height, width = int(height * ratio), int(width * ratio)
    return _rounded(height), _rounded(width)


def _rounded(side: int) -> int:
    return max(round(side / STEP) * STEP, STEP)  # halves go to the even one, as there


def padded(pixels: Array) -> Array:
    """A tiny picture at the left and top of black; others as they are."""
    height, width = padded_size(*pixels.shape[:2])
    if (height, width) == pixels.shape[:2]:
        return pixels
    found = np.zeros((height, width, pixels.shape[2]), np.uint8)
    found[: pixels.shape[0], : pixels.shape[1]] = pixels
    return found


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of what `padded` gives."""
    return (max(height, STEP), max(width, STEP)) if height + width < TINY else (height, width)
