"""The door to OpenCV's warps: a line is cut out of a page, straightened.

After CropByPolys of PaddleX 3.7, step by step: crop_image_regions.py in paddlex/inference/pipelines/
components/common.
"""

from typing import Any

import cv2
import numpy as np

from paddlemodel_server.protocol import Array
from paddlemodel_server.tasks.text_detection import polygons

UPRIGHT = 1.5  # height to width: such a line runs from top to bottom
GRID = 32  # places between two pixels, as OpenCV 4 has them, and PaddleX with it; OpenCV 5 has no such grid


def cut(pixels: Array, box: list[list[int]]) -> Array:
    """A line: uint8 [height, width, channels]; one that stands upright is laid down.

    Args:
        pixels: of the page: uint8 [height, width, channels].
        box: four corners [x, y], around some pixels.
    """
    corners = _corners(np.array(box))
    height, width = _size(corners)
    across, down = _places(corners, height, width)
    found: Any = cv2.remap(pixels, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    found = found.reshape(height, width, pixels.shape[2])
    return np.rot90(found) if height / width >= UPRIGHT else found


def _places(corners: Array, height: int, width: int) -> tuple[Array, Array]:
    """For each pixel of a line its x and y in the page: float32 [height, width] each."""
    goal = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    warp = cv2.getPerspectiveTransform(goal, corners)
    columns, rows = np.arange(width), np.arange(height)[:, None]
    x, y, z = (row[0] * columns + row[1] * rows + row[2] for row in warp)
    across, down = ((np.rint(place / z * GRID) / GRID).astype(np.float32) for place in (x, y))
    return across, down


def has_pixels(box: list[list[int]]) -> bool:
    """Whether there is anything inside of four corners."""
    return min(_size(_corners(np.array(box)))) > 0


def _size(corners: Array) -> tuple[int, int]:
    """Height and width of a rectangle, in whole pixels."""
    top, right, low, left = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1).tolist()
    return int(max(left, right)), int(max(top, low))


def _corners(points: Array) -> Array:
    """Of the smallest rectangle around points, from the top left clockwise: float32 [4, 2]."""
    return polygons.rectangle(points.astype(np.int32))[0]
