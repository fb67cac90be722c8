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
TILE = 1024  # pixels of a line cut at once, each way: OpenCV takes no side of 32767; places need memory
BESIDE = 4  # pixels beside a place that have a part in what is taken from there


def cut(pixels: Array, box: list[list[int]]) -> Array:
    """A line: uint8 [height, width, channels]; one that stands upright is laid down.

    Args:
        pixels: of the page: uint8 [height, width, channels].
        box: four corners [x, y], around some pixels.
    """
    corners = _corners(np.array(box))
    height, width = _size(corners)
    goal = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    warp = cv2.getPerspectiveTransform(goal, corners)
    found = np.empty((height, width, pixels.shape[2]), np.uint8)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            _fill(found[top : top + TILE, left : left + TILE], pixels, warp, top, left)
    return np.rot90(found) if height / width >= UPRIGHT else found


def _fill(tile: Array, pixels: Array, warp: Any, top: int, left: int) -> None:
    """Take the pixels of a part of a line from the part of the page around them."""
    height, width, channels = tile.shape
    columns, rows = np.arange(left, left + width), np.arange(top, top + height)[:, None]
    x, y, z = (row[0] * columns + row[1] * rows + row[2] for row in warp)
    across, down = (np.rint(place / z * GRID) / GRID for place in (x, y))
    begin_x, end_x = _around(across, pixels.shape[1])
    begin_y, end_y = _around(down, pixels.shape[0])
    found: Any = cv2.remap(
        pixels[begin_y:end_y, begin_x:end_x],
        (across - begin_x).astype(np.float32),
        (down - begin_y).astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    tile[:] = found.reshape(height, width, channels)


def _around(places: Array, size: int) -> tuple[int, int]:
    """From where to where pixels are looked at, at least one of the `size` that there are."""
    begin = min(max(0, int(places.min()) - BESIDE), size - 1)
    return begin, min(max(begin + 1, int(places.max()) + BESIDE), size)


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
